/**
 * How far each subscriber is in each feed, as the side effects come. The numbers of an incarnation are dense, so a
 * subscriber's place is the lowest number of which it does not know: not accepted, not told to be lost, not in a
 * snapshot, and not before where it began.
 *
 * A result may come for the first time only when all before it are known. One that is missing then and comes later is
 * out of order; one that never comes was skipped.
 */
import type { GapEvent, ReceivedEvent, StoredPlace } from './events.js'
import type { FollowerPlan, Report } from './verdict.js'

interface Place {
  /** The lowest number that is not known. */
  next: number
  /** Known, beyond `next`. */
  readonly known: Set<number>
  /** The highest number that was received. */
  highest: number
  /** Overtaken, by what. */
  readonly overtaken: Map<number, ReceivedEvent>
}

interface Follower {
  readonly subscriber: string
  readonly feed: string
  readonly places: Map<string, Place>
  /** Whose results came last. */
  current: string | undefined
  hasBegun: boolean
}

export interface LateIncarnation {
  readonly incarnation: string
  readonly by: ReceivedEvent
}

export class Followers {
  /** Received for the first time when its incarnation was over for the subscriber. */
  readonly late: LateIncarnation[] = []
  told = 0
  readonly #plans: Readonly<Record<string, FollowerPlan>>
  readonly #report: Report
  readonly #followers = new Map<string, Follower>()

  constructor(plans: Readonly<Record<string, FollowerPlan>>, report: Report) {
    this.#plans = plans
    this.#report = report
  }

  /** Results of one incarnation, in the order of the delivery. */
  received(event: ReceivedEvent, incarnation: string, sequences: readonly number[]): void {
    const follower = this.#follower(event.subscriber, event.feed)
    const isNew = !follower.places.has(incarnation)
    const place = this.#place(follower, incarnation)
    const isFirst = sequences.some((sequence) => sequence > place.highest)
    if (follower.current !== incarnation && isFirst) {
      if (isNew || follower.current === undefined || place.highest === 0) follower.current = incarnation
      else this.late.push({ incarnation, by: event })
    }
    sequences.forEach((sequence, index) => {
      // Those of a batch are handled together, in this order.
      if (sequence > place.highest) this.#overtake(place, sequence, event, sequences.slice(0, index))
      place.highest = Math.max(place.highest, sequence)
      if (event.accepted) cover(place, sequence, sequence)
    })
  }

  snapshot(event: ReceivedEvent, { incarnation, sequence }: StoredPlace): void {
    if (!event.accepted) return
    const follower = this.#follower(event.subscriber, event.feed)
    follower.hasBegun = true
    cover(this.#place(follower, incarnation), 1, sequence)
  }

  /** Only who goes on behind the range needs nothing else instead of it. */
  gap({ subscriber, feed, incarnation, action, lost }: GapEvent): void {
    this.told += 1
    const place = this.#place(this.#follower(subscriber, feed), incarnation)
    if (action === 'skipped' && lost !== undefined) cover(place, ...lost)
  }

  /** Where it begins, when that is seen for the first time. */
  stored(subscriber: string, { feed, incarnation, sequence }: StoredPlace): void {
    const follower = this.#follower(subscriber, feed)
    if (follower.hasBegun || incarnation === '') return
    follower.hasBegun = true
    if (this.#plans[subscriber]?.fromSnapshot !== true) cover(this.#place(follower, incarnation), 1, sequence)
  }

  /** Whether all up to there is known. */
  isDone(subscriber: string, { feed, incarnation, sequence }: StoredPlace): boolean {
    return incarnation === '' || this.#place(this.#follower(subscriber, feed), incarnation).next > sequence
  }

  /** What was overtaken, and what is not known of the incarnation that is the feed's last. */
  finish(lastOf: (feed: string) => StoredPlace | undefined): void {
    for (const { subscriber, feed, places } of this.#followers.values()) {
      for (const [incarnation, { next, known, overtaken }] of places) {
        for (const [sequence, by] of overtaken) {
          const isKnown = sequence < next || known.has(sequence)
          this.#report(isKnown ? 'order' : 'skipped', `${subscriber}: ${feed} ${incarnation} ${sequence}`, by)
        }
      }
    }
    for (const [subscriber, { feeds }] of Object.entries(this.#plans)) {
      for (const feed of feeds) {
        const last = lastOf(feed)
        if (last === undefined || this.isDone(subscriber, last)) continue
        this.#report('lost', `${subscriber}: ${feed} is not known up to ${last.sequence}`)
      }
    }
  }

  #overtake(
    { next, known, overtaken }: Place, sequence: number, by: ReceivedEvent, together: readonly number[],
  ): void {
    for (let before = next; before < sequence; before += 1) {
      if (!known.has(before) && !overtaken.has(before) && !together.includes(before)) overtaken.set(before, by)
    }
  }

  #follower(subscriber: string, feed: string): Follower {
    const key = `${subscriber} ${feed}`
    const known = this.#followers.get(key)
    if (known !== undefined) return known
    const made: Follower = { subscriber, feed, places: new Map(), current: undefined, hasBegun: false }
    this.#followers.set(key, made)
    return made
  }

  #place({ places }: Follower, incarnation: string): Place {
    const known = places.get(incarnation)
    if (known !== undefined) return known
    const made: Place = { next: 1, known: new Set(), highest: 0, overtaken: new Map() }
    places.set(incarnation, made)
    return made
  }
}

function cover(place: Place, from: number, to: number): void {
  if (from <= place.next) place.next = Math.max(place.next, to + 1)
  else for (let sequence = from; sequence <= to; sequence += 1) place.known.add(sequence)
  while (place.known.delete(place.next)) place.next += 1
}
