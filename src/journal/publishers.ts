/**
 * The publishers that a store knows, for those who operate them: how far they are, what they hold and gave up, and from
 * where they publish again. Whether anybody works on them makes no difference.
 *
 *     replay ─┬─ of everything: rebase ──► one part at another cursor, nothing is held
 *             └─ of one stream: rewind ──► the stream is held from that number on, as one whose event failed
 *
 * Concurrency: both change the terms of what they move, so a process that works on it can save no more, learns of it at
 * its next look (after a third of a lease, or with its next save) and goes on from there. What it was publishing
 * meanwhile is published again.
 *
 * A stream is rewound up to what its part's cursor has passed, as stored: beyond that the cursor itself comes by. That
 * moves on while we look, never back, and whatever it passes is published by then or held. So nothing falls between
 * the two; what may happen is that an event comes once more. Only two operators who move one publisher at the same
 * moment can undo each other's work.
 */
import { validationError, type WaybillError } from '../core/errors.js'
import { isBehind, keyBefore } from '../core/key-order.js'
import { MAX_NAME_BYTES, MAX_OFFSET_NAME_BYTES, MAX_PAGE_LIMIT } from '../core/limits.js'
import { DEFAULT_SCOPE, scopedKey, scopeId, scopeOfKey, unscopedKey, type ScopeId } from '../core/scope.js'
import { assertU64, MAX_ASSIGNED, type U64 } from '../core/u64.js'
import { assertInteger, assertName, assertTime } from '../core/validate.js'
import type { DeadAnswer } from '../outbox/contract.js'
import type { JournalStore } from './contract.js'
import { assertStream } from './encode.js'
import { followed, followOf, mayFollow, type Follow, type FollowedEvents } from './follow.js'
import { FollowedJournal, type EventCount, type JournalPlace, type ReadingWatch } from './followed-journal.js'
import {
  ALL_SLOTS, type DeadEvent, type HeldStream, type ProgressStore, type PublisherState, type PublisherSummary,
} from './progress.js'
import { hasSlot, slotMask, slotOf } from './slots.js'

export interface PublishersOptions {
  /** The last name of the page before. */
  readonly after?: string | undefined
  /** 0…1,000. Default 100. */
  readonly limit?: number | undefined
}

export interface DeadEventsOptions {
  /** The number of the last one of the page before. */
  readonly after?: bigint | undefined
  /** 0…1,000. Default 100. */
  readonly limit?: number | undefined
}

/** A stored publisher. */
export interface PublisherStatus extends Omit<PublisherSummary, 'publisher' | 'follow'> {
  /** In the unscoped view, a scope's publishers have it in their names, as `scopedKey` puts it there. */
  readonly name: string
  readonly follow: Follow
}

/**
 * - `earliest`: from the first event on.
 * - `head`: nothing that was appended before now.
 * - a cursor, as `readAll`, `readByTag` or `head` gave it for what the publisher follows.
 * - a time, in milliseconds since 1970: from the first event that was appended then or later.
 * - one stream, from this number up to where the publisher is; the others go on. In an unscoped view its scope may be
 *   given, default `default`.
 */
export type ReplayFrom = 'earliest' | 'head' | { readonly cursor: string } | { readonly time: number }
  | { readonly stream: string; readonly sequence: U64; readonly scope?: string | undefined }

export interface ReplayOptions extends ReadingWatch {
  readonly from: ReplayFrom
  /** Counts, and moves nothing. Default false. */
  readonly dryRun?: boolean | undefined
}

export interface Replay extends EventCount {
  /** Events that are published from there on, with those that were not published before; deleted ones too. */
  readonly events: number
  /** False after a dry run, when the signal came first, and when nothing of the stream was published from there on. */
  readonly moved: boolean
  /** Streams that are held no more when all is moved: of what waits in them, only what lies behind the place comes. */
  readonly released: number
}

export interface RebaseOptions {
  readonly to: 'earliest' | 'head' | { readonly cursor: string }
  /** Default what it followed. */
  readonly follow?: Follow | undefined
}

export interface PublishersPorts {
  readonly journal: JournalStore
  readonly progress: ProgressStore
  readonly scope: ScopeId | undefined
}

export class Publishers {
  readonly #ports: PublishersPorts

  constructor(ports: PublishersPorts) {
    this.#ports = ports
  }

  /** By name, in the order of the names' UTF-8 bytes. In a scoped view, the scope's own. */
  async list({ after, limit = 100 }: PublishersOptions = {}): Promise<readonly PublisherStatus[]> {
    assertInteger('limit', limit, 0, MAX_PAGE_LIMIT)
    const from = after === undefined ? this.#key('') : this.#stored(after)
    if (limit === 0) return []
    const summaries = await this.#ports.progress.list({ after: from, limit })
    return summaries.flatMap((summary) => this.#statusOf(summary) ?? [])
  }

  /** Undefined when there is none of this name. */
  async get(name: string): Promise<PublisherStatus | undefined> {
    const stored = this.#stored(name)
    for (let after = keyBefore(stored); ;) {
      const [summary] = await this.#ports.progress.list({ after, limit: 1 })
      if (summary?.publisher === stored) return this.#statusOf(summary)
      if (summary === undefined || isBehind(summary.publisher, stored)) return undefined
      after = summary.publisher
    }
  }

  /**
   * Streams that wait for an event that failed or, with no failed tries, was given back untried; in the order in which
   * they are tried again. `limit` as of `list`.
   */
  async heldStreams(
    name: string, { limit = 100 }: Pick<PublishersOptions, 'limit'> = {},
  ): Promise<readonly HeldStream[]> {
    assertInteger('limit', limit, 0, MAX_PAGE_LIMIT)
    const publisher = this.#stored(name)
    return limit === 0 ? [] : this.#ports.progress.holds({ publisher, slots: ALL_SLOTS, limit })
  }

  /** Events that the publisher gave up, the latest last. */
  async deadLetters(name: string, { after = 0n, limit = 100 }: DeadEventsOptions = {}): Promise<readonly DeadEvent[]> {
    assertInteger('limit', limit, 0, MAX_PAGE_LIMIT)
    const request = { publisher: this.#stored(name), scope: this.#ports.scope, after: assertU64('after', after), limit }
    return limit === 0 ? [] : this.#ports.progress.deadLetters(request)
  }

  /**
   * Has events published again that were given up, by their numbers, at most 1,000; an answer for each in order. Each
   * is its stream's turn, with all its tries, as soon as whoever works on the publisher looks. Where it fails again,
   * its stream waits behind it as behind any event that fails, and what came in between is published once more: so is
   * what lies between two of one stream.
   *
   * An event that the journal has no more stays, and its answer is `event_gone`.
   * @throws VALIDATION.
   * @example
   * await waybill.publishers.redrive('search', [letter.number]) // ['redriven']
   */
  async redrive(name: string, numbers: readonly U64[]): Promise<readonly (DeadAnswer | 'event_gone')[]> {
    const { journal, progress, scope } = this.#ports
    const publisher = this.#stored(name)
    const valid = assertNumbers(numbers)
    const letters = await this.#letters(publisher, valid)
    const events = letters.length === 0 ? [] : await journal.get(letters.map(({ id }) => id), scope)
    const ids = new Set(events.map(({ id }) => id))
    const lost = new Set(letters.filter(({ id }) => !ids.has(id)).map(({ number }) => number))
    const there = valid.filter((number) => !lost.has(number))
    const answers = (await progress.resolveDead({ publisher, scope, numbers: there, action: 'redrive' })).values()
    return valid.map((number) => (lost.has(number) ? 'event_gone' : answers.next().value ?? 'not_dead'))
  }

  /** Removes dead letters for good, by their numbers, at most 1,000; an answer for each. @throws VALIDATION. */
  async discard(name: string, numbers: readonly U64[]): Promise<readonly DeadAnswer[]> {
    const { progress, scope } = this.#ports
    return progress.resolveDead({
      publisher: this.#stored(name), scope, numbers: assertNumbers(numbers), action: 'discard',
    })
  }

  /**
   * Forgets the publisher with all that is stored of it; one that is made of this name later begins anew. False when
   * there is none. One that runs makes itself again at its next look.
   */
  async forget(name: string): Promise<boolean> {
    return this.#ports.progress.forget(this.#stored(name))
  }

  /**
   * Publishes again, from a place on. A place ahead of where the publisher is skips what lies between. Reads what it
   * counts, a page at a time.
   * @throws VALIDATION for an unknown publisher, a bad place, or a stream that it does not follow; EPOCH_CHANGED.
   */
  async replay(name: string, { from, dryRun = false, ...watch }: ReplayOptions): Promise<Replay> {
    const stored = this.#stored(name)
    const state = await this.#stateOf(stored)
    const scope = this.#ports.scope ?? scopeOfKey(stored)
    const follow = followed(followOf(state.follow))
    const reader = new FollowedJournal(this.#ports.journal, follow, scope, watch)
    if (typeof from === 'object' && 'stream' in from) return this.#rewind(state, follow, from, reader, dryRun)
    const place = await placeOf(from, reader)
    const { heldStreams = 0 } = await this.get(name) ?? {}
    const count = place === undefined ? ENDED : await reader.countFrom(place)
    const moved = place !== undefined && !dryRun && !count.hasMore
    if (moved) await this.#ports.progress.rebase({ publisher: stored, follow: state.follow, cursor: place.cursor })
    return { ...count, moved, released: heldStreams }
  }

  /**
   * Starts the publisher anew in another place: after the journal became another one (EPOCH_CHANGED), or to follow
   * something else. Nothing is held any more; its dead letters stay.
   * @throws VALIDATION for an unknown publisher or a bad place; EPOCH_CHANGED.
   */
  async rebase(name: string, { to, follow }: RebaseOptions): Promise<void> {
    const stored = this.#stored(name)
    const state = await this.#stateOf(stored)
    const events = followed(follow ?? followOf(state.follow))
    const reader = new FollowedJournal(this.#ports.journal, events, this.#ports.scope ?? scopeOfKey(stored))
    if (to !== 'earliest' && to !== 'head' && typeof to?.cursor !== 'string') throw badPlace('to')
    const place = await placeOf(to, reader)
    if (place === undefined) throw badPlace('to')
    await this.#ports.progress.rebase({ publisher: stored, follow: events.text, cursor: place.cursor })
  }

  /** Those with these numbers. Neighbours are read together. */
  async #letters(publisher: string, numbers: readonly bigint[]): Promise<readonly DeadEvent[]> {
    const { progress, scope } = this.#ports
    const found: DeadEvent[] = []
    let wanted = [...new Set(numbers)].filter((number) => number > 0n).sort((a, b) => (a < b ? -1 : 1))
    while (wanted[0] !== undefined) {
      const page = await progress.deadLetters({ publisher, scope, after: wanted[0] - 1n, limit: wanted.length })
      const last = page.at(-1)?.number ?? MAX_ASSIGNED
      const named = new Set(wanted)
      found.push(...page.filter(({ number }) => named.has(number)))
      wanted = wanted.filter((number) => number > last)
    }
    return found
  }

  async #rewind(
    state: PublisherState, follow: FollowedEvents, from: Extract<ReplayFrom, { readonly stream: string }>,
    reader: FollowedJournal, dryRun: boolean,
  ): Promise<Replay> {
    const { journal, progress, scope } = this.#ports
    const { publisher } = state
    const name = {
      scope: scope ?? scopeOfKey(publisher) ?? scopeId(from.scope ?? DEFAULT_SCOPE),
      stream: assertStream(from.stream),
    }
    const sequence = assertU64('sequence', from.sequence)
    if (!mayFollow(follow, name.stream)) throw validationError('stream', 'is not one that the publisher follows')
    const highest = await journal.highestSequence(name)
    if (sequence < 1n || sequence > highest) {
      throw validationError('sequence', `must be from 1 to the stream's last, which is ${highest}`)
    }
    const slot = slotOf(name)
    const slots = slotMask(slot)
    const part = state.parts.find((each) => hasSlot(each.slots, slot))
    const held = (await progress.holds({ publisher, slots, limit: MAX_HOLDS }))
      .find((each) => each.stream === name.stream && each.scope === name.scope)
    const next = await reader.firstBehind(part?.cursor, slots, name)
    const first = held !== undefined && held.from < sequence ? held.from : sequence
    const last = max(held?.to ?? 0n, next === undefined ? highest : next - 1n)
    const count = await reader.countStream(name, first, last)
    const moved = !dryRun && !reader.isEnded && first <= last
    const found = !moved || await progress.rewind({ publisher, ...name, slot, from: first, to: last })
    if (!found) throw unknownPublisher()
    return { ...count, moved, released: 0 }
  }

  async #stateOf(stored: string): Promise<PublisherState> {
    const state = await this.#ports.progress.look(stored)
    if (state === undefined) throw unknownPublisher()
    return state
  }

  #statusOf({ publisher, follow, ...rest }: PublisherSummary): PublisherStatus | undefined {
    const { scope } = this.#ports
    const name = scope === undefined ? publisher : unscopedKey(scope, publisher)
    return name === undefined ? undefined : { name, follow: followOf(follow), ...rest }
  }

  #stored(name: string): string {
    return this.#key(assertName('name', name, this.#ports.scope === undefined ? MAX_OFFSET_NAME_BYTES : MAX_NAME_BYTES))
  }

  #key(name: string): string {
    const { scope } = this.#ports
    return scope === undefined ? name : scopedKey(scope, name)
  }
}

/** More than a process ever holds in one slot. */
const MAX_HOLDS = 100_000
const ENDED: EventCount = { events: 0, hasMore: true }

async function placeOf(
  from: Exclude<ReplayFrom, { readonly stream: string }>, reader: FollowedJournal,
): Promise<JournalPlace | undefined> {
  if (from === 'earliest') return { cursor: undefined }
  if (from === 'head') return reader.head()
  if (typeof from !== 'object' || from === null) throw badPlace('from')
  if ('time' in from) return reader.since(assertTime('time', from.time))
  if (typeof from.cursor !== 'string') throw badPlace('from')
  return reader.at(from.cursor)
}

/** Those that no dead letter can have are none. @throws VALIDATION. */
function assertNumbers(numbers: readonly U64[]): readonly bigint[] {
  if (!Array.isArray(numbers)) throw validationError('numbers', 'must be an array')
  assertInteger('numbers.length', numbers.length, 0, MAX_PAGE_LIMIT)
  return numbers.map((number: U64) => {
    const valid = assertU64('numbers', number)
    return valid > MAX_ASSIGNED || valid < 1n ? 0n : valid
  })
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

function unknownPublisher(): WaybillError {
  return validationError('name', 'is that of no publisher')
}

function badPlace(field: string): WaybillError {
  const more = field === 'from' ? ', { time } or { stream, sequence }' : ''
  return validationError(field, `must be 'earliest', 'head', { cursor }${more}`)
}
