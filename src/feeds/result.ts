/** What a feed is made of: results with their changes, rows, and how far the feed is. */

/** What happened to one row. `noop`: nothing; a commit of nothing but these changes nothing. */
export type ChangeOp = 'add' | 'update' | 'delete' | 'aggregation' | 'noop'

/** A change as a store's callers see it: values are what the feed's codec reads. */
export interface Change {
  readonly op: ChangeOp
  /** The identity of the row within its feed, any of u64. */
  readonly signature: bigint
  /** The row as it was, where the producer said so. */
  readonly before: unknown
  /** The row as it is; undefined after `delete`. */
  readonly after: unknown
}

/** The changes of one commit. */
export interface Result {
  /** From 1 on, one after another. */
  readonly sequence: bigint
  /** By the producer's clock, in milliseconds. It says nothing of the order. */
  readonly createdAt: number
  readonly changes: readonly Change[]
}

/** One row of the current result. */
export interface FeedRow {
  readonly signature: bigint
  /**
   * Undefined takes back a row that was given before in the same snapshot. Only stores whose snapshots are `corrected`
   * do that, and they may give a row again: the last one counts.
   */
  readonly value: unknown
}

/** What is stored of a feed beside its results and rows. */
export interface FeedState {
  /** Its key: the name, with the scope in front where it has one. */
  readonly feed: string
  /** New at create, reset and delete: numbers of another incarnation say nothing of this one. */
  readonly incarnation: string
  /** Of what the result is made of, as its producer declares it. */
  readonly configHash: string
  /** Of the last result; 0 when there was none. */
  readonly sequence: bigint
  /** Of the first result that is kept; `sequence + 1` when none is. */
  readonly first: bigint
  /** How many results are kept, as of the last commit. */
  readonly capacity: number
}
