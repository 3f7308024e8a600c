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
 */
import type { Codec } from '../core/codec.js'
import { decodePayload } from '../core/content.js'
import { WaybillError } from '../core/errors.js'
import { MAX_PAGE_LIMIT } from '../core/limits.js'
import type { FeedSnapshotRead, FeedStore } from './contract.js'
import { decodeResult } from './frame.js'
import type { FeedRow, FeedState } from './result.js'

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
  readonly #read: FeedSnapshotRead
  readonly #codec: Codec

  constructor(store: FeedStore<Tx>, read: FeedSnapshotRead, codec: Codec) {
    this.incarnation = read.state.incarnation
    this.configHash = read.state.configHash
    this.sequence = read.state.sequence
    this.#store = store
    this.#read = read
    this.#codec = codec
    this.rows = this.#iterate()
  }

  async close(): Promise<void> {
    await this.#read.close()
  }

  async* #iterate(): AsyncGenerator<FeedRow> {
    const isExact = this.#store.capabilities.snapshots === 'exact'
    try {
      for await (const page of this.#read.pages) {
        for (const { signature, data } of page) yield { signature, value: decodePayload(this.#codec, data) }
        if (!isExact) yield* this.#corrections()
      }
      // Also of a feed without rows: some may have come.
      if (!isExact) yield* this.#corrections()
    } finally {
      await this.close()
    }
  }

  async* #corrections(): AsyncGenerator<FeedRow> {
    const { feed } = this.#read.state
    for (;;) {
      const page = await this.#store.page({ feed, after: this.sequence, limit: MAX_PAGE_LIMIT })
      if (page === undefined || page.state.incarnation !== this.incarnation || this.sequence + 1n < page.state.first) {
        throw overrun(page?.state)
      }
      for (const { sequence, data } of page.entries) {
        for (const { op, signature, after } of decodeResult(sequence, data, this.#codec).changes) {
          if (op !== 'noop') yield { signature, value: after }
        }
        this.sequence = sequence
      }
      if (this.sequence >= page.state.sequence) return
    }
  }
}

function overrun(state: FeedState | undefined): WaybillError {
  const why = state === undefined ? 'was deleted' : 'was reset, or got more results than it keeps,'
  return new WaybillError('FEED_OVERRUN', `the feed ${why} while its snapshot was read: read it again, or raise the `
    + "feed's capacity", { retryable: true })
}
