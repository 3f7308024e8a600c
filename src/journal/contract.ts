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
import type { SlotMask } from './progress.js'

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
   * [J-*, Q-1]. With `deleted`, deleted ones too [follow-4]. None of an unknown stream [J-12].
   */
  read(request: StreamRead): Promise<readonly JournalEvent[]>

  /**
   * For each part the next events behind its cursor, at most `limit`, and the cursor after them [cursor-*, tag-*].
   * Following cursors from the start gives every committed event exactly once, those of one stream in their order, also
   * when transactions commit in another order than they wrote, and without waiting for any that is still open
   * [tail-*]. Inside a page, positions ascend. The same cursor read again gives the same events first, or what has
   * come late before them [Q-2, cursor-3]. Deleted events are given too: a follower gets what it has not passed
   * [delete-5].
   *
   * A part with slots gets the events of the streams in them [slots-1]. All parts are read at one moment, in one query
   * on a server [slots-4]: cursors of those that have got all there was are the same text, and any cursor may go on
   * with some of its slots, or with those of an equal one [slots-2, slots-3].
   *
   * A cursor belongs to the filter it was given for, else VALIDATION [cursor-5], and to the epoch of the journal: it
   * must throw EPOCH_CHANGED where its positions may mean other events than when it was given, as after a restore
   * [cursor-6].
   */
  readPages(request: PagesRead): Promise<readonly StorePage[]>

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

  /**
   * Removes the stream's events up to this number, with their tags, for everybody: `read`, `readPages` and `get` have
   * them no more [remove-1]. Their numbers stay used, as after `deleteTo` [remove-2], and their idempotency keys answer
   * as before [remove-3]. A cursor stays good, wherever it is [remove-4], and other streams are not touched
   * [remove-5]. Never those that are yet to come [remove-6, remove-7]. Nothing happens to an unknown stream [remove-8].
   *
   * It takes from followers what they have not passed. So it is for streams whose newest event says all, and is not on
   * the public surface.
   */
  removeTo(stream: StreamName, sequence: bigint): Promise<void>

  /**
   * The low water of a cursor: whoever holds it has been given every event at or below this position that the filter
   * asks for, and none will ever appear there, also of a transaction that is open now [prune-3, prune-4, prune-5].
   * Writes nothing. @throws as `readPages` of the cursor.
   */
  passed(cursor: string, filter: JournalFilter): Promise<bigint>

  /**
   * The events that are at least so old by the store's clock: those at or below a position that are committed now
   * [prune-2]. Clocks that step, and appends of one moment, may put an event on either side.
   */
  aged(ageMs: number): Promise<AgedEvents>

  /**
   * Removes events, with their tags, for everybody, deleted ones or not [prune-1, prune-8]: those of `aged` at or below
   * `upTo`. What commits after `aged` was asked is never removed, however low its position is [prune-4]. Numbers,
   * idempotency keys and `deletedTo` stay as they are, appends go on, and a cursor stays good wherever it is: what is
   * gone is passed over [prune-1, prune-6, prune-7].
   *
   * It works in batches, each a transaction of its own. It does not wait long for whoever else uses the
   * journal; where somebody is in the way, that part is left for the next call, and `isBusy` says so. Two at once
   * remove each event once [prune-9]. Nothing is inconsistent when it dies between two batches [prune-10].
   */
  prune(request: PruneRequest): Promise<PruneResult>

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
  /** Also events that were deleted. */
  readonly deleted: boolean
  /** At least 1. */
  readonly limit: number
}

export interface JournalFilter {
  /** Only events with one of these tags, each once [follow-1]; undefined means all. */
  readonly tags: readonly string[] | undefined
  /** Only events of streams with one of these names [follow-2]; undefined means all. */
  readonly streams: readonly string[] | undefined
  /** Only this scope; undefined means all. */
  readonly scope: ScopeId | undefined
}

export interface PagesRead extends JournalFilter {
  /** At least one. */
  readonly parts: readonly PartRead[]
  /** Of each part. At least 1. */
  readonly limit: number
}

export interface PartRead {
  /** Undefined: from the first event on. */
  readonly cursor: string | undefined
  /** Undefined: all. */
  readonly slots: SlotMask | undefined
}

export interface JournalPage {
  readonly events: readonly JournalEvent[]
  readonly cursor: string
  /** There may be more already; when false, all that was committed has been read. */
  readonly hasMore: boolean
}

export interface StorePage extends JournalPage {
  /** The cursor has passed events since the one that was given, whether they are in the page or not [follow-6]. */
  readonly hasMoved: boolean
  /** The cursor after so many events of the page, 1…length [follow-3]. */
  cursorAfter(count: number): string
}

export interface AgedEvents {
  /** 0 when there is none. */
  readonly upTo: bigint
  /** The store's own text for what is committed now. */
  readonly asOf: string
}

export interface PruneRequest extends AgedEvents {
  /** Nothing is removed, and all that would be remains. */
  readonly dryRun: boolean
  /** Looked at between batches. */
  readonly signal: AbortSignal | undefined
  /** Called after each batch with how many events are removed by now. */
  readonly onProgress: ((removed: number) => void) | undefined
}

export interface PruneResult {
  readonly removed: number
  /** Of those that may go, how many are still there. Counted when it is not known to be 0: that reads them all. */
  readonly remaining: number
  readonly isBusy: boolean
}

export interface StreamsRead {
  readonly scope: ScopeId | undefined
  /** Only names that begin so. */
  readonly prefix: string
  /** The last of the page before. */
  readonly after: StreamName | undefined
  readonly limit: number
}
