/**
 * How far a subscriber's process is in one of its feeds, under one term.
 *
 *     sequence     … 40 │ 41  42  43 │ 44  45 …
 *                  done │  handed    │ in the log
 *                       │    out     │
 *            checkpoint ┘       read ┘
 *
 * Results are handed out in order, and the runner tries one item of a feed at a time, in that order, whichever batch
 * each came in. So who is tried says that all before it were delivered, even when it is settled before them; and what
 * is delivered moves the checkpoint. Nothing else does, but a snapshot that was taken over, and a gap that the policy
 * skips.
 * When an item is not delivered, those behind it come back untried: `read` returns to before the first of them, and
 * they are read again when the time has come.
 *
 * What can interleave is a page that was asked for before such an answer and comes after it: it is of another `round`
 * and is thrown away. An answer may also come late, when the feed has begun anew: it says nothing of this incarnation.
 * All else is synchronous. A gap is answered for only while nothing is handed out, so the checkpoint is then all that
 * was done.
 */
import type { Answer, Outcome } from '../runner/source.js'
import { BatchPace } from './batch-pace.js'
import type { Checkpoint, DeadResultDraft } from './checkpoints.js'
import type { FeedPage } from './contract.js'
import type { AnyFeed } from './feed.js'
import { gapBehind, gapReport, type GapReport } from './feed-recovery.js'
import type { FeedState } from './result.js'
import {
  resultsItem, snapshotItem, type ItemFeed, type ResultsItem, type SnapshotItem, type SubscriberItem,
} from './subscriber-item.js'
import type { SubscriberSettings } from './subscriber-options.js'

export interface WorkingFeedPorts {
  readonly settings: SubscriberSettings
  /** The policy says that the feed ends here, for this process. */
  readonly onFailed: (report: GapReport) => void
  /** Called before the gap is stored as answered for. */
  readonly onGap: (report: GapReport) => void
  /** The policy says that the subscriber ends here. */
  readonly onStop: (item: SubscriberItem, error: string) => void
}

interface Hold {
  readonly attempts: number
  readonly dueAt: number
  readonly error: string
}

/** Of a checkpoint whose feed was not there. */
const NOT_THERE = ''

export class WorkingFeed implements ItemFeed {
  readonly feed: AnyFeed
  readonly pace: BatchPace | undefined
  checkpoint: Checkpoint | undefined
  /** The last result that was handed out. */
  read = 0n
  /** Another one whenever what was handed out has come back. */
  round = 0
  /** The item behind the checkpoint failed, or is to wait. */
  hold: Hold | undefined
  /** The rows are to be taken. */
  snapshot: { readonly isReset: boolean; busy: boolean } | undefined
  /** Its policy has given it up. */
  hasFailed = false
  /** Reads that failed in a row, and when to read again. */
  failedReads = 0
  readAt = -Infinity
  /** Grows with each move of the checkpoint. */
  moves = 0
  dead: readonly DeadResultDraft[] = []
  /** While results up to this one are not done, a batch is not larger than `size`: one of them makes it fail. */
  #caution: { readonly until: bigint; readonly size: number } | undefined
  readonly #ports: WorkingFeedPorts

  constructor(feed: AnyFeed, checkpoint: Checkpoint | undefined, ports: WorkingFeedPorts) {
    this.feed = feed
    this.checkpoint = checkpoint
    this.read = checkpoint?.sequence ?? 0n
    this.#ports = ports
    const { bounds } = ports.settings
    this.pace = bounds === undefined ? undefined : new BatchPace(bounds)
  }

  get done(): bigint {
    return this.checkpoint?.sequence ?? 0n
  }

  /** Nothing of it is handed out. */
  get isQuiet(): boolean {
    return this.read === this.done && this.snapshot?.busy !== true
  }

  /** @param ahead how many results may be handed out beyond the checkpoint when more are read. */
  mayRead(now: number, ahead: number): boolean {
    if (this.hasFailed || this.readAt > now || this.snapshot?.busy === true) return false
    if (this.hold !== undefined && !(this.isQuiet && this.hold.dueAt <= now)) return false
    return this.read - this.done <= BigInt(ahead)
  }

  /** The most results that one batch may have. */
  get sizeLimit(): number {
    const caution = this.#caution
    const most = this.#ports.settings.bounds?.maxSize ?? 1
    return caution !== undefined && this.done < caution.until ? Math.min(caution.size, most) : most
  }

  /** Some results failed together: those that are left go in smaller batches, and do not wait for others. */
  get isCautious(): boolean {
    return this.#caution !== undefined && this.done < this.#caution.until
  }

  /**
   * What the feed's state means for what comes next: begins where there is no checkpoint, and answers for a gap. True
   * when results behind `read` may be handed out.
   */
  place(state: FeedState | undefined): boolean {
    if (this.hasFailed || this.snapshot !== undefined) return false
    if (state === undefined) return this.#placeMissing()
    this.#begin(state)
    if (this.checkpoint === undefined) return false
    const reason = gapBehind(this.checkpoint, this.read, state)
    if (reason === undefined) return true
    if (!this.isQuiet) return false
    const { recovery } = this.#ports.settings
    const report = gapReport(this.feed, reason, this.done, state, recovery)
    this.#ports.onGap(report)
    switch (recovery) {
      case 'strict':
        this.hasFailed = true
        this.#ports.onFailed(report)
        return false
      case 'auto_reset':
        this.snapshot = { isReset: true, busy: false }
        return false
      case 'auto_skip_gap':
        this.#moveTo(state, state.first - 1n)
        return true
    }
  }

  takeSnapshot(): SnapshotItem | undefined {
    if (this.snapshot === undefined || this.snapshot.busy) return undefined
    this.snapshot.busy = true
    return snapshotItem(this, this.snapshot.isReset, this.#attempt)
  }

  /** One item of each result, or one of all of them. */
  takeResults({ state, entries }: FeedPage): readonly ResultsItem[] {
    const groups = this.pace === undefined ? entries.map((entry) => [entry]) : [entries]
    const isNext = this.isQuiet
    const items = groups.flatMap(([first, ...rest], n): ResultsItem[] => (first === undefined ? []
      : [resultsItem(this, [first, ...rest], state.incarnation, n === 0 && isNext ? this.#attempt : 1)]))
    this.read = items.at(-1)?.last ?? this.read
    this.pace?.given()
    return items
  }

  settle(item: SubscriberItem, outcome: Outcome, now: number): Answer {
    if (outcome.kind === 'ack') return this.#delivered(item)
    const { error = '' } = outcome
    if (item.kind === 'results' && error !== '') this.#advance(item, item.first - 1n)
    if (outcome.kind !== 'release') return this.#failed(item, outcome, now)
    if (error !== '') this.hold = { attempts: item.attempt - 1, dueAt: now + (outcome.retryInMs ?? 0), error }
    this.#comeBack(item)
    return 'released'
  }

  /** Nothing is handed out, or all of it has come back. */
  #moveTo({ incarnation, configHash }: Pick<FeedState, 'incarnation' | 'configHash'>, sequence: bigint): void {
    this.checkpoint = { feed: this.feed.key, sequence, incarnation, configHash }
    this.moves += 1
    this.hold = undefined
    this.read = sequence
    this.round += 1
  }

  /** Up to here the results were delivered. */
  #advance({ incarnation }: ResultsItem, to: bigint): void {
    const { checkpoint, done } = this
    if (checkpoint?.incarnation !== incarnation || to <= done) return
    this.checkpoint = { ...checkpoint, sequence: to }
    this.moves += Number(to - done)
    this.hold = undefined
  }

  get #attempt(): number {
    return (this.hold?.attempts ?? 0) + 1
  }

  #delivered(item: SubscriberItem): Answer {
    if (item.kind === 'results') this.#advance(item, item.last)
    else {
      this.snapshot = undefined
      if (item.taken !== undefined) this.#moveTo(item.taken, item.taken.sequence)
    }
    return 'delivered'
  }

  /** Only a result that is alone is given up, so that none goes with another. */
  #failed(item: SubscriberItem, outcome: Exclude<Outcome, { kind: 'ack' | 'release' }>, now: number): Answer {
    const { maxAttempts, onFailure, longestRetryMs } = this.#ports.settings
    const { attempt } = item
    const { error } = outcome
    const size = item.kind === 'results' ? item.entries.length : 1
    const isSpent = size === 1 && (outcome.kind === 'dead' || attempt >= maxAttempts)
    if (item.kind === 'results' && isSpent && onFailure === 'dead_letter') return this.#giveUp(item, error)
    if (isSpent && onFailure === 'stop') this.#ports.onStop(item, error)
    if (item.kind === 'results' && size > 1) this.#divide(item)
    const retryInMs = outcome.kind === 'retry' ? outcome.retryInMs : size > 1 ? 0 : longestRetryMs
    this.hold = { attempts: attempt, dueAt: now + retryInMs, error }
    this.#comeBack(item)
    return 'requeued'
  }

  #divide(item: ResultsItem): void {
    const until = this.isCautious && this.#caution !== undefined && this.#caution.until > item.last
      ? this.#caution.until : item.last
    this.#caution = { until, size: Math.ceil(item.entries.length / 2) }
  }

  #giveUp(item: ResultsItem, error: string): Answer {
    const { checkpoint } = this
    const [entry] = item.entries
    if (checkpoint === undefined || entry === undefined) return 'lost_claim'
    const { incarnation, configHash } = checkpoint
    const { sequence, data } = entry
    this.dead = [...this.dead, {
      feed: this.feed.key, incarnation, sequence, data, attempts: item.attempt, error,
    }]
    this.#moveTo({ incarnation, configHash }, sequence)
    return 'dead_lettered'
  }

  #comeBack(item: SubscriberItem): void {
    this.round += 1
    if (item.kind === 'results' && item.first <= this.read) this.read = item.first - 1n
    else if (this.snapshot !== undefined) this.snapshot.busy = false
  }

  #placeMissing(): boolean {
    const { start } = this.#ports.settings
    if (this.checkpoint === undefined && start === 'head') {
      this.#moveTo({ incarnation: NOT_THERE, configHash: NOT_THERE }, 0n)
    }
    return false
  }

  #begin(state: FeedState): void {
    if (this.checkpoint?.incarnation === NOT_THERE) return this.#moveTo(state, 0n)
    if (this.checkpoint !== undefined) return
    const { start } = this.#ports.settings
    if (start === 'snapshot') this.snapshot = { isReset: false, busy: false }
    else this.#moveTo(state, start === 'head' ? state.sequence : state.first - 1n)
  }
}
