/**
 * How a runner knows that a batch is still its own, without comparing two clocks.
 *
 * The store grants a lease of `leaseMs` at some moment between our request and its answer. We know
 * only those two moments, by a clock that never jumps, and that clocks may differ in speed by a tenth:
 *
 *     asked ─ answered            asked + 0.9·leaseMs        answered + 1.1·leaseMs
 *       ├──────────────── ours ─────────────┼───── unsure ───────────┼───── over ─────
 *
 * A delivery may start only while the lease is ours. A process that was paused wakes up unsure: it
 * finishes what it had begun, and its settles are judged by the claim token, but it begins nothing.
 * A settle that the store does not answer is repeated until the lease is over.
 *
 * A watcher renews at every third of the lease, from before the request was sent. A renewal that the
 * store refuses means the claim is gone; one that fails is repeated, and the lease runs on meanwhile.
 */
import { backoffMs, type RunnerTime } from './options.js'

const MARGIN = 0.1

export interface LeaseTerms {
  readonly leaseMs: number
  /** The monotonic time before the pull was sent. */
  readonly askedAt: number
  readonly time: RunnerTime
  readonly extend: () => Promise<boolean>
  readonly onError: (error: unknown) => void
  /** The lease is gone, or no longer known to be ours. May be called more than once. */
  readonly onDoubt: () => void
}

export class Lease {
  private readonly terms: LeaseTerms
  private readonly everyMs: number
  private trustedUntil = 0
  private overAt = 0
  private gone = false
  private stopped = false
  private asking = false
  private failures = 0
  private timer: NodeJS.Timeout | undefined

  constructor(terms: LeaseTerms) {
    this.terms = terms
    this.everyMs = Math.max(terms.leaseMs / 3, 1)
    this.grant(terms.askedAt)
    this.schedule(terms.askedAt + this.everyMs - this.now())
  }

  isOurs(now: number): boolean {
    return !this.gone && now < this.trustedUntil
  }

  /** The store said that the claim is gone. */
  get isGone(): boolean {
    return this.gone
  }

  isOver(): boolean {
    return this.gone || this.now() >= this.overAt
  }

  /** Ends the renewals; the lease runs out by itself. */
  stop(): void {
    this.stopped = true
    clearTimeout(this.timer)
  }

  private now(): number {
    return this.terms.time.monotonicMs()
  }

  private grant(askedAt: number): void {
    this.trustedUntil = askedAt + this.terms.leaseMs * (1 - MARGIN)
    this.overAt = this.now() + this.terms.leaseMs * (1 + MARGIN)
  }

  private schedule(inMs: number): void {
    if (this.stopped || this.gone) return
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.tick(), Math.max(inMs, 0))
  }

  private tick(): void {
    const now = this.now()
    if (!this.isOurs(now)) this.terms.onDoubt()
    this.schedule(this.everyMs)
    if (!this.asking && !this.stopped) void this.renew(now)
  }

  private async renew(askedAt: number): Promise<void> {
    this.asking = true
    try {
      const kept = await this.terms.extend()
      if (this.stopped) return
      this.failures = 0
      if (kept) this.grant(askedAt)
      else this.lose()
    } catch (error) {
      if (this.stopped) return
      this.failures += 1
      this.terms.onError(error)
      this.schedule(Math.min(this.everyMs, backoffMs(this.failures, this.terms.time.random)))
    } finally {
      this.asking = false
    }
  }

  private lose(): void {
    this.gone = true
    clearTimeout(this.timer)
    this.terms.onDoubt()
  }
}
