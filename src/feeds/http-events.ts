/**
 * A feed as Server-Sent Events: rows first, then each result, and from the beginning again where that is the truth.
 *
 *     without a place   snapshot-begin · snapshot-rows … · snapshot-end ─► result · result …
 *     with a place      result · result …                        behind it, from the log
 *     place is gone     reset ─► snapshot-begin …                the reason, and which results are lost
 *
 * Only `snapshot-end` and `result` have an id, which is the place behind them: what a browser sends when it comes back.
 * The events that begin anew take the id away, so that a browser that is cut off inside a snapshot gets another one.
 */
import { isWaybillError } from '../core/errors.js'
import { READ_LIMIT, type FeedTail, type TailEvent } from './feed-tail.js'
import type { FeedGap, FeedReader } from './feed-reader.js'
import { resultDocument, rowDocument, type MapValue } from './http-json.js'
import { joined } from './http-pieces.js'
import { positionText, type FeedPosition } from './http-request.js'
import type { Result } from './result.js'
import type { FeedSnapshot } from './snapshot.js'

export interface EventsSource {
  readonly feed: FeedReader
  readonly tail: FeedTail
  readonly map: MapValue
  readonly retryMs: number
  /** Ends the events. */
  readonly signal: AbortSignal
}

export const HEARTBEAT = ':\n\n'

/** A snapshot that the log does not keep up with so often is given up; the browser comes back. */
const MAX_OVERRUNS = 3
const ROWS_OF_EVENT = 500

/** Why what a reader has is not to be gone on from. */
interface Reset {
  /**
   * `evicted`, `reset`: as in a gap. `deleted`: there is no feed now. `rewound`: the database is behind the reader, as
   * after a restore. `overrun`: the snapshot was, and is taken again.
   */
  readonly reason: FeedGap['reason'] | 'deleted' | 'rewound' | 'overrun'
  readonly gap?: FeedGap
}

export async function* feedEvents(
  source: EventsSource, behind: FeedPosition | undefined,
): AsyncGenerator<string, void> {
  const { tail, signal } = source
  const leave = tail.follow()
  try {
    yield `retry: ${source.retryMs}\n\n`
    for (let place = behind; ;) {
      place ??= yield* snapshotEvents(source)
      if (place === undefined || signal.aborted) return
      const reset = yield* resultEvents(source, place)
      if (reset === undefined) return
      yield resetEvent(reset)
      place = undefined
    }
  } finally {
    leave()
  }
}

export function resultEvent(incarnation: string, result: Result, map: MapValue): string {
  return eventText('result', resultDocument(result, map), { incarnation, sequence: result.sequence })
}

/** Waits for the feed where there is none. Undefined when it was called off. */
async function* snapshotEvents(source: EventsSource): AsyncGenerator<string, FeedPosition | undefined> {
  const { feed, tail, signal } = source
  for (let overruns = 0; ;) {
    const { version } = tail
    const snapshot = await feed.snapshot()
    if (snapshot === undefined) {
      await tail.changed(version, signal)
      if (signal.aborted) return undefined
      continue
    }
    try {
      return yield* rowEvents(snapshot, source)
    } catch (error) {
      overruns += 1
      if (!isWaybillError(error, 'FEED_OVERRUN') || overruns >= MAX_OVERRUNS) throw error
    } finally {
      await snapshot.close()
    }
    yield resetEvent({ reason: 'overrun' })
  }
}

async function* rowEvents(snapshot: FeedSnapshot, { map }: EventsSource): AsyncGenerator<string, FeedPosition> {
  const { incarnation, configHash } = snapshot
  yield eventText('snapshot-begin', { incarnation, configHash, sequence: snapshot.sequence.toString() }, 'none')
  for await (const rows of joined(texts(snapshot, map), ',', ROWS_OF_EVENT)) {
    yield `event: snapshot-rows\ndata: [${rows}]\n\n`
  }
  // Of a corrected snapshot it is known only now.
  const place = { incarnation, sequence: snapshot.sequence }
  yield eventText('snapshot-end', { incarnation, sequence: place.sequence.toString() }, place)
  return place
}

async function* texts({ rows }: FeedSnapshot, map: MapValue): AsyncGenerator<string> {
  for await (const row of rows) yield JSON.stringify(rowDocument(row, map))
}

/** Until there is a reason to begin anew; undefined when it was called off. */
async function* resultEvents(source: EventsSource, behind: FeedPosition): AsyncGenerator<string, Reset | undefined> {
  const { tail, signal } = source
  for (let place = behind; ;) {
    const { version } = tail
    const events = tail.after(place) ?? await storedEvents(source, place)
    if ('reason' in events) return events
    yield* joined(events.map(({ text }) => text), '', READ_LIMIT)
    const last = events.at(-1)
    if (last === undefined) await tail.changed(version, signal)
    else place = { ...place, sequence: last.sequence }
    if (signal.aborted) return undefined
  }
}

async function storedEvents({ feed, map }: EventsSource, place: FeedPosition): Promise<readonly TailEvent[] | Reset> {
  const { incarnation, sequence } = place
  const page = await feed.after(sequence, { incarnation, limit: READ_LIMIT })
  if (page.kind === 'missing') return { reason: 'deleted' }
  if (page.kind === 'gap') return { reason: page.reason, gap: page }
  if (page.latest < sequence) return { reason: 'rewound' }
  return page.results.map((result) => ({ sequence: result.sequence, text: resultEvent(incarnation, result, map) }))
}

/** Of another incarnation no number tells what is lost: all of the old one is. */
function resetEvent({ reason, gap }: Reset): string {
  const lost = gap?.reason === 'evicted'
    ? { from: (gap.requested + 1n).toString(), to: (gap.earliest - 1n).toString() } : null
  return eventText('reset', { reason, lost }, 'none')
}

function eventText(name: string, document: object, id: FeedPosition | 'none'): string {
  // JSON has no line breaks outside its strings, and escapes those inside.
  return `id: ${id === 'none' ? '' : positionText(id)}\nevent: ${name}\ndata: ${JSON.stringify(document)}\n\n`
}
