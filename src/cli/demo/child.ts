/** The side of a child process: what it is told, what it tells, and that it never outlives its parent. */

type Counts = Readonly<Record<string, number>>

/** What children tell the parent. Counts are totals since the child began. */
export type ChildReport =
  | { readonly kind: 'ready'; readonly port?: number }
  | { readonly kind: 'counts'; readonly counts: Counts }

/** The parent's one command. */
export const STOP = 'stop'

const REPORT_EVERY_MS = 100

export interface Child<Settings> {
  readonly settings: Settings
  /** The parent can now count on this child, and is told its counts whenever they changed. */
  ready(counts: () => Counts, port?: number): void
  /** Resolves when the parent says stop. */
  readonly stopped: Promise<void>
  /** Tells the last counts and ends the process. */
  end(): void
}

export function startChild<Settings>(): Child<Settings> {
  if (process.send === undefined) throw new Error('this program is started by `waybill demo`')
  // Ctrl-C in a terminal reaches the children too; the parent decides what it means.
  process.on('SIGINT', () => undefined)
  process.on('disconnect', () => process.exit(1))
  const tell = (report: ChildReport): void => void process.send?.(report)
  let told = ''
  let tellCounts = (): void => undefined
  return {
    settings: JSON.parse(process.argv[2] ?? '{}') as Settings,
    stopped: new Promise((resolve) => {
      process.on('message', (message) => {
        if (message === STOP) resolve()
      })
    }),
    ready(counts, port) {
      tellCounts = () => {
        const now = counts()
        if (JSON.stringify(now) !== told) tell({ kind: 'counts', counts: now })
        told = JSON.stringify(now)
      }
      setInterval(tellCounts, REPORT_EVERY_MS)
      tell({ kind: 'ready', ...(port === undefined ? {} : { port }) })
    },
    end() {
      tellCounts()
      process.removeAllListeners('disconnect')
      process.disconnect()
      // What is left open, such as kept-alive connections, must not keep the process.
      setImmediate(() => process.exit(0))
    },
  }
}
