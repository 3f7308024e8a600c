/**
 * The journal in the memory of one process. It shares its transactions with the outbox, so one commit covers both.
 *
 * A transaction that appends to a stream holds it to its end, as a row's lock is held on a database. Nothing is
 * taken while waiting, so two appends cannot wait for each other, whatever their order. Positions are given at the
 * append and events are seen at the commit; the log keeps the order of the commits, and cursors are places in it.
 */
import { newTag, systemClock, type Clock } from '../../core/environment.js'
import { WaybillError } from '../../core/errors.js'
import type { ScopeId } from '../../core/scope.js'
import { MAX_ASSIGNED } from '../../core/u64.js'
import { idempotencyConflict, sequenceConflict, streamExhausted } from '../../journal/conflicts.js'
import type {
  AgedEvents, JournalCapabilities, JournalFilter, JournalStore, PagesRead, PruneRequest, PruneResult, StorePage,
  StreamRead, StreamsRead,
} from '../../journal/contract.js'
import { badCursor, readCursor, writeCursor } from '../../journal/cursor.js'
import type {
  AppendResult, EventPlace, JournalEvent, NewBatch, NewEvent, StreamName, StreamSummary,
} from '../../journal/event.js'
import { formatMessageId, parseMessageId, TAG_LENGTH } from '../../outbox/message-id.js'
import { JournalLog } from './journal-log.js'
import { MemoryStream, streamOrder, type LoggedEvent } from './journal-stream.js'
import { assertUsable, type MemoryTransaction } from './transaction.js'

/** Where transactions come from: the outbox of the same store. */
export interface MemoryTransactions {
  transaction<T>(work: (tx: MemoryTransaction) => Promise<T>): Promise<T>
}

interface UsedKey {
  readonly digest: Uint8Array
  readonly places: readonly EventPlace[]
  holder: MemoryTransaction | undefined
}

export class MemoryJournalStore implements JournalStore<MemoryTransaction> {
  readonly capabilities: JournalCapabilities = { shared: false, durable: false, concurrentTransactions: true }
  readonly #transactions: MemoryTransactions
  readonly #now: Clock
  readonly #tag = newTag(TAG_LENGTH)
  readonly #log = new JournalLog()
  readonly #streams = new Map<string, MemoryStream>()
  readonly #byPosition = new Map<bigint, JournalEvent>()
  readonly #keys = new Map<string, UsedKey>()
  /** Made when asked for, and again when a stream has come. */
  #sorted: readonly MemoryStream[] | undefined
  #lastPosition = 0n
  /** The first position of each append that is neither published nor undone. */
  readonly #openPositions = new Set<bigint>()
  #closed = false

  constructor(transactions: MemoryTransactions, { now = systemClock }: { readonly now?: Clock | undefined } = {}) {
    this.#transactions = transactions
    this.#now = now
  }

  async append(tx: MemoryTransaction, batch: NewBatch): Promise<AppendResult> {
    this.#assertOpen()
    assertUsable(tx)
    const streams = new Map(batch.events.map(({ stream }) => [stream, this.#open({ scope: batch.scope, stream })]))
    const keyName = identityOf(batch)
    for (;;) {
      const held = [this.#keys.get(keyName ?? ''), ...streams.values()].find((each) =>
        each?.holder !== undefined && each.holder !== tx)
      if (held?.holder === undefined) break
      await tx.waitFor(held.holder)
      this.#assertOpen()
      assertUsable(tx)
    }
    const used = keyName === undefined ? undefined : this.#keys.get(keyName)
    if (used !== undefined && batch.idempotency !== null) {
      if (!Buffer.from(used.digest).equals(batch.idempotency.digest)) throw idempotencyConflict(batch)
      return { created: false, events: used.places }
    }
    for (const [stream, { last }] of streams) checkNext(batch, stream, last)
    return { created: true, events: this.#stage(tx, batch, streams, keyName) }
  }

  async transaction<T>(work: (tx: MemoryTransaction) => Promise<T>): Promise<T> {
    this.#assertOpen()
    return this.#transactions.transaction(work)
  }

  async read(request: StreamRead): Promise<readonly JournalEvent[]> {
    this.#assertOpen()
    return this.#find(request)?.read(request) ?? []
  }

  async readPages(request: PagesRead): Promise<readonly StorePage[]> {
    this.#assertOpen()
    const cursorAt = (place: number): string => writeCursor(this.#tag, request, [String(place)])
    return request.parts.map(({ cursor, slots }) => {
      const from = cursor === undefined ? 0 : this.#placeOf(cursor, request)
      const { events, places, next } = this.#log.page(from, request, slots, request.limit)
      const cursorAfter = (count: number): string =>
        cursorAt(count === events.length ? next : places[count - 1] ?? from)
      return { events, cursor: cursorAt(next), hasMore: next < this.#log.length, hasMoved: next > from, cursorAfter }
    })
  }

  async head(filter: JournalFilter): Promise<string> {
    this.#assertOpen()
    return writeCursor(this.#tag, filter, [String(this.#log.length)])
  }

  async get(ids: readonly string[], scope: ScopeId | undefined): Promise<readonly JournalEvent[]> {
    this.#assertOpen()
    return [...new Set(ids)].flatMap((id) => {
      const event = this.#byPosition.get(parseMessageId(this.#tag, id) ?? 0n)
      return event === undefined || (scope !== undefined && event.scope !== scope) ? [] : [event]
    })
  }

  async streams({ scope, prefix, after, limit }: StreamsRead): Promise<readonly StreamSummary[]> {
    this.#assertOpen()
    this.#sorted ??= [...this.#streams.values()].sort((a, b) => Buffer.compare(a.order, b.order))
    const bound = after === undefined ? undefined : streamOrder(after)
    const page: StreamSummary[] = []
    for (const { name, order, highest, deletedTo } of this.#sorted) {
      if (page.length >= limit) break
      if (highest === 0n || (bound !== undefined && Buffer.compare(order, bound) <= 0)) continue
      if ((scope === undefined || name.scope === scope) && name.stream.startsWith(prefix)) {
        page.push({ ...name, highestSequence: highest, deletedTo })
      }
    }
    return page
  }

  async highestSequence(name: StreamName): Promise<bigint> {
    this.#assertOpen()
    return this.#find(name)?.highest ?? 0n
  }

  async deleteTo(name: StreamName, sequence: bigint): Promise<void> {
    this.#assertOpen()
    this.#find(name)?.deleteTo(sequence)
  }

  async removeTo(name: StreamName, sequence: bigint): Promise<void> {
    this.#assertOpen()
    this.#drop(this.#find(name)?.removeTo(sequence) ?? [])
  }

  async passed(cursor: string, filter: JournalFilter): Promise<bigint> {
    this.#assertOpen()
    let low = this.#lastPosition + 1n
    for (const position of this.#openPositions) if (position < low) low = position
    for (const { position } of this.#log.between(this.#placeOf(cursor, filter), this.#log.length)) {
      if (position < low) low = position
    }
    return low - 1n
  }

  async aged(ageMs: number): Promise<AgedEvents> {
    this.#assertOpen()
    const cut = this.#now() - ageMs
    const all = [...this.#log.between(0, this.#log.length)]
    const young = all.filter(({ createdAt }) => createdAt > cut).map(({ position }) => position)
    const first = young.reduce((low, position) => (position < low ? position : low), this.#lastPosition + 1n)
    const upTo = all.reduce((high, { position }) => (position < first && position > high ? position : high), 0n)
    return { upTo, asOf: String(this.#log.length) }
  }

  async prune({ upTo, asOf, dryRun, onProgress }: PruneRequest): Promise<PruneResult> {
    this.#assertOpen()
    const going = [...this.#log.between(0, Number(asOf))].filter(({ position }) => position <= upTo)
    if (dryRun) return { removed: 0, remaining: going.length, isBusy: false }
    // The numbers of a stream, its positions and its commits ascend together.
    const lasts = new Map(going.map((event) => [this.#find(event), event.sequence]))
    for (const [stream, sequence] of lasts) this.#drop(stream?.pruneTo(sequence) ?? [])
    if (going.length > 0) onProgress?.(going.length)
    return { removed: going.length, remaining: 0, isBusy: false }
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #stage(
    tx: MemoryTransaction, batch: NewBatch, streams: ReadonlyMap<string, MemoryStream>, keyName: string | undefined,
  ): readonly EventPlace[] {
    const now = this.#now()
    const events = batch.events.map((event) => this.#place(event, batch, streams.get(event.stream), now))
    const places = events.map(({ id, stream, sequence, position }) => ({ id, stream, sequence, position }))
    const key = keyName === undefined || batch.idempotency === null ? undefined
      : { digest: batch.idempotency.digest.slice(), places, holder: tx }
    if (keyName !== undefined && key !== undefined) this.#keys.set(keyName, key)
    for (const stream of streams.values()) stream.hold(tx)
    const first = events[0]?.position ?? this.#lastPosition
    this.#openPositions.add(first)
    tx.stage({
      publish: () => {
        this.#openPositions.delete(first)
        for (const event of events) this.#publish(event, streams.get(event.stream))
        for (const stream of streams.values()) stream.release()
        if (key !== undefined) Object.assign(key, { holder: undefined })
      },
      discard: () => {
        this.#openPositions.delete(first)
        for (const { stream } of events) this.#undo(streams.get(stream))
        for (const stream of streams.values()) stream.release()
        if (keyName !== undefined) this.#keys.delete(keyName)
      },
    })
    return places
  }

  #place(event: NewEvent, { scope, writerId }: NewBatch, stream: MemoryStream | undefined, now: number): JournalEvent {
    if (stream === undefined) throw new WaybillError('STORE_FAILED', 'an event without its stream')
    stream.last += 1n
    this.#lastPosition += 1n
    return {
      id: formatMessageId(this.#tag, this.#lastPosition), position: this.#lastPosition,
      scope, stream: event.stream, sequence: stream.last, type: event.type,
      // The caller may change what it handed in.
      payload: new Uint8Array(event.payload), contentType: event.contentType,
      manifest: event.manifest ?? undefined, tags: [...event.tags], headers: Object.freeze({ ...event.headers }),
      writerId: writerId ?? undefined, createdAt: now,
    }
  }

  #drop(removed: readonly LoggedEvent[]): void {
    for (const { event, place } of removed) {
      this.#log.remove(place)
      this.#byPosition.delete(event.position)
    }
    this.#log.trim()
  }

  #publish(event: JournalEvent, stream: MemoryStream | undefined): void {
    this.#byPosition.set(event.position, event)
    stream?.add({ event, place: this.#log.add(event) })
  }

  #undo(stream: MemoryStream | undefined): void {
    if (stream !== undefined) stream.last -= 1n
  }

  #placeOf(cursor: string, filter: JournalFilter): number {
    const [place] = readCursor(cursor, this.#tag, filter)
    if (typeof place !== 'string' || !/^\d{1,15}$/.test(place) || Number(place) > this.#log.length) throw badCursor()
    return Number(place)
  }

  #find({ scope, stream }: StreamName): MemoryStream | undefined {
    return this.#streams.get(JSON.stringify([scope, stream]))
  }

  #open({ scope, stream }: StreamName): MemoryStream {
    const existing = this.#find({ scope, stream })
    if (existing !== undefined) return existing
    const made = new MemoryStream({ scope, stream })
    this.#streams.set(JSON.stringify([scope, stream]), made)
    this.#sorted = undefined
    return made
  }

  #assertOpen(): void {
    if (this.#closed) throw new WaybillError('CLOSED', 'the store is closed')
  }
}

/** @throws SEQUENCE_CONFLICT, RANGE_EXHAUSTED. */
function checkNext(batch: NewBatch, stream: string, last: bigint): void {
  const expected = batch.expected.get(stream)
  if (expected !== undefined && expected !== last) throw sequenceConflict(stream, expected, last)
  if (last >= MAX_ASSIGNED) throw streamExhausted(stream)
}

function identityOf({ scope, writerId, idempotency }: NewBatch): string | undefined {
  return idempotency === null ? undefined : JSON.stringify([scope, writerId, idempotency.key])
}
