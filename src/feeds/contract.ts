/**
 * The feed contract: a result that is kept up to date, its last changes, and the number they agree on.
 *
 *     commit ──► log    …  41  42  43            a ring: the oldest leave when it is full
 *            └─► rows   7 → {…}  9 → {…}         the result as it is after 43
 *            └─► state  sequence 43, first 41, incarnation, config hash
 *
 * A store implements this interface and nothing else, and may assume valid arguments: `Feed`, the public surface,
 * validates, encodes and derives the rest. Results and rows are opaque bytes. A feed is named by its key. The names in
 * brackets are the cases of the published suites that check each sentence.
 *
 * `Tx` is the caller's transaction: what is done in it takes effect with it, entirely or not at all, also when its
 * caller dies [feed-tx-*]. A store without transactions takes `undefined`, and each call takes effect by itself,
 * entirely or not at all [feed-atomic-*].
 *
 * Concurrency: every method may be called from any number of processes at once. Commits of one feed come one after
 * another: who commits while another's transaction is open waits for its end [feed-race-*].
 *
 * Numbers: `ResultLog` and `LiveResults` take the whole of u64 [log-range-1, rows-range-1]; a feed's own sequence stops
 * at 2⁶³−1 with RANGE_EXHAUSTED [feed-range-1].
 */
import type { FeedState } from './result.js'

/** A bounded log of results, by numbers that the caller gives. */
export interface ResultLog<Tx = unknown> {
  /** Puts bytes at a number, over what is there [B-01, log-overwrite-1]. In any order, with holes; nothing leaves. */
  append(tx: Tx, feed: string, sequence: bigint, data: Uint8Array): Promise<void>

  /** What is behind a number, strictly, ascending, at most `limit` [B-01, log-read-*]. */
  readFrom(feed: string, after: bigint, limit: number): Promise<readonly LogEntry[]>

  /** The highest number, not the last one written; undefined when there is none [B-02]. */
  readLatestSequence(feed: string): Promise<bigint | undefined>

  /** Of this feed only [B-03]. */
  clear(tx: Tx, feed: string): Promise<void>

  /** Takes out the lowest numbers until `capacity` are left, and answers how many that were [B-04, log-trim-*]. */
  trimToCapacity(tx: Tx, feed: string, capacity: number): Promise<number>
}

export interface LogEntry {
  readonly sequence: bigint
  readonly data: Uint8Array
}

/** The current rows of a result, by signatures that the caller gives. */
export interface LiveResults<Tx = unknown> {
  /** All or none, in the order given: the last mutation of a signature wins [B-10, rows-*]. */
  applyMutations(tx: Tx, feed: string, mutations: readonly RowMutation[]): Promise<void>

  /**
   * All rows in pages of at most `pageSize`, in any order. `exact` snapshots are of one moment [rows-snapshot-1];
   * `corrected` ones give each row that is there all the while at least once, and rows that come, change or go
   * meanwhile in any of their states. Ending the iteration early leaves nothing open [rows-snapshot-2].
   */
  readSnapshot(feed: string, pageSize: number): AsyncIterable<readonly LiveRow[]>

  /** Of this feed only. */
  clear(tx: Tx, feed: string): Promise<void>

  rowCount(feed: string): Promise<number>
}

export interface LiveRow {
  readonly signature: bigint
  readonly data: Uint8Array
}

export interface RowMutation {
  readonly signature: bigint
  /** Undefined deletes the row, if there is one. */
  readonly data: Uint8Array | undefined
}

export interface FeedStore<Tx = unknown> {
  readonly capabilities: FeedCapabilities
  /**
   * Under the key of a feed, these are its results and its rows [feed-commit-1]: read them, and write them by `commit`
   * only. Under another key they are by themselves, and no feed [feed-list-3].
   */
  readonly log: ResultLog<Tx>
  readonly live: LiveResults<Tx>

  /** Runs `work` in a transaction of the store's own and commits it. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>

  /** Makes the feed with nothing in it, where there is none; answers what there is then [feed-open-*]. */
  open(tx: Tx, feed: NewFeed): Promise<FeedState>

  /**
   * Gives each result the next number, in the order given, logs it, changes the rows, and takes out of the log what
   * is more than `capacity` [feed-commit-*]. Writes nothing and answers undefined where there is no such feed, or where
   * it has another config hash [feed-commit-4]. Results may be none: then rows change and the sequence does not
   * [feed-commit-5]. No signature is in `mutations` twice.
   *
   * What an eviction costs depends on how many leave, not on how many are kept.
   */
  commit(tx: Tx, commit: FeedCommit): Promise<FeedState | undefined>

  /** What is stored of the feed now, or undefined. */
  state(feed: string): Promise<FeedState | undefined>

  /** The state, and what is kept behind a number, of one moment; undefined where there is no feed [feed-page-*]. */
  page(request: FeedPageRead): Promise<FeedPage | undefined>

  /**
   * The state and the rows. Where snapshots are `exact`, both are of one moment [feed-snapshot-*]; else the state is as
   * of before the first page. The rows are read while they are asked for; `close` ends that early, and may be called
   * again.
   */
  snapshot(feed: string, pageSize: number): Promise<FeedSnapshotRead | undefined>

  /** Empties the feed, or makes it, under a new incarnation: no results, no rows, sequence 0 [feed-reset-*]. */
  reset(tx: Tx, feed: NewFeed): Promise<FeedState>

  /** Removes the feed with all that it has. False when there is none [feed-delete-*]. */
  delete(tx: Tx, feed: string): Promise<boolean>

  /** In the order of the keys' UTF-8 bytes [feed-list-*]. */
  list(request: FeedsRequest): Promise<readonly FeedSummary[]>

  /** Later calls throw CLOSED [feed-close-1]. What is shared with the store's other halves stays open. */
  close(): Promise<void>
}

/** What a commit needs of a feed store, in forms that return at once, for clients whose transactions do. */
export interface SyncFeeds<Tx> {
  open(tx: Tx, feed: NewFeed): FeedState
  commit(tx: Tx, commit: FeedCommit): FeedState | undefined
  reset(tx: Tx, feed: NewFeed): FeedState
}

/** What an implementation can do. The suite reads this and exercises what is claimed. */
export interface FeedCapabilities {
  /** Calls may be part of a caller's transaction. */
  readonly transactions: boolean
  /** Writers of one store may have transactions open at the same time. */
  readonly concurrentTransactions: boolean
  /** `exact`: all rows of one moment. `corrected`: what changed meanwhile is to be taken from the log. */
  readonly snapshots: 'exact' | 'corrected'
  /** Other processes see the same feeds. */
  readonly shared: boolean
  /** Feeds survive `close` and a crash. */
  readonly durable: boolean
}

export interface NewFeed {
  readonly feed: string
  readonly incarnation: string
  readonly configHash: string
  /** 1…1,000,000. */
  readonly capacity: number
}

export interface FeedCommit {
  readonly feed: string
  readonly configHash: string
  readonly capacity: number
  readonly results: readonly Uint8Array[]
  readonly mutations: readonly RowMutation[]
}

export interface FeedPageRead {
  readonly feed: string
  /** Any of u64. */
  readonly after: bigint
  /** At least 1. */
  readonly limit: number
}

export interface FeedPage {
  readonly state: FeedState
  readonly entries: readonly LogEntry[]
  /**
   * Of the same moment. Where snapshots are `corrected`, it grows with every commit that changes rows without a result:
   * the log does not tell of those [feed-snapshot-8]. Absent where they are `exact`.
   */
  readonly revision?: bigint
}

export interface FeedSnapshotRead {
  readonly state: FeedState
  /** As that of a page, of the moment of the state. */
  readonly revision?: bigint
  readonly pages: AsyncIterable<readonly LiveRow[]>
  close(): Promise<void>
}

export interface FeedsRequest {
  /** The last key of the page before; '' at first. */
  readonly after: string
  /** At least 1. */
  readonly limit: number
}

export interface FeedSummary extends FeedState {
  readonly rows: number
}
