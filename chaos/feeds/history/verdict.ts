/** What the checker of the feeds' run is asked, and what it answers. */
import type { RunEvent } from './events.js'

export interface CheckerOptions {
  /** How long after its commit, or after the last fault, a first delivery may take, in ms. */
  readonly recoveryMs: number
  readonly leaseMs: number
  /** By feed: how many results it keeps. */
  readonly capacities: Readonly<Record<string, number>>
  /** By subscriber: the feeds that it follows, and whether it begins with the rows of each. */
  readonly subscribers: Readonly<Record<string, FollowerPlan>>
}

export interface FollowerPlan {
  readonly feeds: readonly string[]
  readonly fromSnapshot: boolean
}

export interface Verdict {
  /** `unknown`: the history is incomplete, so nothing follows from it. It counts as a failure. */
  readonly verdict: 'valid' | 'invalid' | 'unknown'
  readonly violations: readonly Violation[]
  /** Why it is unknown. */
  readonly gaps: readonly string[]
  readonly counts: {
    /** Results. */
    readonly committed: number
    readonly aborted: number
    /** Transactions. */
    readonly decidedByTable: number
    readonly incarnations: number
    /** Results, once for each subscriber. */
    readonly delivered: number
    readonly duplicates: number
    readonly snapshots: number
    /** Gaps that subscribers were told. */
    readonly told: number
    /** Saves under a term that was over, which were refused. */
    readonly refusedSaves: number
    /** Deliveries begun under a term that was over, each explained by a fault. */
    readonly staleDeliveries: number
    readonly terms: number
    /** The slowest first delivery, from its commit or from the last fault. */
    readonly recoveryMs: number
  }
}

/**
 * - `lost`: committed, and not in the application's table, or never told of to a subscriber in any way.
 * - `phantom`: delivered, in a snapshot or in the feed, though its transaction was aborted or never was.
 * - `bytes`: other changes, or another number, were delivered or kept than committed.
 * - `hole`: the numbers of an incarnation are not 1, 2, 3, …
 * - `twice`: two committed results of an incarnation have the same number.
 * - `sequence`: the numbers do not ascend in the order of the commits.
 * - `incarnation`: a feed began anew under an incarnation that was there before.
 * - `skipped`: a later result was delivered, and this one never was, nor told to be lost, nor in a snapshot.
 * - `order`: delivered after a later one of its incarnation, or after its incarnation was over.
 * - `checkpoint`: saved, or found by who takes over, beyond what was done.
 * - `gap`: what is told of a gap is not so.
 * - `snapshot`: its rows are not those of its sequence.
 * - `duplicate`: accepted again, and no fault was about.
 * - `stale-save`: checkpoints were written under a term that was over.
 * - `stale-delivery`: begun under a term that was over, and no fault was about.
 * - `two-owners`: the subscriber was given to one process while another's lease surely held.
 * - `late`: accepted after the time it may take.
 * - `rows`: in the end the feed's rows, the application's own and what the results make of them are not the same.
 * - `log`: in the end the feed does not keep the last results, as many as it is to.
 * - `unfinished`: in the end a checkpoint is not at the feed's last result.
 */
export type Rule =
  | 'lost' | 'phantom' | 'bytes' | 'hole' | 'twice' | 'sequence' | 'incarnation' | 'skipped' | 'order' | 'checkpoint'
  | 'gap' | 'snapshot' | 'duplicate' | 'stale-save' | 'stale-delivery' | 'two-owners' | 'late' | 'rows' | 'log'
  | 'unfinished'

export interface Violation {
  readonly rule: Rule
  /** The result, or whatever else it is about. */
  readonly message: string
  /** The events that prove it, and no others. */
  readonly example: readonly RunEvent[]
}

export type Report = (rule: Rule, message: string, ...example: (RunEvent | undefined)[]) => void
