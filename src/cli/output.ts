/** The two streams, and how they look: plain, coloured on a terminal, or JSON. */
import { styleText } from 'node:util'
import type { Io } from './io.js'
import { maskSecrets } from './masking.js'

export type Format = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

export class Output {
  readonly json: boolean
  readonly verbose: boolean
  readonly #io: Io
  readonly #coloured: boolean

  constructor(io: Io, options: { readonly json: boolean; readonly verbose: boolean }) {
    this.#io = io
    this.json = options.json
    this.verbose = options.verbose
    this.#coloured = io.isTerminal && !options.json && !io.env['NO_COLOR'] && io.env['TERM'] !== 'dumb'
  }

  /** A line for people, or of a stream of JSON. */
  line(text = ''): void {
    this.#io.stdout.write(`${text}\n`)
  }

  /** One JSON document on a line of its own. */
  document(value: object): void {
    this.line(JSON.stringify(value))
  }

  bytes(payload: Uint8Array): void {
    this.#io.stdout.write(payload)
  }

  errorLine(text: string): void {
    this.#io.stderr.write(`${maskSecrets(text)}\n`)
  }

  styled(format: Format, text: string): string {
    return this.#coloured ? styleText(format, text, { validateStream: false }) : text
  }

  /** How wide a line may be; undefined when nobody looks, as in a pipe. */
  get width(): number | undefined {
    return this.#io.isTerminal ? this.#io.columns() ?? 80 : undefined
  }
}
