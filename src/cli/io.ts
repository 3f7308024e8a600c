/** What the program takes from its surroundings, so that tests can run it in their own process. */

export interface TextSink {
  write(text: string | Uint8Array): unknown
}

export type StopSignal = 'SIGINT' | 'SIGTERM'

export interface Io {
  readonly stdout: TextSink
  readonly stderr: TextSink
  /** All of stdin, at most `maxBytes`; undefined when there is more. Nothing when a person types there. */
  readonly input: (maxBytes: number) => Promise<Uint8Array | undefined>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Whether a person looks at stdout. */
  readonly isTerminal: boolean
  /** How wide the terminal is, now. Undefined where there is none. */
  readonly columns: () => number | undefined
  /** How high it is. */
  readonly rows: () => number | undefined
  /** Calls back for every SIGINT and SIGTERM until the returned function is called. */
  readonly onStop: (listener: (signal: StopSignal) => void) => () => void
  readonly now: () => number
}
