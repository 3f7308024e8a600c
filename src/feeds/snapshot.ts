/**
 * A snapshot as its reader sees it: rows, and the sequence they are of.
 *
 * Where a store cannot hold a moment still, its rows are read while commits go on, and set right from the log:
 *
 *     state (40) ─► rows … ─► results 41…43, row by row ─► rows … ─► results 44 … ─► end: the rows are those of 44
 *
 * A row is given again when a result has changed it since the state was read, and taken back when one deleted it. A row
 * that was read after result n may be followed by what an earlier result made of it; but then n comes too, later. So
 * what counts is the last that is given. The log is read after each page of rows, so only commits of more results than
 * it keeps, within one page, can overrun it.
 *
 * Rows that change without a result, as those that `bootstrap` puts in, are not in the log, and the scan may have been
 * past their place. So pages of the log have a revision, which grows with each such change. If it has moved when all
 * rows are read, since the last page before the reading began, they are read again, behind what was given:
 *
 *     sequence 40, revision 7 ─► rows … results … ─► 44, 8 ─► rows … results … ─► 45, 8: the rows are those of 45
 *
 * At one page both are of one moment, and a reading corrects from that moment on. Had a row been put in behind it, and
 * been given before an older result that is read later, the revision would have moved since, and all come once more.
 */
import type { Codec } from '../core/codec.js'
import { decodePayload } from '../core/content.js'
import { WaybillError } from '../core/errors.js'
import { MAX_PAGE_LIMIT } from '../core/limits.js'
import type { FeedSnapshotRead, FeedStore } from './contract.js'
import { decodeResult } from './frame.js'
import type { FeedRow } from './result.js'

export interface FeedSnapshot {
  readonly incarnation: string
  readonly configHash: string
  /**
   * What the rows are of. Where the store's snapshots are `corrected` it ascends while rows are read, and holds for
   * them once they are read to the end.
   */
  readonly sequence: bigint
  /** May be iterated once. */
  readonly rows: AsyncIterable<FeedRow>
  /** Ends the reading, as leaving the loop does. May be called again. */
  close(): Promise<void>
}

const PAGE_SIZE = 1_000
/** How often all rows are read, at most, while others put in such as no result tells of. */
const MAX_READINGS = 4

export async function openSnapshot<Tx>(
  store: FeedStore<Tx>, feed: string, codec: Codec,
): Promise<FeedSnapshot | undefined> {
  const read = await store.snapshot(feed, PAGE_SIZE)
  return read === undefined ? undefined : new Snapshot(store, read, codec)
}

class Snapshot<Tx> implements FeedSnapshot {
  readonly incarnation: string
  readonly configHash: string
  sequence: bigint
  readonly rows: AsyncIterable<FeedRow>
  readonly #store: FeedStore<Tx>
  readonly #codec: Codec
  #read: FeedSnapshotRead
  /** Of the sequence. */
  #revision: bigint | undefined
  #isClosed = false

  constructor(store: FeedStore<Tx>, read: FeedSnapshotRead, codec: Codec) {
    this.incarnation = read.state.incarnation
    this.configHash = read.state.configHash
    this.sequence = read.state.sequence
    this.#store = store
    this.#read = read
    this.#revision = read.revision
    this.#codec = codec
    this.rows = this.#iterate()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#read.close()
  }

  async* #iterate(): AsyncGenerator<FeedRow> {
    const isExact = this.#store.capabilities.snapshots === 'exact'
    try {
      for (let reading = 1; ; reading += 1) {
        const revision = this.#revision
        for await (const page of this.#read.pages) {
          for (const { signature, data } of page) yield { signature, value: decodePayload(this.#codec, data) }
          if (!isExact) yield* this.#corrections()
        }
        // A reading that was ended from outside must not pass for a whole one.
        if (this.#isClosed) throw new WaybillError('CLOSED', 'this snapshot is closed')
        // Also of a feed without rows: some may have come.
        if (!isExact) yield* this.#corrections()
        if (this.#revision === revision) return
        await this.#readAgain(reading)
      }
    } finally {
      await this.close()
    }
  }

  /** All rows. What was deleted or begun anew meanwhile, the next page of the log tells. */
  async #readAgain(reading: number): Promise<void> {
    if (reading === MAX_READINGS) throw overrun('got rows without results all the while', 'later')
    const { feed } = this.#read.state
    const again = await this.#store.snapshot(feed, PAGE_SIZE)
    if (again === undefined) throw overrun('was deleted')
    this.#read = again
    if (this.#isClosed) await again.close()
  }

  async* #corrections(): AsyncGenerator<FeedRow> {
    const { feed } = this.#read.state
    for (;;) {
      const page = await this.#store.page({ feed, after: this.sequence, limit: MAX_PAGE_LIMIT })
      if (page === undefined) throw overrun('was deleted')
      if (page.state.incarnation !== this.incarnation || this.sequence + 1n < page.state.first) {
        throw overrun('was reset, or got more results than it keeps,')
      }
      for (const { sequence, data } of page.entries) {
        for (const { op, signature, after } of decodeResult(sequence, data, this.#codec).changes) {
          if (op !== 'noop') yield { signature, value: after }
        }
        this.sequence = sequence
      }
      this.#revision = page.revision
      if (this.sequence >= page.state.sequence) return
    }
  }
}

function overrun(why: string, when = "again, or raise the feed's capacity"): WaybillError {
  return new WaybillError('FEED_OVERRUN', `the feed ${why} while its snapshot was read: read it ${when}`, {
    retryable: true,
  })
}
