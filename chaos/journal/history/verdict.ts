/** What the checker of the journal's run is asked, and what it answers. */
import type { RunEvent } from './events.js'

export interface CheckerOptions {
  /** How long after its commit, or after the last fault, a first delivery may take, in ms. */
  readonly recoveryMs: number
  readonly leaseMs: number
  /** Events that are poison, and the attempt at which one is given up: they, and no others, become dead letters. */
  readonly poison: (event: string) => number | undefined
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
    /** Transactions. */
    readonly decidedByJournal: number
    readonly delivered: number
    readonly deadLetters: number
    readonly duplicates: number
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
 * - `lost`: committed, and not in the journal, or neither accepted nor a dead letter.
 * - `phantom`: received or in the journal, though its transaction was aborted or never was.
 * - `torn`: of one transaction some events exist and some do not.
 * - `twice`: in the journal twice, as when a repeated append wrote again.
 * - `bytes`: other bytes, or another place, were received or stored than appended.
 * - `gap`: the numbers of a stream are not 1, 2, 3, …
 * - `sequence`: the numbers of a stream do not ascend in the order of the commits.
 * - `order`: received before one of its stream that is before it was accepted or given up.
 * - `duplicate`: accepted again, and no fault was about.
 * - `stale-save`: progress was written under a term that was over.
 * - `stale-delivery`: begun under a term that was over, and no fault was about.
 * - `two-owners`: a slot was given to one while another's lease on it surely held.
 * - `term`: the term of a slot went back, or a slot is in no part, or in two.
 * - `late`: accepted after the time it may take.
 * - `poison`: a dead letter that is none, or the reverse, or after another number of attempts.
 * - `unfinished`: in the end a stream is held, or somebody who comes later publishes something.
 * - `count`: the journal has another number of events than the application.
 */
export type Rule =
  | 'lost' | 'phantom' | 'torn' | 'twice' | 'bytes' | 'gap' | 'sequence' | 'order' | 'duplicate' | 'stale-save'
  | 'stale-delivery' | 'two-owners' | 'term' | 'late' | 'poison' | 'unfinished' | 'count'

export interface Violation {
  readonly rule: Rule
  /** The event, or whatever else it is about. */
  readonly message: string
  /** The events that prove it, and no others. */
  readonly example: readonly RunEvent[]
}

export type Report = (rule: Rule, message: string, ...example: (RunEvent | undefined)[]) => void
