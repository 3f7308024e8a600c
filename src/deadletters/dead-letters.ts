/**
 * Dead letters of all sources as one: messages of the outbox, events that publishers gave up, entries of heaps, results
 * that subscribers gave up.
 *
 *     list ──► id ──┬─ get        everything that is kept of it
 *                   ├─ redrive ─► its source tries it again
 *                   ├─ discard ─► it is gone, for good
 *     redriveAll, discardAll      all of one source, in its order, a page at a time, at a rate
 *     groups                      how many there are by what went wrong
 *     purge                       those that are old
 *
 * Sources are listed one behind another; each has its own order, that in which its letters are redriven: messages in
 * the order of enqueueing, events and results in that of their death, entries by their counts. What a source cannot do
 * is UNSUPPORTED, before anything is done.
 */
import { validationError, WaybillError } from '../core/errors.js'
import { MAX_NAME_BYTES, MAX_PAGE_LIMIT, MAX_PURGE_LIMIT } from '../core/limits.js'
import { assertDuration, assertInteger, assertName } from '../core/validate.js'
import { groupsOf, type DeadLetterGroups, type DeadLetterGroupsOptions } from '../outbox/dead-letter-groups.js'
import { resolvePages, type Pace } from '../outbox/resolve-all.js'
import {
  DEAD_LETTER_SOURCES, parseDeadLetterId, type DeadLetter, type DeadLetterAnswer, type DeadLetterDetails,
  type DeadLetterSource,
} from './dead-letter.js'
import {
  unsupported, type DeadLetterFilter, type DeadLetterPlaces, type PlacedLetter, type RedriveLetterOptions,
} from './source.js'

export interface ListDeadLettersOptions extends DeadLetterFilter {
  /** `next` of the page before. */
  readonly cursor?: string | undefined
  /** 0…1,000. Default 100. */
  readonly limit?: number | undefined
}

export interface DeadLetterPage {
  readonly deadLetters: readonly DeadLetter[]
  /** Undefined at the end. */
  readonly next: string | undefined
}

/** Of one source, narrowed by the others. */
export interface AllDeadLettersOptions extends DeadLetterFilter, Pace<DeadLetterProgress> {
  readonly source: DeadLetterSource
}

export interface DeadLetterProgress {
  /** Redriven, or discarded. */
  readonly done: number
  /** Somebody else was faster. */
  readonly notDead: number
  /** Those that stay: the event is gone, or the handler threw. */
  readonly left: number
}

export interface ResolvedDeadLetters extends DeadLetterProgress {
  /** The signal ended it before all were met. */
  readonly isInterrupted: boolean
}

export interface PurgeDeadLettersOptions {
  readonly olderThanMs: number
  /** Default all that the store has. */
  readonly source?: DeadLetterSource | undefined
  /** At most this many of each source. 1…100,000. Default 1,000. */
  readonly limit?: number | undefined
}

export type DeadLetterPlacesBySource = Partial<Readonly<Record<DeadLetterSource, DeadLetterPlaces>>>

export class DeadLetters {
  readonly #sources: DeadLetterPlacesBySource

  /** Use `waybill.deadLetters`. A store need not have all sources. */
  constructor(sources: DeadLetterPlacesBySource) {
    this.#sources = sources
  }

  /**
   * One page, source by source. With `lane`, `target` or `key` only messages, with `name` only of that publisher, heap
   * or subscriber; of heaps what has failed at least `threshold` times in a row.
   * @throws VALIDATION naming the option; CONFIG_INVALID where the store has no such source.
   * @example
   * const { deadLetters, next } = await waybill.deadLetters.list({ source: 'outbox' })
   */
  async list({ cursor, limit = 100, ...filter }: ListDeadLettersOptions = {}): Promise<DeadLetterPage> {
    assertInteger('limit', limit, 0, MAX_PAGE_LIMIT)
    const page = await this.#page(this.#checked(filter), cursor, limit)
    const next = limit > 0 && page.length === limit ? page.at(-1)?.cursor : undefined
    return { deadLetters: page.map(({ letter }) => letter), next }
  }

  /**
   * Everything that is kept of a dead letter; undefined when there is none of this id, or none any more.
   * @throws VALIDATION for what is no id; CONFIG_INVALID where the store has no such source.
   */
  async get(id: string): Promise<DeadLetterDetails | undefined> {
    return this.#source(parseDeadLetterId(id).source).get(id)
  }

  /**
   * By what went wrong, the most frequent first; errors that differ only in numbers, ids and quoted texts are one.
   * @throws as `list`.
   */
  async groups(
    { limit, scan, ...filter }: DeadLetterFilter & Pick<DeadLetterGroupsOptions, 'limit' | 'scan'> = {},
  ): Promise<DeadLetterGroups> {
    const checked = this.#checked(filter)
    return groupsOf(async (wanted, after: (DeadLetter & { readonly cursor: string }) | undefined) => {
      const page = await this.#page(checked, after?.cursor, wanted)
      return page.map(({ letter, cursor }) => ({ ...letter, cursor }))
    }, { limit, scan })
  }

  /**
   * Has dead letters tried again, at most 1,000, of any sources; an answer for each in order. A message is due at once
   * with all its attempts, and with `payload` and a `note` it gets another body, on record. An event is published again
   * by its publisher. A result of a feed is given to `handle` here and now.
   * @throws VALIDATION, PAYLOAD_TOO_LARGE; UNSUPPORTED, before anything is done, for entries of heaps, for another
   *   payload of what is no message, and for results without `handle`; CONFIG_INVALID.
   * @example
   * await waybill.deadLetters.redrive(id, { payload: { total: 42 }, note: 'total was text, #1234' })
   */
  async redrive(
    ids: string | readonly string[], options: RedriveLetterOptions = {},
  ): Promise<readonly DeadLetterAnswer[]> {
    const all = typeof ids === 'string' ? [ids] : ids
    const sources = this.#sourcesOf(all)
    for (const source of sources.keys()) this.#source(source).checkRedrive(options)
    return this.#bySource(all, sources, (source, some) => source.redrive(some, options))
  }

  /** Removes dead letters for good, at most 1,000; an answer for each in order. @throws VALIDATION, CONFIG_INVALID. */
  async discard(ids: string | readonly string[]): Promise<readonly DeadLetterAnswer[]> {
    const all = typeof ids === 'string' ? [ids] : ids
    return this.#bySource(all, this.#sourcesOf(all), (source, some) => source.discard(some))
  }

  /**
   * All of one source, in its order, at a rate: messages of one key in the order in which they were enqueued. What dies
   * again meanwhile is not met twice. A call that was interrupted is simply made again.
   * @throws as `redrive`.
   */
  async redriveAll(
    { handle, ...options }: AllDeadLettersOptions & Pick<RedriveLetterOptions, 'handle'>,
  ): Promise<ResolvedDeadLetters> {
    const source = this.#source(this.#named(options).source)
    source.checkRedrive({ handle })
    return this.#all(options, (ids) => source.redrive(ids, { handle }))
  }

  /** All of one source, for good. @throws VALIDATION, CONFIG_INVALID. */
  async discardAll(options: AllDeadLettersOptions): Promise<ResolvedDeadLetters> {
    const source = this.#source(this.#named(options).source)
    return this.#all(options, (ids) => source.discard(ids))
  }

  /**
   * Removes what has been dead for so long, and answers how many of each source; call again while one of them is
   * `limit`. Of heaps, whatever has not failed for so long. A source that cannot be purged in this view is left out.
   * @throws VALIDATION; UNSUPPORTED when it is the one that is asked for; CONFIG_INVALID.
   */
  async purge(
    { olderThanMs, source, limit = 1_000 }: PurgeDeadLettersOptions,
  ): Promise<Partial<Readonly<Record<DeadLetterSource, number>>>> {
    const request = {
      olderThanMs: assertDuration('olderThanMs', olderThanMs),
      limit: assertInteger('limit', limit, 1, MAX_PURGE_LIMIT),
    }
    if (source !== undefined) this.#source(assertSource(source))
    const counts: Partial<Record<DeadLetterSource, number>> = {}
    for (const each of this.#wanted({ source })) {
      const count = await this.#source(each).purge(request)
      if (count !== undefined) counts[each] = count
      else if (source !== undefined) {
        throw unsupported('purge', source, `dead letters of a ${source} are not purged by age in this view`)
      }
    }
    return counts
  }

  /** Pages of one source, resolved one after another. */
  async #all(
    options: AllDeadLettersOptions, resolve: (ids: readonly string[]) => Promise<readonly DeadLetterAnswer[]>,
  ): Promise<ResolvedDeadLetters> {
    const { ratePerSecond, signal, onProgress, ...filter } = options
    const checked = this.#checked(filter)
    const source = this.#source(filter.source)
    const list = source.pass?.() ?? ((...request) => source.list(...request))
    const { isInterrupted, ...counts } = await resolvePages<PlacedLetter, Left>({
      // A handler takes its time, and the signal is heard between pages.
      pageLimit: filter.source === 'subscriber' ? HANDLED_PAGE : undefined,
      list: (limit, after) => list(checked, after?.cursor, limit),
      resolve: async (page) => (await resolve(page.map(({ letter }) => letter.id))).map(leftOf),
    }, { ratePerSecond, signal, onProgress: onProgress && ((counted) => onProgress(progressOf(counted))) })
    return { ...progressOf(counts), isInterrupted }
  }

  async #page(
    filter: DeadLetterFilter, cursor: string | undefined, limit: number,
  ): Promise<readonly PlacedLetter[]> {
    const wanted = this.#wanted(filter)
    const from = cursor === undefined ? wanted[0] : sourceOf(cursor)
    if (from !== undefined && !wanted.includes(from)) {
      throw validationError('cursor', 'is not of such a list: take it from the page before')
    }
    const found: PlacedLetter[] = []
    for (const source of wanted.slice(from === undefined ? 0 : wanted.indexOf(from))) {
      if (found.length === limit) break
      const after = source === from ? cursor : undefined
      found.push(...await this.#source(source).list(filter, after, limit - found.length))
    }
    return found
  }

  /** @throws VALIDATION. */
  #checked(filter: DeadLetterFilter): DeadLetterFilter {
    const { source, name, lane, target, key } = filter
    if (source !== undefined) this.#source(assertSource(source))
    const isOfMessages = [lane, target, key].some((each) => each !== undefined)
    if (isOfMessages && source !== undefined && source !== 'outbox') {
      throw validationError('lane', 'and target and key are of messages: they go with source `outbox`')
    }
    if (name !== undefined) {
      assertName('name', name, MAX_NAME_BYTES)
      if (source === undefined || source === 'outbox') {
        throw validationError('name', 'is of a publisher, a heap or a subscriber: it goes with such a source')
      }
    }
    return isOfMessages ? { ...filter, source: 'outbox' } : filter
  }

  /** Those that the filter and the store have. */
  #wanted({ source }: Pick<DeadLetterFilter, 'source'>): readonly DeadLetterSource[] {
    return DEAD_LETTER_SOURCES.filter((each) => (
      source === undefined ? this.#sources[each] !== undefined : each === source))
  }

  #named<Options extends AllDeadLettersOptions>(options: Options): Options {
    assertSource(options.source)
    return options
  }

  /** @throws CONFIG_INVALID. */
  #source(source: DeadLetterSource): DeadLetterPlaces {
    const found = this.#sources[source]
    if (found === undefined) throw new WaybillError('CONFIG_INVALID', `the store has no dead letters of a ${source}`)
    return found
  }

  /** Which of the ids are of which source, by their indexes. @throws VALIDATION. */
  #sourcesOf(ids: readonly string[]): ReadonlyMap<DeadLetterSource, readonly number[]> {
    if (!Array.isArray(ids)) throw validationError('ids', 'must be an id or an array of them')
    assertInteger('ids.length', ids.length, 0, MAX_PAGE_LIMIT)
    const sources = new Map<DeadLetterSource, number[]>()
    ids.forEach((id: unknown, index) => {
      const { source } = parseDeadLetterId(id)
      sources.set(source, [...sources.get(source) ?? [], index])
    })
    return sources
  }

  async #bySource(
    ids: readonly string[], sources: ReadonlyMap<DeadLetterSource, readonly number[]>,
    resolve: (source: DeadLetterPlaces, ids: readonly string[]) => Promise<readonly DeadLetterAnswer[]>,
  ): Promise<readonly DeadLetterAnswer[]> {
    const answers = ids.map((): DeadLetterAnswer => 'not_dead')
    for (const [source, indexes] of sources) {
      const some = await resolve(this.#source(source), indexes.map((index) => ids[index] ?? ''))
      indexes.forEach((index, n) => { answers[index] = some[n] ?? 'not_dead' })
    }
    return answers
  }
}

const HANDLED_PAGE = 10

/** @throws VALIDATION. */
function assertSource(source: unknown): DeadLetterSource {
  const found = DEAD_LETTER_SOURCES.find((each) => each === source)
  if (found === undefined) throw validationError('source', `must be one of ${DEAD_LETTER_SOURCES.join(', ')}`)
  return found
}

function sourceOf(cursor: string): DeadLetterSource {
  assertName('cursor', cursor, Infinity)
  return DEAD_LETTER_SOURCES.find((source) => cursor.startsWith(`${source}:`)) ?? 'outbox'
}

type Left = 'not_dead' | 'stays'

function leftOf(answer: DeadLetterAnswer): 'done' | Left {
  if (answer === 'redriven' || answer === 'discarded') return 'done'
  return answer === 'not_dead' ? answer : 'stays'
}

function progressOf(
  { done, others }: { readonly done: number; readonly others: Partial<Readonly<Record<Left, number>>> },
): DeadLetterProgress {
  return { done, notDead: others.not_dead ?? 0, left: others.stays ?? 0 }
}
