/** What a case of the feed works with: an empty store with two handles, and the moves most cases make. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { FeedCommit, FeedPage, FeedStore, NewFeed } from '../../feeds/contract.js'
import type { FeedState } from '../../feeds/result.js'
import { OpenTransactions, type Isolation, type OpenTransaction } from '../open-transactions.js'
import { bytesOf, FEED, textOf } from './names.js'
import type { OpenedFeeds } from './options.js'
import { bySignature, mutationsOf, type Mutation } from './rows-context.js'

export { outcomeOf, rejectsWith } from '../outbox-suite/context.js'

export const HASH = 'hash-1'
export const CAPACITY = 3

export interface CommitPart extends Partial<Omit<FeedCommit, 'results' | 'mutations'>> {
  readonly results?: readonly string[]
  readonly rows?: readonly Mutation[]
}

export interface ContextOptions {
  readonly open: () => Promise<OpenedFeeds<unknown>>
  readonly histories: number
  readonly seed: number
}

export class FeedContext {
  readonly options: ContextOptions
  readonly opened: OpenedFeeds<unknown>
  store: FeedStore
  /** The other handle is closed then. */
  isReopened = false
  readonly #transactions = new OpenTransactions()

  static async create(options: ContextOptions): Promise<FeedContext> {
    return new FeedContext(options, await options.open())
  }

  private constructor(options: ContextOptions, opened: OpenedFeeds<unknown>) {
    this.options = options
    this.opened = opened
    this.store = opened.store
  }

  /** Another handle onto the same store. */
  get other(): FeedStore {
    return this.opened.other
  }

  seeds(): number[] {
    return Array.from({ length: this.options.histories }, (_, n) => this.options.seed + n)
  }

  async begin(isolation?: Isolation): Promise<OpenTransaction<unknown>> {
    return this.#transactions.track(await this.opened.begin?.(isolation) ?? assert.fail('opened without transactions'))
  }

  /** As after a restart. */
  async reopen(): Promise<void> {
    this.isReopened = true
    this.store = await this.opened.reopen?.() ?? assert.fail('it cannot be opened anew')
  }

  async close(): Promise<void> {
    await this.#transactions.rollback()
    await this.opened.close()
  }

  /** In a transaction of its own, where there are any. */
  open(part: Partial<NewFeed> = {}): Promise<FeedState> {
    return this.store.transaction((tx) => this.store.open(tx, feedOf(part)))
  }

  async commit(part: CommitPart = {}, store = this.store): Promise<FeedState> {
    return store.transaction((tx) => this.commitIn(tx, part, store))
  }

  async commitIn(tx: unknown, part: CommitPart = {}, store = this.store): Promise<FeedState> {
    return await store.commit(tx, commitOf(part)) ?? assert.fail('there is no such feed')
  }

  reset(part: Partial<NewFeed> = {}): Promise<FeedState> {
    return this.store.transaction((tx) => this.store.reset(tx, feedOf(part)))
  }

  delete(feed = FEED): Promise<boolean> {
    return this.store.transaction((tx) => this.store.delete(tx, feed))
  }

  async state(feed = FEED): Promise<FeedState> {
    return await this.store.state(feed) ?? assert.fail(`there is no feed ${feed}`)
  }

  async page(after: bigint | number = 0, { limit = 1_000, feed = FEED, store = this.store } = {}): Promise<FeedPage> {
    return await store.page({ feed, after: BigInt(after), limit }) ?? assert.fail(`there is no feed ${feed}`)
  }

  /** What is kept behind a number. */
  async results(after: bigint | number = 0, feed = FEED): Promise<[number, string][]> {
    const { entries } = await this.page(after, { feed })
    return entries.map(({ sequence, data }) => [Number(sequence), textOf(data)])
  }

  /** By signature. */
  async rows(feed = FEED, pageSize = 1_000): Promise<[bigint, string][]> {
    const read = await this.store.snapshot(feed, pageSize) ?? assert.fail(`there is no feed ${feed}`)
    const rows = new Map<bigint, string>()
    try {
      for await (const page of read.pages) {
        assert.ok(page.length <= pageSize, `${page.length} rows in a page of ${pageSize}`)
        for (const { signature, data } of page) rows.set(signature, textOf(data))
      }
    } finally {
      await read.close()
    }
    return bySignature(rows)
  }

  /** All that there is to see of a feed, and that it agrees with itself. */
  async all(feed = FEED): Promise<unknown> {
    const state = await this.store.state(feed)
    const rows = await this.store.live.rowCount(feed)
    const latest = await this.store.log.readLatestSequence(feed)
    if (state === undefined) {
      assert.equal(await this.store.page({ feed, after: 0n, limit: 1 }), undefined)
      assert.equal(await this.store.snapshot(feed, 1), undefined)
      return { rows, latest }
    }
    const page = await this.page(0, { feed, limit: 10_000 })
    const read = await this.rows(feed)
    assert.deepEqual(page.state, state)
    assert.deepEqual(page.entries.map(({ sequence }) => sequence), numbersOf(state), 'the log is not as the state says')
    assert.deepEqual([latest, rows], [page.entries.at(-1)?.sequence, read.length])
    return { state, results: page.entries.map(({ data }) => textOf(data)), rows: read }
  }
}

export function feedOf(part: Partial<NewFeed> = {}): NewFeed {
  return { feed: FEED, incarnation: randomUUID(), configHash: HASH, capacity: CAPACITY, ...part }
}

export function commitOf({ results = ['result'], rows = [], ...part }: CommitPart = {}): FeedCommit {
  return {
    feed: FEED, configHash: HASH, capacity: CAPACITY, results: results.map(bytesOf), mutations: mutationsOf(rows),
    ...part,
  }
}

/** What a state says is kept. */
export function numbersOf({ first, sequence }: FeedState): bigint[] {
  return Array.from({ length: Number(sequence - first) + 1 }, (_, n) => first + BigInt(n))
}

/** Sequence and first. */
export function placeOf({ sequence, first }: FeedState): [number, number] {
  return [Number(sequence), Number(first)]
}
