/**
 * What was committed, in the order of the commits. A place in it is all that a cursor needs: nothing ever appears
 * before it.
 */
import type { JournalFilter } from '../../journal/contract.js'
import type { JournalEvent } from '../../journal/event.js'

export interface LogPage {
  readonly events: readonly JournalEvent[]
  readonly next: number
}

export class JournalLog {
  readonly #entries: JournalEvent[] = []
  /** The places of the events with a tag, ascending. */
  readonly #tagged = new Map<string, number[]>()

  get length(): number {
    return this.#entries.length
  }

  add(event: JournalEvent): void {
    const place = this.#entries.push(event) - 1
    for (const tag of event.tags) {
      const places = this.#tagged.get(tag)
      if (places === undefined) this.#tagged.set(tag, [place])
      else places.push(place)
    }
  }

  /** From this place on. Positions ascend inside the page; those of one stream do anyway. */
  page(from: number, { tag, scope }: JournalFilter, limit: number): LogPage {
    const events: JournalEvent[] = []
    let next = this.length
    for (const place of this.#places(from, tag)) {
      const event = this.#entries[place]
      if (event === undefined || (scope !== undefined && event.scope !== scope)) continue
      events.push(event)
      if (events.length < limit) continue
      next = place + 1
      break
    }
    return { events: events.sort((a, b) => (a.position < b.position ? -1 : 1)), next }
  }

  * #places(from: number, tag: string | undefined): Generator<number> {
    if (tag === undefined) {
      for (let place = from; place < this.#entries.length; place += 1) yield place
      return
    }
    const places = this.#tagged.get(tag) ?? []
    for (let index = lowerBound(places, from); index < places.length; index += 1) yield places[index] ?? 0
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
