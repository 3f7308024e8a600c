/** What the checker is asked, and what it answers. */
import type { HistoryEvent } from './events.js'

export interface CheckerOptions {
  /** How the lane was declared. Default `none`: order is not judged. */
  readonly ordering?: 'none' | 'block' | 'skip' | undefined
  /** How long after its commit, or after the last fault, a message may take, in ms. */
  readonly recoveryMs: number
  /** Messages that are poison: they, and no others, must end as dead letters. Default none. */
  readonly isPoison?: ((message: string) => boolean) | undefined
}

export interface Verdict {
  /** `unknown`: the history is incomplete, so nothing follows from it. It counts as a failure. */
  readonly verdict: 'valid' | 'invalid' | 'unknown'
  readonly violations: readonly Violation[]
  /** Why it is unknown. */
  readonly gaps: readonly string[]
  readonly counts: {
    readonly committed: number
    readonly aborted: number
    readonly decidedByTable: number
    readonly delivered: number
    readonly deadLetters: number
    readonly duplicates: number
    readonly faults: number
  }
}

/**
 * - `lost`: committed, and neither accepted nor in the table.
 * - `phantom`: received or in the table, though its transaction was aborted or never was.
 * - `torn`: of one transaction some messages exist and some do not.
 * - `bytes`: other bytes were received than enqueued.
 * - `order`: received before one of its key that came before it was accepted.
 * - `duplicate`: accepted again, and no fault was about.
 * - `stale-settle`: settled under a claim that was not the latest.
 * - `late`: accepted, or not yet, after the time it may take.
 * - `stuck`: still pending or claimed at the end.
 * - `unsent`: the table says delivered, and nobody accepted it.
 * - `poison`: a dead letter that is none, or the reverse.
 * - `twice-in-table`, `count`: the table disagrees with itself.
 */
export type Rule =
  | 'lost' | 'phantom' | 'torn' | 'bytes' | 'order' | 'duplicate' | 'stale-settle' | 'late' | 'stuck' | 'unsent'
  | 'poison' | 'twice-in-table' | 'count'

export interface Violation {
  readonly rule: Rule
  readonly message: string
  /** The events that prove it, and no others. */
  readonly example: readonly HistoryEvent[]
}
