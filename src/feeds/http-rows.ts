/**
 * A snapshot as JSON lines: where it is, each row, and at the end what it came to. Without that last line it is not
 * whole.
 */
import { WaybillError } from '../core/errors.js'
import type { FeedReader } from './feed-reader.js'
import { rowDocument, type MapValue } from './http-json.js'
import { joined } from './http-pieces.js'
import type { FeedSnapshot } from './snapshot.js'

const LINES_OF_PIECE = 500

export async function* rowLines(feed: FeedReader, map: MapValue): AsyncGenerator<string, void> {
  const snapshot = await feed.snapshot()
  if (snapshot === undefined) throw new WaybillError('FEED_OVERRUN', 'the feed was deleted before it was read')
  try {
    yield* joined(lines(snapshot, map), '', LINES_OF_PIECE)
  } finally {
    await snapshot.close()
  }
}

async function* lines(snapshot: FeedSnapshot, map: MapValue): AsyncGenerator<string> {
  const { incarnation, configHash } = snapshot
  yield line({ incarnation, configHash, sequence: snapshot.sequence.toString() })
  let rows = 0
  for await (const row of snapshot.rows) {
    yield line(rowDocument(row, map))
    rows += 1
  }
  yield line({ end: true, sequence: snapshot.sequence.toString(), rows })
}

function line(document: object): string {
  return `${JSON.stringify(document)}\n`
}
