/**
 * How many results make a batch: as many as come within `maxWaitMs` at the present rate, within the bounds.
 *
 *     slowly     one by one, as they come                    (minSize)
 *     faster     what comes in maxWaitMs
 *     a backlog  as many as there are, at once               (maxSize)
 *
 * What is there is given when it is that many; or when its first has waited about as long as that many should take,
 * twice over; fewer than `minSize`, when it has waited `maxWaitMs`. The rate is the mean of the last second or so, in
 * which older results count less.
 */
import type { BatchBounds } from './subscriber-options.js'

const WINDOW_MS = 1_000

export class BatchPace {
  readonly #bounds: BatchBounds
  /** Results a second. */
  #rate = 0
  #latest: bigint | undefined
  #seenAt = 0
  /** When the first that waits was seen. */
  #waitingSince: number | undefined

  constructor(bounds: BatchBounds) {
    this.#bounds = bounds
  }

  get target(): number {
    const { minSize, maxSize, maxWaitMs } = this.#bounds
    return Math.min(Math.max(Math.round(this.#rate * maxWaitMs / 1_000), minSize), maxSize)
  }

  /** The feed was seen at this number. What was there at first has not come now. */
  saw(latest: bigint, now: number): void {
    const elapsedMs = now - this.#seenAt
    if (this.#latest !== undefined) {
      if (elapsedMs <= 0) return
      const arrived = Math.max(0, Number(latest - this.#latest))
      const kept = Math.exp(-elapsedMs / WINDOW_MS)
      this.#rate = this.#rate * kept + (arrived * 1_000 / elapsedMs) * (1 - kept)
    }
    this.#latest = latest
    this.#seenAt = now
  }

  /** In how many milliseconds this many are to be given. 0: now. */
  dueInMs(available: number, now: number): number {
    const { minSize, maxWaitMs } = this.#bounds
    if (available === 0) return Infinity
    this.#waitingSince ??= now
    const { target } = this
    if (available >= target) return 0
    const waitMs = available < minSize ? maxWaitMs : Math.min(maxWaitMs, 2_000 * target / this.#rate)
    return Math.max(0, this.#waitingSince + waitMs - now)
  }

  /** Whether some were seen and not given. */
  get isWaiting(): boolean {
    return this.#waitingSince !== undefined
  }

  given(): void {
    this.#waitingSince = undefined
  }
}
