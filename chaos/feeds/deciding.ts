/**
 * Which transactions took effect where there is no table that has them: by what their producers wrote down and what the
 * server has appended to its file.
 *
 * What was answered must be there as it was answered, no more and no less; else it is as if it were not there. Of what
 * was not answered it is taken from the file where it is. A result that is there a second time has a number that nobody
 * was given, and that is found by it.
 */
import type { Appended, AppendedResult } from './appended-feeds.js'
import type { ProducerEvent } from './history/events.js'

type EventOf<Kind extends ProducerEvent['kind']> = Extract<ProducerEvent, { kind: Kind }>

/** In ms: less than anything takes. */
const A_MOMENT = 0.001

/** By result. */
type AppendedBy = ReadonlyMap<string, readonly AppendedResult[]>

export interface Decision {
  /** Transactions that took effect. */
  readonly orders: readonly string[]
  /** What was written, by the answer or by where it is, in the order of `at`. */
  readonly written: readonly EventOf<'wrote'>[]
}

export function decide(events: Iterable<ProducerEvent>, { incarnations, results }: Appended): Decision {
  const appended = new Map<string, AppendedResult[]>()
  for (const each of results) appended.set(each.result, [...appended.get(each.result) ?? [], each])
  const [meant, answered] = [new Map<string, EventOf<'meant'>>(), new Map<string, EventOf<'answered'>>()]
  const beganAt = new Map<string, number>()
  const orders: string[] = []
  for (const event of events) {
    if (event.kind === 'began') {
      beganAt.set(event.incarnation, event.at)
      if (incarnations.has(event.incarnation)) orders.push(event.tx)
    } else if (event.kind === 'meant') meant.set(event.tx, event)
    else if (event.kind === 'answered') answered.set(event.tx, event)
  }
  const written: EventOf<'wrote'>[] = []
  for (const [tx, event] of meant) {
    const found = answered.get(tx) ?? whereIs(event, appended)
    if (found === undefined) continue
    // Not before the feed was made, which may have been asked for later.
    const at = Math.max(found.at, (beganAt.get(found.incarnation) ?? 0) + A_MOMENT)
    written.push({ ...found, kind: 'wrote', at })
    if (isThere(found, appended)) orders.push(tx)
  }
  return { orders, written: written.sort((a, b) => a.at - b.at) }
}

/** Where nobody was answered. */
function whereIs({ at, tx, feed, results }: EventOf<'meant'>, appended: AppendedBy): EventOf<'answered'> | undefined {
  const found = results.flatMap((each) => {
    const [place] = appended.get(each.result) ?? []
    return place === undefined ? [] : [{ ...each, place }]
  })
  const [first] = found
  return first && {
    kind: 'answered', at, tx, feed, incarnation: first.place.incarnation,
    results: found.map(({ place: { sequence }, ...each }) => ({ ...each, sequence })),
  }
}

/** All of it, in this place, once. */
function isThere({ feed, incarnation, results }: EventOf<'answered'>, appended: AppendedBy): boolean {
  return results.every(({ result, sequence }) => {
    const [place, again] = appended.get(result) ?? []
    return again === undefined && place?.feed === feed && place.incarnation === incarnation
      && place.sequence === sequence
  })
}
