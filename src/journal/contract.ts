/**
 * The journal contract: ordered facts that are appended in the caller's transaction and never change, for any number
 * of followers, each at its own pace.
 *
 *     append ──► stream order-7:  1  2  3  4  5 …          one number after another, whoever writes
 *                stream order-9:  1  2  3 …
 *                                 └──── all streams, or those of a tag ──► page ──► cursor ──► page ──► …
 *
 * A store implements this interface and nothing else. It may assume that the arguments are valid: `Journal`, the public
 * surface, validates, encodes and derives the other forms. The names in brackets are the cases of the published
 * suite that check each sentence.
 *
 * Concurrency: every method may be called from any number of processes at once. An append takes effect with its
 * transaction, entirely or not at all, also when its caller dies.
 *
 * Numbers: a sequence number is assigned from 1 to 2⁶³−1 and then RANGE_EXHAUSTED. A caller may ask with any of u64
 * [expected-4, J-2, delete-3].
 */
import type { ScopeId } from '../core/scope.js'
import type { AppendResult, JournalEvent, NewBatch, StreamName, StreamSummary } from './event.js'

export interface JournalStore<Tx = unknown> {
  readonly capabilities: JournalCapabilities

  /**
   * Writes all events or none, inside `tx` [T-*, append-1]. Each gets the next number of its stream, in the
   * order given [J-1, append-2]; whoever else appends to one of the streams waits until this transaction has ended
   * [contend-*, append-6], so the numbers of a stream ascend in the order of the commits and have no holes, also after
   * a rollback [append-3] and after a deletion [delete-1]. Streams must be locked in sorted order, so that two
   * appends cannot deadlock [append-7].
   *
   * Where a stream's highest number is not the expected one, the call must throw SEQUENCE_CONFLICT with `stream`,
   * `expectedSequence` and `actualSequence`, decided under the stream's lock, and leave the caller's transaction
   * usable and without any of these events [J-3, expected-*].
   *
   * An idempotency key is an identity within scope and writer. Used again with the same digest it must answer
   * `created: false` and the same events, whatever was expected, and write nothing; with another digest it must throw
   * CONFLICT and leave nothing [A-41, idempotency-*]. While another open transaction holds it the call waits.
   */
  append(tx: Tx, batch: NewBatch): Promise<AppendResult>

  /** Runs `work` in a transaction of the store's own and commits it. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>

  /**
   * Events of one stream that are committed and not deleted, ascending, both ends included, at most `limit`
   * [J-*, Q-1]. None of an unknown stream [J-12].
   */
  read(request: StreamRead): Promise<readonly JournalEvent[]>

  /**
   * The next events of all streams or of a tag, at most `limit`, and the cursor after them [cursor-*, tag-*]. Following
   * cursors from the start gives every committed event exactly once, those of one stream in their order, also
   * when transactions commit in another order than they wrote, and without waiting for any that is still open
   * [tail-*]. Inside a page, positions ascend. The same cursor read again gives the same events first, or what has
   * come late before them [Q-2, cursor-3]. Deleted events are given too: a follower gets what it has not passed
   * [delete-5].
   *
   * A cursor belongs to the filter it was given for, else VALIDATION [cursor-5], and to the epoch of the journal: it
   * must throw EPOCH_CHANGED where its positions may mean other events than when it was given, as after a restore
   * [cursor-6].
   */
  readPage(request: PageRead): Promise<JournalPage>

  /** The cursor behind everything that is committed now [A-42, cursor-4]. */
  head(filter: JournalFilter): Promise<string>

  /** The events with these ids, in any order, deleted ones too; absent are those that do not exist or are of another
   * scope [A-40, journal-scope-*]. */
  get(ids: readonly string[], scope: ScopeId | undefined): Promise<readonly JournalEvent[]>

  /** Every stream that ever had an event, by scope and name in the order of their UTF-8 bytes [Q-6, streams-*]. */
  streams(request: StreamsRead): Promise<readonly StreamSummary[]>

  /** The last number given in the stream, also when its event is deleted; 0 for an unknown one [J-5, J-11, J-12]. */
  highestSequence(stream: StreamName): Promise<bigint>

  /**
   * Hides the stream's events up to this number from `read`, never those that are yet to come [J-4, J-10, J-14,
   * delete-*]. It is never undone by a smaller number. Nothing happens to an unknown stream.
   */
  deleteTo(stream: StreamName, sequence: bigint): Promise<void>

  /** Later calls throw CLOSED. What the journal shares with the store's other halves stays open [close-1]. */
  close(): Promise<void>
}

/** What an implementation can do. The suite reads this and exercises what is claimed. */
export interface JournalCapabilities {
  /** Other processes see the same events. */
  readonly shared: boolean
  /** Events survive `close` and a crash. */
  readonly durable: boolean
  /** Writers of one store may have transactions open at the same time. */
  readonly concurrentTransactions: boolean
}

export interface StreamRead extends StreamName {
  readonly from: bigint
  readonly to: bigint
  /** At least 1. */
  readonly limit: number
}

export interface JournalFilter {
  /** Only events with this tag; undefined means all. */
  readonly tag: string | undefined
  /** Only this scope; undefined means all. */
  readonly scope: ScopeId | undefined
}

export interface PageRead extends JournalFilter {
  /** Undefined: from the first event on. */
  readonly cursor: string | undefined
  /** At least 1. */
  readonly limit: number
}

export interface JournalPage {
  readonly events: readonly JournalEvent[]
  readonly cursor: string
  /** There may be more already; when false, all that was committed has been read. */
  readonly hasMore: boolean
}

export interface StreamsRead {
  readonly scope: ScopeId | undefined
  /** Only names that begin so. */
  readonly prefix: string
  /** The last of the page before. */
  readonly after: StreamName | undefined
  readonly limit: number
}
