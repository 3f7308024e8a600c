/** One chore in one pass: its batches, what they removed, and how it ended. */
import { isWaybillError } from '../core/errors.js'
import { MAX_PURGE_LIMIT } from '../core/limits.js'
import { BatchPace, type PaceSettings } from './batch-pace.js'
import type { Chore, ChoreResult } from './chores.js'
import { overdueMs } from './overdue.js'
import type { BatchReport, KindReport } from './report.js'

/** Of one that may succeed later without a change, so many in a row. */
const MAX_FAILURES = 3

export interface ChoreStep {
  /** Undefined when the batch failed. */
  readonly batch: BatchReport | undefined
  readonly restMs: number
}

export class ChoreRun {
  readonly #chore: Chore
  readonly #pace: BatchPace
  readonly #monotonicMs: () => number
  readonly #begunAt: number
  #removed = 0
  #batches = 0
  #durationMs = 0
  #failures = 0
  #error: unknown
  #heldBackBy: readonly string[] = []
  #isOver = false
  /** Of a chore that is costly to ask. */
  #more = false

  constructor(chore: Chore, pace: PaceSettings, monotonicMs: () => number) {
    this.#chore = chore
    this.#pace = new BatchPace(pace)
    this.#monotonicMs = monotonicMs
    this.#begunAt = monotonicMs()
  }

  get chore(): Chore {
    return this.#chore
  }

  get removed(): number {
    return this.#removed
  }

  get error(): unknown {
    return this.#error
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** One batch. It never rejects. */
  async step(signal: AbortSignal): Promise<ChoreStep> {
    const began = this.#monotonicMs()
    const took = (): number => this.#monotonicMs() - began
    try {
      const limit = this.#pace.limit
      const result = await this.#chore.remove({ extraMs: 0, limit, dryRun: false, signal })
      return this.#succeeded(result, took())
    } catch (error) {
      return this.#failed(error, took())
    }
  }

  /** What would go. It never rejects. */
  async count(): Promise<void> {
    try {
      const { removed, more, heldBackBy = [] } =
        await this.#chore.remove({ extraMs: 0, limit: MAX_PURGE_LIMIT, dryRun: true, signal: undefined })
      this.#removed = removed
      this.#more = more
      this.#heldBackBy = heldBackBy
    } catch (error) {
      this.#error = error
    }
  }

  /** `sinceMs`: how long ago the pass began; undefined when nothing may be asked any more. It never rejects. */
  async report(sinceMs: number | undefined, dryRun: boolean): Promise<KindReport> {
    const lag = await this.#lag(sinceMs, dryRun)
    const { store, kind, olderThanMs } = this.#chore
    return {
      store, kind, olderThanMs, removed: this.#removed, more: dryRun && this.#more, batches: this.#batches,
      durationMs: this.#durationMs, ...lag, heldBackBy: this.#heldBackBy, error: this.#error,
    }
  }

  #succeeded({ removed, more, heldBackBy = [] }: ChoreResult, tookMs: number): ChoreStep {
    const { store, kind, isCostly } = this.#chore
    this.#failures = 0
    this.#removed += removed
    this.#batches += 1
    this.#durationMs += tookMs
    this.#heldBackBy = heldBackBy
    this.#more = more
    // It took what it could get: where more is left, somebody holds it.
    this.#isOver = !more || isCostly
    return {
      batch: { store, kind, removed, durationMs: tookMs, removedSoFar: this.#removed },
      restMs: removed === 0 ? 0 : this.#rest(removed, tookMs),
    }
  }

  #failed(error: unknown, tookMs: number): ChoreStep {
    this.#failures += 1
    this.#durationMs += tookMs
    this.#isOver = this.#failures >= MAX_FAILURES || !isWaybillError(error) || !error.retryable
    if (this.#isOver) this.#error = error
    this.#pace.shrink()
    return { batch: undefined, restMs: this.#rest(0, tookMs) }
  }

  #rest(removed: number, tookMs: number): number {
    return this.#pace.after(removed, tookMs, this.#monotonicMs() - this.#begunAt)
  }

  async #lag(sinceMs: number | undefined, dryRun: boolean): Promise<Pick<KindReport, 'caughtUp' | 'overdueMs'>> {
    if (sinceMs === undefined || this.#chore.isCostly || (dryRun && this.#removed === 0)) {
      const isDone = dryRun ? this.#removed === 0 : this.#isOver && !this.#more
      const caughtUp = this.#error === undefined && isDone && this.#heldBackBy.length === 0
      return { caughtUp, overdueMs: caughtUp ? 0 : undefined }
    }
    try {
      const ms = await overdueMs(async (extraMs) => {
        const { removed } = await this.#chore.remove({ extraMs, limit: 1, dryRun: true, signal: undefined })
        return removed > 0
      }, dryRun ? 0 : sinceMs)
      return { caughtUp: ms === 0 && !dryRun && this.#error === undefined, overdueMs: ms }
    } catch (error) {
      this.#error ??= error
      return { caughtUp: false, overdueMs: undefined }
    }
  }
}
