/**
 * How much one batch removes, and how long nothing is removed after it. A batch that takes longer than asked is
 * followed by one of half the size, one that takes less than half of that by one of twice the size, so that whoever
 * else writes waits for a batch of a known length at most, on a slow machine too. What counts is the time above that
 * of the shortest batch there was: a distant server, or a slow disk, makes no batch smaller.
 *
 * Batches take a share of the time, whatever the machine's speed. It is small, because one transaction in a hundred
 * that meets a batch is a p99. A pass that lasts longer than it should has more to remove than that leaves room for:
 * it takes a larger share.
 */
export interface PaceSettings {
  readonly minBatch: number
  readonly maxBatch: number
  readonly batchMs: number
  readonly pauseMs: number
  /** Of the time, more than 0, at most 1. */
  readonly share: number
  /** How long a pass should last. */
  readonly passMs: number
}

/** Of a pass that lasts too long, unless it was given more. */
const LATE_SHARE = 0.1
/** Shorter than the lease of whoever does the work. */
const MAX_REST_MS = 20_000

export class BatchPace {
  readonly #settings: PaceSettings
  #limit: number
  #leastMs = Infinity

  constructor(settings: PaceSettings) {
    this.#settings = settings
    // The first is small, so that it takes hardly more than any batch has to.
    this.#limit = settings.minBatch
  }

  get limit(): number {
    return this.#limit
  }

  /** Answers how long to rest. @param sinceMs how long ago the pass began. */
  after(removed: number, tookMs: number, sinceMs: number): number {
    const { minBatch, maxBatch, batchMs, pauseMs, passMs } = this.#settings
    const share = sinceMs > passMs ? Math.max(LATE_SHARE, this.#settings.share) : this.#settings.share
    if (removed > 0) this.#leastMs = Math.min(this.#leastMs, tookMs)
    const above = tookMs - Math.min(this.#leastMs, tookMs)
    if (above > batchMs) this.#limit = Math.max(minBatch, Math.floor(this.#limit / 2))
    else if (above < batchMs / 2 && removed >= this.#limit) {
      this.#limit = Math.min(maxBatch, this.#limit * 2)
    }
    const rest = Math.round(tookMs * (1 / share - 1))
    return Math.max(pauseMs, Math.min(rest, MAX_REST_MS))
  }

  /** After a failure: as little as may be. */
  shrink(): void {
    this.#limit = this.#settings.minBatch
  }
}
