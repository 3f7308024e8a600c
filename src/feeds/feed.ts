/**
 * The public surface over any `FeedStore`: validates and encodes once, gives rows their signatures, and tells a gap
 * from an answer with nothing in it.
 *
 * `Feed` reads; `TransactionFeed` also commits, in the caller's transaction; `SoloFeed` commits where there is none.
 */
import { randomUUID } from 'node:crypto'
import type { Codec } from '../core/codec.js'
import { systemClock, type Clock } from '../core/environment.js'
import { WaybillError } from '../core/errors.js'
import { MAX_PAGE_LIMIT } from '../core/limits.js'
import { assertU64, type U64 } from '../core/u64.js'
import { assertInteger } from '../core/validate.js'
import { encodeChanges, encodeRow, type ChangeDraft, type EncodedCommit, type RowDraft } from './changes.js'
import type { FeedStore } from './contract.js'
import type { AfterOptions, FeedChanges, FeedReader } from './feed-reader.js'
import { decodeResult } from './frame.js'
import type { FeedSettings } from './feed-options.js'
import { createFeedHandler, type FeedHandler } from './http-handler.js'
import type { FeedHandlerOptions } from './http-options.js'
import type { FeedState } from './result.js'
import { openSnapshot, type FeedSnapshot } from './snapshot.js'
import { writeSteps } from './write-steps.js'

export type { AfterOptions, FeedChanges, FeedPlace } from './feed-reader.js'

/** Of any store. */
export type AnyFeed = Feed<unknown>

export interface FeedPorts<Tx> {
  readonly store: FeedStore<Tx>
  readonly codec: Codec
  readonly now?: Clock | undefined
  /** Calls back when there may be news, until the returned function is called. Default never: who follows polls. */
  readonly onNews?: OnNews | undefined
}

type OnNews = (listener: () => void) => () => void

export interface CommitResult {
  /** False when there was nothing but `noop`. */
  readonly advanced: boolean
  /** Of the last result of the commit; undefined when it did not advance. */
  readonly sequence: bigint | undefined
}

export class Feed<Tx> implements FeedReader {
  /** As it was given. */
  readonly name: string
  /** By which stores know it: the name, with the scope in front where it has one. */
  readonly key: string
  readonly store: FeedStore<Tx>
  readonly codec: Codec
  protected readonly settings: FeedSettings
  readonly #now: Clock
  readonly #onNews: OnNews

  constructor({ store, codec, now = systemClock, onNews = never }: FeedPorts<Tx>, settings: FeedSettings) {
    this.name = settings.name
    this.key = settings.key
    this.store = store
    this.settings = settings
    this.codec = codec
    this.#now = now
    this.#onNews = onNews
  }

  /** Undefined where there is no such feed. */
  async state(): Promise<FeedState | undefined> {
    return this.store.state(this.settings.key)
  }

  /**
   * The results behind a sequence, ascending. One that is not there yet gives none.
   * @throws VALIDATION, CORRUPT.
   */
  async after(sequence: U64, options: AfterOptions = {}): Promise<FeedChanges> {
    const limit = assertInteger('limit', options.limit ?? MAX_PAGE_LIMIT, 1, MAX_PAGE_LIMIT)
    const after = assertU64('sequence', sequence)
    const page = await this.store.page({ feed: this.settings.key, after, limit })
    if (page === undefined) return { kind: 'missing' }
    const { state, entries } = page
    const place = { incarnation: state.incarnation, configHash: state.configHash, latest: state.sequence }
    const isReset = options.incarnation !== undefined && options.incarnation !== state.incarnation
    if (isReset || after + 1n < state.first) {
      return { kind: 'gap', reason: isReset ? 'reset' : 'evicted', requested: after, earliest: state.first, ...place }
    }
    const results = entries.map((entry) => decodeResult(entry.sequence, entry.data, this.codec))
    return { kind: 'results', results, hasMore: (results.at(-1)?.sequence ?? after) < state.sequence, ...place }
  }

  /**
   * All rows and the sequence they are of. The rows are read from the store while they are iterated, so any number
   * fits; leaving the loop early, or `close`, ends that. Undefined where there is no such feed.
   * @throws while iterating: CORRUPT; CLOSED after `close`; FEED_OVERRUN, retryable, where the store's snapshots are
   *   corrected from the log and that did not reach back far enough, or rows went on coming without a result.
   * @example
   * const snapshot = await feed.snapshot()
   * for await (const { signature, value } of snapshot?.rows ?? []) cache.set(signature, value)
   */
  async snapshot(): Promise<FeedSnapshot | undefined> {
    return openSnapshot(this.store, this.settings.key, this.codec)
  }

  /**
   * Serves the feed over HTTP: `(request: Request) => Promise<Response>`, as Hono, Bun and Deno take it, and Node
   * through `toNodeListener`. A browser's `EventSource` gets the rows and then each result, and goes on where it was
   * after any interruption. Close the handler to end its streams.
   * @throws VALIDATION naming the option.
   * @example
   * const handler = feed.handler({ authorize: (request) => isSignedIn(request) })
   * http.createServer(toNodeListener(handler)).listen(8080)
   */
  handler(options: FeedHandlerOptions = {}): FeedHandler {
    return createFeedHandler(this, this.#onNews, options)
  }

  protected encode(results: readonly (readonly ChangeDraft[])[]): EncodedCommit {
    return encodeChanges(results, { ...this.settings, codec: this.codec, at: this.#now() })
  }

  /** @throws CONFIG_CHANGED. */
  protected async write(tx: Tx, commit: EncodedCommit): Promise<FeedState> {
    const steps = writeSteps(this.settings, commit)
    let next = steps.next()
    while (next.done !== true) {
      const { value: call } = next
      next = steps.next(await (call.kind === 'commit' ? this.store.commit(tx, call.commit)
        : this.store[call.kind](tx, call.feed)))
    }
    return next.value
  }

  protected async fill(tx: Tx, rows: Iterable<RowDraft> | AsyncIterable<RowDraft>): Promise<number> {
    let count = 0
    let mutations = new Map<bigint, Uint8Array>()
    const flush = async (): Promise<void> => {
      const batch = [...mutations].map(([signature, data]) => ({ signature, data }))
      mutations = new Map()
      if (batch.length > 0) await this.write(tx, { results: [], mutations: batch })
    }
    for await (const row of rows) {
      const { signature, data } = encodeRow(row, { ...this.settings, codec: this.codec })
      mutations.set(signature, data)
      count += 1
      if (mutations.size >= FILL_BATCH) await flush()
    }
    await flush()
    return count
  }

  protected async renew(tx: Tx): Promise<FeedState> {
    const { key: feed, configHash, capacity } = this.settings
    return this.store.reset(tx, { feed, configHash, capacity, incarnation: randomUUID() })
  }
}

const FILL_BATCH = 1_000
const never: OnNews = () => () => undefined

export function commitResult(state: FeedState): CommitResult {
  return { advanced: true, sequence: state.sequence }
}

export const NOT_ADVANCED: CommitResult = { advanced: false, sequence: undefined }

export function missingTransaction(method: string): WaybillError {
  return new WaybillError('NOT_IN_TRANSACTION', `${method} takes the transaction as its first argument`)
}
