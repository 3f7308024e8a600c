/**
 * Many journals as one history, by `at`.
 *
 * A journal is nearly in order: some events are written when they are over, under the time they began at. So each is
 * sorted within a window, and what comes out of order beyond it is left to the checker, which then refuses to judge.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import type { HistoryEvent } from 'waybill/testkit'
import type { TimedEvent } from './journal.js'

const CHUNK_BYTES = 1 << 18
export const WINDOW_MS = 20_000

/** Every event of the journals, in order; `onTorn` hears of each last line that a killed process did not finish. */
export function* mergeJournals<Event extends TimedEvent = HistoryEvent>(
  paths: readonly string[], onTorn?: (path: string) => void,
): Generator<Event> {
  const heads: { event: Event; readonly rest: Generator<Event> }[] = []
  for (const path of paths) {
    const rest = inOrder(readJournal<Event>(path, onTorn))
    const { value, done } = rest.next()
    if (done !== true) heads.push({ event: value, rest })
  }
  while (heads.length > 0) {
    let first = 0
    for (let index = 1; index < heads.length; index += 1) {
      if ((heads[index]?.event.at ?? 0) < (heads[first]?.event.at ?? 0)) first = index
    }
    const head = heads[first]
    if (head === undefined) return
    yield head.event
    const { value, done } = head.rest.next()
    if (done === true) heads.splice(first, 1)
    else head.event = value
  }
}

/** @throws SyntaxError for a line that is whole and no JSON. */
export function* readJournal<Event extends TimedEvent = HistoryEvent>(
  path: string, onTorn?: (path: string) => void,
): Generator<Event> {
  const file = openSync(path, 'r')
  const chunk = Buffer.alloc(CHUNK_BYTES)
  let rest: Buffer = Buffer.alloc(0)
  try {
    for (let size = readSync(file, chunk); size > 0; size = readSync(file, chunk)) {
      const text: Buffer = Buffer.concat([rest, chunk.subarray(0, size)])
      let from = 0
      for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10, from)) {
        yield JSON.parse(text.toString('utf8', from, end)) as Event
        from = end + 1
      }
      rest = Buffer.from(text.subarray(from))
    }
  } finally {
    closeSync(file)
  }
  if (rest.length > 0) onTorn?.(path)
}

function* inOrder<Event extends TimedEvent>(events: Iterable<Event>): Generator<Event> {
  let waiting: Event[] = []
  let [oldest, newest] = [Infinity, -Infinity]
  for (const event of events) {
    waiting.push(event)
    oldest = Math.min(oldest, event.at)
    newest = Math.max(newest, event.at)
    if (newest - oldest < 2 * WINDOW_MS) continue
    waiting.sort((a, b) => a.at - b.at)
    const ripe = waiting.findIndex(({ at }) => at >= newest - WINDOW_MS)
    yield* waiting.slice(0, ripe)
    waiting = waiting.slice(ripe)
    oldest = waiting[0]?.at ?? Infinity
  }
  yield* waiting.sort((a, b) => a.at - b.at)
}
