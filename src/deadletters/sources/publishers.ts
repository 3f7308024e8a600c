/** Events that publishers gave up. */
import { scopedKey, unscopedKey, type ScopeId } from '../../core/scope.js'
import type { JournalStore } from '../../journal/contract.js'
import type { DeadEvent, ProgressStore } from '../../journal/progress.js'
import type { Publishers } from '../../journal/publishers.js'
import {
  formatDeadLetterId, numberOf, parseDeadLetterId, type DeadLetter, type DeadLetterAnswer, type DeadLetterDetails,
} from '../dead-letter.js'
import {
  answered, refuseEdit, unsupported, type DeadLetterFilter, type DeadLetterPlaces, type PlacedLetter,
  type RedriveLetterOptions,
} from '../source.js'

export interface PublisherDeadLetterPorts {
  readonly publishers: Publishers
  readonly progress: ProgressStore
  readonly journal: Pick<JournalStore, 'get'>
  readonly scope: ScopeId | undefined
}

const NAMES_PAGE = 100

/** A place in the list: the name as the view has it, and the number. */
interface Place {
  readonly name: string
  readonly number: bigint
}

export class PublisherDeadLetters implements DeadLetterPlaces {
  readonly #ports: PublisherDeadLetterPorts

  constructor(ports: PublisherDeadLetterPorts) {
    this.#ports = ports
  }

  list(filter: DeadLetterFilter, after: string | undefined, limit: number): Promise<readonly PlacedLetter[]> {
    return this.#list(filter, after, limit, () => Promise.resolve(Infinity))
  }

  /** What dies again gets a higher number, so the first ones are those there were, as many as there were. */
  pass(): DeadLetterPlaces['list'] {
    const left = new Map<string, number>()
    const room = async (name: string): Promise<number> => (
      left.get(name) ?? (await this.#ports.publishers.get(name))?.deadLetters ?? 0)
    return (filter, after, limit) => this.#list(filter, after, limit, room, (name, count) => left.set(name, count))
  }

  /** `room`: how many of a publisher are listed at most; `fill` is told how many that leaves. */
  async #list(
    { name: only }: DeadLetterFilter, after: string | undefined, limit: number,
    room: (name: string) => Promise<number>, fill?: (name: string, left: number) => void,
  ): Promise<readonly PlacedLetter[]> {
    const place = after === undefined ? undefined : this.#place(after)
    const found: PlacedLetter[] = []
    for await (const name of this.#names(only, place?.name)) {
      const from = name === place?.name ? place.number : 0n
      const most = await room(name)
      const wanted = Math.min(most, limit - found.length)
      const page = await this.#ports.publishers.deadLetters(name, { after: from, limit: wanted })
      fill?.(name, most - page.length)
      for (const event of page) {
        const letter = this.#letterOf(name, event)
        found.push({ letter, cursor: letter.id })
      }
      if (found.length === limit) break
    }
    return found
  }

  async get(id: string): Promise<DeadLetterDetails | undefined> {
    const place = this.#place(id)
    if (place === undefined) return undefined
    const { publishers, journal, scope } = this.#ports
    const [dead] = await publishers.deadLetters(place.name, { after: place.number - 1n, limit: 1 })
    if (dead?.number !== place.number) return undefined
    const [event] = await journal.get([dead.id], scope)
    const { attempts, diedAt, error } = dead
    return {
      letter: this.#letterOf(place.name, dead), edits: [], headers: event?.headers ?? {},
      failures: [{ attempt: attempts, failedAt: diedAt, consumer: place.name, error }],
      payload: event?.payload, contentType: event?.contentType ?? '',
    }
  }

  checkRedrive(options: RedriveLetterOptions): void {
    refuseEdit('publisher', options)
    if (options.handle === undefined) return
    throw unsupported('handle', 'publisher', 'an event is redriven to its publisher: leave out `handle`')
  }

  async redrive(ids: readonly string[]): Promise<readonly DeadLetterAnswer[]> {
    return this.#resolve(ids, (name, numbers) => this.#ports.publishers.redrive(name, numbers))
  }

  async discard(ids: readonly string[]): Promise<readonly DeadLetterAnswer[]> {
    return this.#resolve(ids, (name, numbers) => this.#ports.publishers.discard(name, numbers))
  }

  async purge(request: { readonly olderThanMs: number; readonly limit: number }): Promise<number | undefined> {
    const { progress, scope } = this.#ports
    return scope === undefined ? progress.purgeDead({ publisher: undefined, ...request, dryRun: false }) : undefined
  }

  /** One call for each publisher. */
  async #resolve(
    ids: readonly string[],
    resolve: (name: string, numbers: readonly bigint[]) => Promise<readonly DeadLetterAnswer[]>,
  ): Promise<readonly DeadLetterAnswer[]> {
    return answered(ids, (id) => this.#place(id), async (places) => {
      const answers: DeadLetterAnswer[] = places.map(() => 'not_dead')
      const names = new Set(places.flatMap((place) => place?.name ?? []))
      for (const name of names) {
        const indexes = places.flatMap((place, index) => (place?.name === name ? [index] : []))
        const some = await resolve(name, indexes.map((index) => places[index]?.number ?? 0n))
        indexes.forEach((index, n) => { answers[index] = some[n] ?? 'not_dead' })
      }
      return answers
    })
  }

  /** By name, from this one on; those without dead letters are left out. */
  async* #names(only: string | undefined, from: string | undefined): AsyncGenerator<string> {
    const { publishers } = this.#ports
    if (only !== undefined) return yield only
    if (from !== undefined) yield from
    for (let after = from; ;) {
      const page = await publishers.list({ after, limit: NAMES_PAGE })
      for (const { name, deadLetters } of page) if (deadLetters > 0) yield name
      after = page.at(-1)?.name
      if (page.length < NAMES_PAGE) return
    }
  }

  /** Undefined for what is of another scope. @throws VALIDATION. */
  #place(id: string): Place | undefined {
    const parsed = parseDeadLetterId(id)
    if (parsed.source !== 'publisher') return undefined
    const { scope } = this.#ports
    const name = scope === undefined ? parsed.name : unscopedKey(scope, parsed.name)
    return name === undefined ? undefined : { name, number: numberOf(parsed.rest) }
  }

  #letterOf(name: string, event: DeadEvent): DeadLetter {
    const { number, scope, stream, sequence, type, id: eventId, attempts, error, diedAt } = event
    const { scope: own } = this.#ports
    const publisher = own === undefined ? name : scopedKey(own, name)
    return {
      id: formatDeadLetterId('publisher', publisher, number), source: 'publisher', scope, publisher, stream, sequence,
      type, eventId, attempts, error, diedAt,
    }
  }
}

