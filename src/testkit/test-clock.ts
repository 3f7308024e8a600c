/** A clock that moves only when told to. */
import type { Clock } from '../core/environment.js'

export class TestClock {
  #time: number
  readonly now: Clock = () => this.#time

  /** Default: 2023-11-14T22:13:20Z. */
  constructor(time = 1_700_000_000_000) {
    this.#time = time
  }

  /** By a negative number it goes back. */
  advance(ms: number): number {
    this.#time += ms
    return this.#time
  }

  set(time: number): void {
    this.#time = time
  }
}
