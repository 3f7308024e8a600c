/** What a maintenance tells. */
import type { MaintainedKind } from './chores.js'

export interface MaintenanceReport {
  /**
   * `done`: each kind was worked on until nothing was left, or it failed. `stopped`: it was told to, or another process
   * has taken over. `standby`: another process does it, and nothing was done.
   */
  readonly state: 'done' | 'stopped' | 'standby'
  readonly dryRun: boolean
  readonly durationMs: number
  /** Of all kinds; of a dry run, what would go. */
  readonly removed: number
  /** Those that the stores have, and that are not kept for ever. */
  readonly kinds: readonly KindReport[]
}

export interface KindReport {
  /** The store's name. */
  readonly store: string
  readonly kind: MaintainedKind
  /** How old it is when it goes; where consumers of the inbox have ages of their own, the least. */
  readonly olderThanMs: number
  /** Of a dry run, what would go: counted up to 100,000. */
  readonly removed: number
  /** Of a dry run: there is more than was counted. */
  readonly more: boolean
  readonly batches: number
  /** Of the batches, without the rests between them. */
  readonly durationMs: number
  /** Nothing is left that was old enough when the pass began, nor held back. Of a dry run: nothing would go. */
  readonly caughtUp: boolean
  /**
   * The lag: how much older than its age the oldest is that is left, to a second or a 32nd; 0 when it caught up.
   * Undefined where that is not known: of the journal, and where asking failed.
   */
  readonly overdueMs: number | undefined
  /** Followers of the journal that keep events which are old enough, the one that is furthest behind first. */
  readonly heldBackBy: readonly string[]
  /** What it ended with, if it failed. */
  readonly error: unknown
}

export interface BatchReport {
  readonly store: string
  readonly kind: MaintainedKind
  /** By this batch. */
  readonly removed: number
  readonly durationMs: number
  /** By this pass, of this kind. */
  readonly removedSoFar: number
}

/** Totals since the maintenance was made. */
export interface MaintenanceCounters {
  /** Of this process: without those on standby, and dry runs. */
  readonly passes: number
  /** Passes that failed as a whole. */
  readonly failedPasses: number
  readonly standbys: number
  readonly removed: Readonly<Record<MaintainedKind, number>>
}
