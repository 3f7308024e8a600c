/**
 * The public surface over any `JournalStore`: validates and encodes once, and derives the other forms, so that a store
 * implements only the inner half.
 *
 * `Handle` is the transaction a caller hands in: a `pg` client, a Drizzle or Kysely transaction, a SQLite database.
 */
import { jsonCodec, type Codec } from '../core/codec.js'
import type { EncodeOptions } from '../core/content.js'
import { WaybillError } from '../core/errors.js'
import {
  DEFAULT_MAX_PAYLOAD_BYTES, MAX_KEY_BYTES, MAX_NAME_BYTES, MAX_PAGE_LIMIT, MAX_PAYLOAD_BYTES,
} from '../core/limits.js'
import { DEFAULT_SCOPE, scopeId, type ScopeId } from '../core/scope.js'
import { assertU64, clampToAssigned, MAX_U64, type U64 } from '../core/u64.js'
import { assertInteger, assertName } from '../core/validate.js'
import type { OutboxMessageDraft } from '../outbox/message.js'
import { inAppendTurn } from './append-turns.js'
import type { JournalFilter, JournalPage, JournalStore } from './contract.js'
import { assertStream, encodeAppend, type AppendOptions } from './encode.js'
import type { AppendResult, JournalEvent, JournalEventDraft, NewBatch, StreamName, StreamSummary } from './event.js'
import { checkEventMessage, eventMessages, type EventMessageOptions } from './event-message.js'
import type { FollowerRecords } from './journal-followers.js'
import { Retention, type PruneOptions, type PruneReport } from './retention.js'

export interface JournalOptions {
  /** How payloads become bytes. Default JSON. */
  readonly codec?: Codec | undefined
  /** Default 262,144 (256 KiB); at most 64 MiB. */
  readonly maxPayloadBytes?: number | undefined
}

export interface AppendToOptions extends AppendOptions {
  /** Also enqueue a message for each event, in the same transaction. None when the idempotency key was used before. */
  readonly outbox?: EventMessageOptions | undefined
}

export interface StreamOptions {
  /** Default `default`. Fixed by `waybill.scoped(id)`. */
  readonly scope?: string | undefined
}

export interface ReadOptions extends StreamOptions {
  /** The first number to read. Default 1. */
  readonly from?: U64 | undefined
  /** The last number to read. Default: no end. */
  readonly to?: U64 | undefined
  /** 0…1,000. Default 1,000. */
  readonly limit?: number | undefined
}

export interface PageOptions {
  /** Where a page ended, or `head()`. Default: before the first event. */
  readonly cursor?: string | undefined
  /** 1…1,000. Default 1,000. */
  readonly limit?: number | undefined
  /** Default all. */
  readonly scope?: string | undefined
}

/** What is read on from there. */
export interface HeadOptions {
  /** Default all. */
  readonly tag?: string | undefined
  /** Default all. */
  readonly scope?: string | undefined
}

export interface StreamsOptions {
  /** Only names that begin so. */
  readonly prefix?: string | undefined
  /** The last of the page before. */
  readonly after?: { readonly scope: string; readonly stream: string } | undefined
  /** 0…1,000. Default 100. */
  readonly limit?: number | undefined
  /** Default all. */
  readonly scope?: string | undefined
}

/** Told of every append, so that publishers look at once. A hint: they also poll. */
export type OnAppend<Handle> = (tx: Handle | undefined) => void

/** What a journal reaches of the outbox of the same store. */
export interface JournalOutbox<Tx, Handle> {
  enqueue(tx: Tx, drafts: readonly OutboxMessageDraft[]): Promise<unknown>
  /** Wakes relays once the transaction has committed; without one, now. */
  tell(tx: Handle | undefined, drafts: readonly OutboxMessageDraft[]): void
}

export class Journal<Tx, Handle = Tx> {
  readonly store: JournalStore<Tx>
  protected readonly outbox: JournalOutbox<Tx, Handle> | undefined
  protected readonly onAppend: OnAppend<Handle>
  readonly #bind: (handle: Handle) => Tx
  readonly #encoding: EncodeOptions
  readonly #retention: Retention

  constructor(
    store: JournalStore<Tx>, bind: (handle: Handle) => Tx, options: JournalOptions = {},
    outbox?: JournalOutbox<Tx, Handle>, onAppend: OnAppend<Handle> = () => undefined,
    followers: FollowerRecords = {},
  ) {
    this.store = store
    this.outbox = outbox
    this.onAppend = onAppend
    this.#retention = new Retention(store, followers)
    this.#bind = bind
    this.#encoding = {
      codec: options.codec ?? jsonCodec,
      maxPayloadBytes: assertInteger(
        'maxPayloadBytes', options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES, 0, MAX_PAYLOAD_BYTES),
    }
  }

  /**
   * Appends events to one stream or several in the caller's transaction: all exist if and only if that commits. At
   * most 10,000; none is no call at all.
   * @throws NOT_IN_TRANSACTION, VALIDATION, PAYLOAD_TOO_LARGE, SEQUENCE_CONFLICT (a stream is not where it was
   *   expected), CONFLICT (the idempotency key was used for other events); after these the transaction stays usable.
   *   TRANSACTION_ABORTED (retry the whole transaction), RANGE_EXHAUSTED.
   * @example
   * await waybill.journal.append(tx, [{ stream: 'order-7', type: 'order.placed', payload: { total: 12 } }])
   */
  async append(
    tx: Handle, events: readonly JournalEventDraft[], options: AppendToOptions = {},
  ): Promise<AppendResult> {
    const { batch, message } = this.encode(events, options)
    const bound = this.#bindTransaction(tx)
    if (batch.events.length === 0) return NOTHING
    const result = await inAppendTurn(tx, () => this.#write(bound, tx, batch, message))
    this.onAppend(tx)
    return result
  }

  /** The same in a transaction of its own, for callers that have no other write to make with it. */
  async appendAlone(events: readonly JournalEventDraft[], options: AppendToOptions = {}): Promise<AppendResult> {
    const { batch, message } = this.encode(events, options)
    if (batch.events.length === 0) return NOTHING
    const result = await this.store.transaction((tx) => this.#write(tx, undefined, batch, message))
    if (message !== undefined && result.created) {
      this.outbox?.tell(undefined, eventMessages(batch, result.events, message))
    }
    this.onAppend(undefined)
    return result
  }

  /** One page of one stream, ascending; deleted events are not in it. */
  async read(stream: string, options: ReadOptions = {}): Promise<readonly JournalEvent[]> {
    const limit = assertInteger('limit', options.limit ?? MAX_PAGE_LIMIT, 0, MAX_PAGE_LIMIT)
    const from = assertU64('from', options.from ?? 1n)
    const to = assertU64('to', options.to ?? MAX_U64)
    const name = streamName(stream, options)
    if (limit === 0 || from > to) return []
    return this.store.read({ ...name, from: clampToAssigned(from), to: clampToAssigned(to), deleted: false, limit })
  }

  /** The next events of all streams, those of one stream in their order. Keep the cursor, and come back with it. */
  async readAll(options: PageOptions = {}): Promise<JournalPage> {
    return this.#readPage(undefined, options)
  }

  /** The next events that have this tag. */
  async readByTag(tag: string, options: PageOptions = {}): Promise<JournalPage> {
    return this.#readPage(assertTag(tag), options)
  }

  /** The cursor behind all that is committed now: reading from it gives only what comes later. */
  async head({ tag, scope }: HeadOptions = {}): Promise<string> {
    return this.store.head(filterOf(tag === undefined ? undefined : assertTag(tag), scope))
  }

  async get(id: string): Promise<JournalEvent | undefined> {
    return (await this.store.get([assertName('id', id, MAX_NAME_BYTES)], undefined))[0]
  }

  /** One page of streams by scope and name; pass the last as `after` for the next. */
  async streams(options: StreamsOptions = {}): Promise<readonly StreamSummary[]> {
    const { prefix = '', after, scope } = options
    const limit = assertInteger('limit', options.limit ?? 100, 0, MAX_PAGE_LIMIT)
    if (prefix !== '') assertName('prefix', prefix, MAX_KEY_BYTES)
    const place = after === undefined ? undefined : { scope: scopeId(after.scope), stream: assertStream(after.stream) }
    return limit === 0 ? [] : this.store.streams({ scope: optionalScope(scope), prefix, after: place, limit })
  }

  /** The last number given in the stream, also when its event is deleted; 0 when it has none. */
  async highestSequence(stream: string, options: StreamOptions = {}): Promise<bigint> {
    return this.store.highestSequence(streamName(stream, options))
  }

  /** Hides the stream's events up to this number from `read`. Followers still get those that they have not passed. */
  async deleteTo(stream: string, sequence: U64, options: StreamOptions = {}): Promise<void> {
    const last = clampToAssigned(assertU64('sequence', sequence))
    const name = streamName(stream, options)
    if (last > 0n) await this.store.deleteTo(name, last)
  }

  /**
   * Removes events that are old enough and that every publisher and offset store of this store has passed: for
   * everybody, for good. Where there is none of these, nothing goes without `force`.
   * @throws VALIDATION, CONFIG_INVALID in a scoped view, EPOCH_CHANGED and CORRUPT when it cannot be known how far a
   *   follower is: rebase or forget it first. None of these with anything removed.
   * @example
   * const { removed, heldBackBy } = await waybill.journal.prune({ olderThanMs: 30 * 86_400_000 })
   */
  async prune(options: PruneOptions = {}): Promise<PruneReport> {
    return this.#retention.prune(options)
  }

  /** The payload: the codec's value, or the bytes as they are when the content type is not the codec's. */
  decode(event: Pick<JournalEvent, 'payload' | 'contentType'>): unknown {
    const { codec } = this.#encoding
    return event.contentType === codec.contentType ? codec.decode(event.payload) : event.payload
  }

  protected encode(
    events: readonly JournalEventDraft[], options: AppendToOptions,
  ): { batch: NewBatch; message: EventMessageOptions | undefined } {
    const message = options.outbox === undefined ? undefined : checkEventMessage(options.outbox)
    if (message !== undefined && this.outbox === undefined) {
      throw new WaybillError('CONFIG_INVALID', 'this journal was made without an outbox')
    }
    return { batch: encodeAppend(events, options, this.#encoding), message }
  }

  async #write(
    tx: Tx, handle: Handle | undefined, batch: NewBatch, message: EventMessageOptions | undefined,
  ): Promise<AppendResult> {
    const result = await this.store.append(tx, batch)
    if (message === undefined || this.outbox === undefined || !result.created) return result
    const drafts = eventMessages(batch, result.events, message)
    await this.outbox.enqueue(tx, drafts)
    if (handle !== undefined) this.outbox.tell(handle, drafts)
    return result
  }

  #bindTransaction(handle: Handle): Tx {
    if (handle === undefined || handle === null) throw missingTransaction('append')
    return this.#bind(handle)
  }

  async #readPage(
    tag: string | undefined, { cursor, limit = MAX_PAGE_LIMIT, scope }: PageOptions,
  ): Promise<JournalPage> {
    const [page] = await this.store.readPages({
      ...filterOf(tag, scope), parts: [{ cursor, slots: undefined }],
      limit: assertInteger('limit', limit, 1, MAX_PAGE_LIMIT),
    })
    if (page === undefined) throw new WaybillError('STORE_FAILED', 'the store answered without a page')
    return { events: page.events, cursor: page.cursor, hasMore: page.hasMore }
  }
}

const NOTHING: AppendResult = { created: true, events: [] }

export function missingTransaction(method: string): WaybillError {
  return new WaybillError('NOT_IN_TRANSACTION',
    `${method} takes the transaction as its first argument; use appendAlone when there is none`)
}

function streamName(stream: string, { scope }: StreamOptions): StreamName {
  return { scope: scope === undefined ? DEFAULT_SCOPE : scopeId(scope), stream: assertStream(stream) }
}

function assertTag(tag: string): string {
  return assertName('tag', tag, MAX_NAME_BYTES)
}

function filterOf(tag: string | undefined, scope: string | undefined): JournalFilter {
  return { tags: tag === undefined ? undefined : [tag], streams: undefined, scope: optionalScope(scope) }
}

function optionalScope(scope: string | undefined): ScopeId | undefined {
  return scope === undefined ? undefined : scopeId(scope)
}
