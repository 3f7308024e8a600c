/**
 * Who has not passed what: the low water of every publisher and of every offset store of a journal.
 *
 * What can interleave: publishers go on while they are asked. An event is ahead of the cursor, then held, then a dead
 * letter, and a publisher is asked in this order: what leaves one place meanwhile is met in the next. Only operators
 * turn that round, and terms change with a redrive, a rewind and a rebase: then the publisher is asked once more. What
 * is redriven after that was counted, so it is still there. Offsets only grow. What an event that commits later needs
 * is not asked for here: `JournalStore.prune` leaves it alone.
 */
import { MAX_PAGE_LIMIT } from '../core/limits.js'
import { DEFAULT_SCOPE, scopeOfKey, type ScopeId } from '../core/scope.js'
import { MAX_ASSIGNED } from '../core/u64.js'
import type { JournalStore } from './contract.js'
import type { JournalEvent, StreamName, StreamSummary } from './event.js'
import { followed, followOf, mayFollow, OFFSETS_PREFIX } from './follow.js'
import { decodeOffsets } from './offset-record.js'
import { corruptOffsets, offsetKey, type SavedOffsets } from './offset-store.js'
import { ALL_SLOTS, type ProgressStore, type PublisherState, type PublisherSummary } from './progress.js'

/** Where followers of a store leave what they have passed. Absent: there are none of this kind. */
export interface FollowerRecords {
  readonly progress?: ProgressStore | undefined
  readonly offsets?: SavedOffsets | undefined
}

export interface JournalFollower {
  readonly publisher: string
  /** Every event at or below it was published, given up for good, or is not followed. */
  readonly lowWater: bigint
  /** What is above it is needed to know how far it is, also by force. */
  readonly keepsAbove: bigint
  readonly loss: FollowerLoss
}

/** What is not passed at or below a position. */
export interface FollowerLoss {
  readonly publisher: string
  /** At most 1,000. */
  readonly events: number
  readonly hasMore: boolean
}

/** Names that are read at once. */
const PAGE = 100
/** More held streams than were counted a moment ago. */
const MARGIN = 1_000
/** How often a publisher is asked that operators move meanwhile. */
const MAX_LOOKS = 5
const BUCKET = /^outbox::(.*)::offsets$/s

/** `upTo`: losses are counted up to here, if at all. */
export async function* journalFollowers(
  store: JournalStore, records: FollowerRecords, upTo: bigint | undefined,
): AsyncGenerator<JournalFollower> {
  for (let after = '', isLast = records.progress === undefined; !isLast;) {
    const page = await records.progress?.list({ after, limit: PAGE }) ?? []
    for (const summary of page) {
      if (records.progress !== undefined) yield publisherFollower(store, records.progress, summary, upTo)
    }
    after = page.at(-1)?.publisher ?? ''
    isLast = page.length < PAGE
  }
  for (const name of await records.offsets?.names() ?? []) {
    const count = new UnpassedEvents(name, upTo)
    await countOffsets(store, await records.offsets?.read(name) ?? new Map(), scopeOfKey(name), count)
    yield count.follower
  }
  for await (const bucket of eachStream(store, undefined, OFFSETS_PREFIX)) {
    const name = BUCKET.exec(bucket.stream)?.[1]
    if (name === undefined || bucket.deletedTo >= bucket.highestSequence) continue
    const count = new UnpassedEvents(name, upTo)
    await countOffsets(store, await readBucket(store, name, bucket, count), bucket.scope, count)
    yield count.follower
  }
}

/** Gathers what a follower has not passed. */
class UnpassedEvents {
  readonly #publisher: string
  readonly #upTo: bigint | undefined
  #lowWater = MAX_ASSIGNED
  #keepsAbove = MAX_ASSIGNED
  #events = 0
  #hasMore = false

  constructor(publisher: string, upTo: bigint | undefined) {
    this.#publisher = publisher
    this.#upTo = upTo
  }

  /** How many events it takes to know: the first one, or all that are counted. */
  get wanted(): number {
    return this.#upTo === undefined ? 1 : Math.max(1, MAX_PAGE_LIMIT - this.#events)
  }

  holdAt(position: bigint): void {
    if (position < this.#lowWater) this.#lowWater = position
  }

  keepAbove(position: bigint): void {
    this.holdAt(position)
    this.#keepsAbove = position
  }

  lose(events: readonly JournalEvent[], mayHaveMore: boolean): void {
    const lost = events.filter(({ position }) => position <= (this.#upTo ?? 0n)).length
    const counted = Math.min(lost, MAX_PAGE_LIMIT - this.#events)
    this.#hasMore ||= counted < lost || (mayHaveMore && lost === events.length && lost > 0)
    this.#events += counted
  }

  /** A follower that nothing holds back has passed everything. */
  get follower(): JournalFollower {
    const [publisher, events, hasMore] = [this.#publisher, this.#events, this.#hasMore]
    return {
      publisher, lowWater: this.#lowWater, keepsAbove: this.#keepsAbove, loss: { publisher, events, hasMore },
    }
  }
}

async function publisherFollower(
  store: JournalStore, progress: ProgressStore, summary: PublisherSummary, upTo: bigint | undefined,
): Promise<JournalFollower> {
  const { publisher } = summary
  for (let looks = 1, state = summary; ; looks += 1) {
    const count = new UnpassedEvents(publisher, upTo)
    await countPublisher(store, progress, state, count)
    const now = await progress.look(publisher)
    const isSame = termsOf(now ?? state) === termsOf(state)
    if (!isSame && looks === MAX_LOOKS) count.holdAt(0n)
    if (now === undefined || isSame || looks === MAX_LOOKS) return count.follower
    state = { ...state, ...now }
  }
}

function termsOf({ parts }: PublisherState): string {
  return parts.map(({ part, term }) => `${part}:${term}`).join()
}

async function countPublisher(
  store: JournalStore, progress: ProgressStore, { publisher, follow, parts, heldStreams }: PublisherSummary,
  count: UnpassedEvents,
): Promise<void> {
  const { tags, streams } = followed(followOf(follow))
  const filter = { tags, streams, scope: scopeOfKey(publisher) }
  for (const { cursor, slots } of parts) {
    count.holdAt(cursor === undefined ? 0n : await store.passed(cursor, filter))
    if (count.wanted > 1) {
      const [page] = await store.readPages({ ...filter, parts: [{ cursor, slots }], limit: MAX_PAGE_LIMIT })
      count.lose((page?.events ?? []).filter(({ stream }) => mayFollow(filter, stream)), page?.hasMore === true)
    }
  }
  const limit = heldStreams + MARGIN
  const held = await progress.holds({ publisher, slots: ALL_SLOTS, limit })
  if (held.length === limit) count.holdAt(0n)
  for (const { scope, stream, from, to } of held) {
    await countStream(store, { scope, stream }, from, to, count)
  }
  await countDead(store, progress, publisher, count)
}

/** What was given up may be redriven. */
async function countDead(
  store: JournalStore, progress: ProgressStore, publisher: string, count: UnpassedEvents,
): Promise<void> {
  for (let after = 0n, isLast = false; !isLast;) {
    const page = await progress.deadLetters({ publisher, scope: undefined, after, limit: PAGE })
    const events = page.length === 0 ? [] : await store.get(page.map(({ id }) => id), undefined)
    for (const { position } of events) count.holdAt(position - 1n)
    if (count.wanted > 1) count.lose(events, false)
    after = page.at(-1)?.number ?? after
    isLast = page.length < PAGE
  }
}

async function countOffsets(
  store: JournalStore, offsets: ReadonlyMap<string, bigint>, scope: ScopeId | undefined, count: UnpassedEvents,
): Promise<void> {
  // Of a view, its own; the default scope is also what no view has.
  const seen = scope === DEFAULT_SCOPE ? undefined : scope
  for await (const { highestSequence, ...name } of eachStream(store, seen, '')) {
    const offset = offsets.get(offsetKey(name)) ?? 0n
    if (name.stream.startsWith(OFFSETS_PREFIX) || offset >= highestSequence) continue
    await countStream(store, name, offset + 1n, highestSequence, count)
  }
}

/** Those from…to are not passed. */
async function countStream(
  store: JournalStore, { scope, stream }: StreamName, from: bigint, to: bigint, count: UnpassedEvents,
): Promise<void> {
  const limit = count.wanted
  const events = await store.read({ scope, stream, from, to, deleted: true, limit })
  const [first] = events
  if (first !== undefined) count.holdAt(first.position - 1n)
  if (limit > 1) count.lose(events, events.length === limit)
}

/** The newest record says all, and stays. @throws CORRUPT: what cannot be read may hold anything back. */
async function readBucket(
  store: JournalStore, name: string, { scope, stream, highestSequence: last }: StreamSummary, count: UnpassedEvents,
): Promise<ReadonlyMap<string, bigint>> {
  const [record] = await store.read({ scope, stream, from: last, to: last, deleted: true, limit: 1 })
  const offsets = record === undefined ? undefined : decodeOffsets(record.payload)
  if (record === undefined || offsets === undefined) {
    throw corruptOffsets(name, 'its newest record is damaged or gone', { stream, sequence: String(last) })
  }
  count.keepAbove(record.position - 1n)
  return offsets
}

async function* eachStream(
  store: JournalStore, scope: ScopeId | undefined, prefix: string,
): AsyncGenerator<StreamSummary> {
  for (let after: StreamSummary | undefined, isLast = false; !isLast;) {
    const page: readonly StreamSummary[] = await store.streams({ scope, prefix, after, limit: MAX_PAGE_LIMIT })
    yield* page
    after = page.at(-1)
    isLast = page.length < MAX_PAGE_LIMIT
  }
}
