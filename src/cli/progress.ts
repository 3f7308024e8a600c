/** Tells on stderr, now and then, how far long work has come. Short work, and work for programs, tells nothing. */
import type { Output } from './output.js'

const EVERY_MS = 2_000

export class Progress {
  readonly #output: Output
  readonly #now: () => number
  #tellAt: number

  constructor(output: Output, now: () => number) {
    this.#output = output
    this.#now = now
    this.#tellAt = now() + EVERY_MS
  }

  at(text: () => string): void {
    const now = this.#now()
    if (this.#output.json || now < this.#tellAt) return
    this.#tellAt = now + EVERY_MS
    this.#output.errorLine(text())
  }
}
