/**
 * What was committed, in the order of the commits. A place in it is all that a cursor needs: nothing ever appears
 * before it.
 */
import type { JournalFilter } from '../../journal/contract.js'
import type { JournalEvent } from '../../journal/event.js'
import type { SlotMask } from '../../journal/progress.js'
import { hasSlot, slotOf } from '../../journal/slots.js'

export interface LogPage {
  readonly events: readonly JournalEvent[]
  /** The place behind each of them. */
  readonly places: readonly number[]
  /** Where to go on. */
  readonly next: number
}

export class JournalLog {
  /** A removed one leaves its place empty; the first ones are dropped when all before them are. */
  readonly #entries: (JournalEvent | undefined)[] = []
  /** The slot of each. */
  readonly #slots: number[] = []
  /** The place of the first entry. */
  #first = 0
  /** The places of the events with a tag, ascending. */
  readonly #tagged = new Map<string, number[]>()

  get length(): number {
    return this.#first + this.#entries.length
  }

  /** Answers the event's place. */
  add(event: JournalEvent): number {
    const place = this.#first + this.#entries.push(event) - 1
    this.#slots.push(slotOf(event))
    for (const tag of event.tags) {
      const places = this.#tagged.get(tag)
      if (places === undefined) this.#tagged.set(tag, [place])
      else places.push(place)
    }
    return place
  }

  remove(place: number): void {
    const tags = this.#at(place)?.tags ?? []
    if (place >= this.#first) this.#entries[place - this.#first] = undefined
    for (const tag of tags) {
      const places = this.#tagged.get(tag)
      if (places === undefined) continue
      const index = lowerBound(places, place)
      if (places[index] === place) places.splice(index, 1)
      if (places.length === 0) this.#tagged.delete(tag)
    }
  }

  /** Forgets what is empty at the beginning. */
  trim(): void {
    const found = this.#entries.findIndex((event) => event !== undefined)
    const count = found === -1 ? this.#entries.length : found
    this.#entries.splice(0, count)
    this.#slots.splice(0, count)
    this.#first += count
  }

  /** Those in the places from…to−1. */
  * between(from: number, to: number): Generator<JournalEvent> {
    for (let place = Math.max(from, this.#first); place < to; place += 1) {
      const event = this.#at(place)
      if (event !== undefined) yield event
    }
  }

  #at(place: number): JournalEvent | undefined {
    return this.#entries[place - this.#first]
  }

  /** From this place on. Positions ascend inside a page, so it ends before what was committed late. */
  page(from: number, filter: JournalFilter, slots: SlotMask | undefined, limit: number): LogPage {
    const events: JournalEvent[] = []
    const places: number[] = []
    for (const place of this.#places(from, filter.tags)) {
      const event = this.#at(place)
      if (event === undefined || !this.#isWanted(event, place, filter, slots)) continue
      if (event.position < (events.at(-1)?.position ?? 0n)) return { events, places, next: place }
      events.push(event)
      places.push(place + 1)
      if (events.length === limit) return { events, places, next: place + 1 }
    }
    return { events, places, next: this.length }
  }

  #isWanted(
    event: JournalEvent, place: number, { scope, streams }: JournalFilter, slots: SlotMask | undefined,
  ): boolean {
    if (scope !== undefined && event.scope !== scope) return false
    if (streams !== undefined && !streams.includes(event.stream)) return false
    return slots === undefined || hasSlot(slots, this.#slots[place - this.#first] ?? 0)
  }

  /** Ascending, each once. */
  * #places(from: number, tags: readonly string[] | undefined): Generator<number> {
    if (tags === undefined) {
      for (let place = Math.max(from, this.#first); place < this.length; place += 1) yield place
      return
    }
    const lists = tags.map((tag) => {
      const places = this.#tagged.get(tag) ?? []
      return { places, index: lowerBound(places, from) }
    })
    for (;;) {
      const next = Math.min(...lists.map(({ places, index }) => places[index] ?? Infinity))
      if (next === Infinity) return
      yield next
      for (const list of lists) if (list.places[list.index] === next) list.index += 1
    }
  }
}

/** The first index whose value is not below. */
function lowerBound(values: readonly number[], value: number): number {
  let [low, high] = [0, values.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((values[middle] ?? 0) < value) low = middle + 1
    else high = middle
  }
  return low
}
