/** The two streams, and how they look: plain, coloured on a terminal, or JSON. */
import { styleText } from 'node:util'
import type { Io } from './io.js'
import { maskSecrets, secretValues } from '../core/masking.js'

export type Format = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

export class Output {
  readonly json: boolean
  readonly verbose: boolean
  readonly #io: Io
  readonly #coloured: boolean
  readonly #secrets: readonly string[]

  constructor(io: Io, options: { readonly json: boolean; readonly verbose: boolean }) {
    this.#io = io
    this.#secrets = secretValues(io.env)
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
    this.#io.stderr.write(`${this.masked(text)}\n`)
  }

  /** Without passwords, keys, and the values of secret variables of the environment. */
  masked(text: string): string {
    return maskSecrets(text, this.#secrets)
  }

  styled(format: Format, text: string): string {
    return this.#coloured ? styleText(format, text, { validateStream: false }) : text
  }

  /** How wide a line may be; undefined when nobody looks, as in a pipe. */
  get width(): number | undefined {
    return this.#io.isTerminal ? this.#io.columns() ?? 80 : undefined
  }
}
