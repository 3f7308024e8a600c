/**
 * Feeds in the memory of one process. They share their transactions with the outbox, so one commit covers both.
 *
 * A transaction that changes a feed has it to its end, as a row's lock is held on a database; others wait for that.
 * Nothing is taken while waiting. Reads see what was committed, and nothing comes between the steps of one.
 */
import { WaybillError } from '../../core/errors.js'
import type {
  FeedCapabilities, FeedCommit, FeedPage, FeedPageRead, FeedSnapshotRead, FeedsRequest, FeedStore, FeedSummary,
  LiveResults, LiveRow, NewFeed, ResultLog, RowMutation,
} from '../../feeds/contract.js'
import type { FeedState } from '../../feeds/result.js'
import { afterCommit, emptyFeed } from '../../feeds/ring.js'
import { MemoryFeed, type FeedChange } from './feed-record.js'
import type { MemoryTransactions } from './journal.js'
import { assertUsable, type MemoryTransaction } from './transaction.js'

export class MemoryFeedStore implements FeedStore<MemoryTransaction> {
  readonly capabilities: FeedCapabilities = {
    transactions: true, concurrentTransactions: true, snapshots: 'exact', shared: false, durable: false,
  }

  readonly #transactions: MemoryTransactions
  readonly #feeds = new Map<string, MemoryFeed>()
  #closed = false

  constructor(transactions: MemoryTransactions) {
    this.#transactions = transactions
  }

  readonly log: ResultLog<MemoryTransaction> = {
    append: async (tx, feed, sequence, data) => {
      const record = await this.#take(tx, feed)
      this.#stage(tx, feed, { state: record.stagedState, results: [{ sequence, data: new Uint8Array(data) }] })
    },
    readFrom: async (feed, after, limit) => this.#find(feed)?.log.read(after, limit) ?? [],
    readLatestSequence: async (feed) => this.#find(feed)?.log.last,
    clear: async (tx, feed) => {
      const record = await this.#take(tx, feed)
      this.#stage(tx, feed, { state: record.stagedState, clearsLog: true })
    },
    trimToCapacity: async (tx, feed, capacity) => {
      const record = await this.#take(tx, feed)
      const numbers = record.stagedNumbers()
      const count = Math.max(0, numbers.length - capacity)
      const state = record.stagedState
      const dropBelow = numbers[count]
      const change = dropBelow === undefined ? { state, clearsLog: true } : { state, dropBelow }
      if (count > 0) this.#stage(tx, feed, change)
      return count
    },
  }

  readonly live: LiveResults<MemoryTransaction> = {
    applyMutations: async (tx, feed, mutations) => {
      const record = await this.#take(tx, feed)
      this.#stage(tx, feed, { state: record.stagedState, mutations: ownCopies(mutations) })
    },
    readSnapshot: (feed, pageSize) => this.#readRows(feed, pageSize),
    clear: async (tx, feed) => {
      const record = await this.#take(tx, feed)
      this.#stage(tx, feed, { state: record.stagedState, clearsRows: true })
    },
    rowCount: async (feed) => this.#find(feed)?.rows.size ?? 0,
  }

  async transaction<T>(work: (tx: MemoryTransaction) => Promise<T>): Promise<T> {
    this.#assertOpen()
    return this.#transactions.transaction(work)
  }

  async open(tx: MemoryTransaction, feed: NewFeed): Promise<FeedState> {
    const record = await this.#take(tx, feed.feed)
    const there = record.stagedState
    if (there !== undefined) return there
    const state = emptyFeed(feed)
    this.#stage(tx, feed.feed, { state, clearsLog: true, clearsRows: true })
    return state
  }

  async commit(tx: MemoryTransaction, commit: FeedCommit): Promise<FeedState | undefined> {
    const record = await this.#take(tx, commit.feed)
    const before = record.stagedState
    if (before === undefined || before.configHash !== commit.configHash) return undefined
    const state = afterCommit(before, commit)
    const results = commit.results.map((data, n) => (
      { sequence: before.sequence + BigInt(n) + 1n, data: new Uint8Array(data) }))
    this.#stage(tx, commit.feed, { state, results, dropBelow: state.first, mutations: ownCopies(commit.mutations) })
    return state
  }

  async state(feed: string): Promise<FeedState | undefined> {
    return this.#find(feed)?.state
  }

  async page({ feed, after, limit }: FeedPageRead): Promise<FeedPage | undefined> {
    const record = this.#find(feed)
    return record?.state === undefined ? undefined
      : { state: record.state, entries: record.log.read(after, limit) }
  }

  async snapshot(feed: string, pageSize: number): Promise<FeedSnapshotRead | undefined> {
    const record = this.#find(feed)
    if (record?.state === undefined) return undefined
    let isClosed = false
    return {
      state: record.state,
      pages: this.#pagesOf([...record.rows], pageSize, () => isClosed),
      close: async () => {
        isClosed = true
      },
    }
  }

  async reset(tx: MemoryTransaction, feed: NewFeed): Promise<FeedState> {
    await this.#take(tx, feed.feed)
    const state = emptyFeed(feed)
    this.#stage(tx, feed.feed, { state, clearsLog: true, clearsRows: true })
    return state
  }

  async delete(tx: MemoryTransaction, feed: string): Promise<boolean> {
    const record = await this.#take(tx, feed)
    if (record.stagedState === undefined) return false
    this.#stage(tx, feed, { state: undefined, clearsLog: true, clearsRows: true })
    return true
  }

  async list({ after, limit }: FeedsRequest): Promise<readonly FeedSummary[]> {
    this.#assertOpen()
    return [...this.#feeds]
      .flatMap(([feed, { state, rows }]) => (
        state === undefined || inOrder(feed, after) <= 0 ? [] : [{ ...state, rows: rows.size }]))
      .sort((a, b) => inOrder(a.feed, b.feed))
      .slice(0, limit)
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  /** The feed, once no other transaction has it. */
  async #take(tx: MemoryTransaction, feed: string): Promise<MemoryFeed> {
    this.#assertOpen()
    assertUsable(tx)
    for (;;) {
      const record = this.#feeds.get(feed) ?? new MemoryFeed()
      if (record.holder === undefined || record.holder === tx) {
        this.#feeds.set(feed, record)
        return record
      }
      await tx.waitFor(record.holder)
      this.#assertOpen()
      assertUsable(tx)
    }
  }

  #stage(tx: MemoryTransaction, feed: string, change: FeedChange): void {
    const record = this.#feeds.get(feed)
    record?.stage(tx, change, () => {
      if (record.isEmpty) this.#feeds.delete(feed)
    })
  }

  async* #readRows(feed: string, pageSize: number): AsyncGenerator<readonly LiveRow[]> {
    yield* this.#pagesOf([...this.#find(feed)?.rows ?? []], pageSize, () => false)
  }

  async* #pagesOf(
    rows: readonly (readonly [bigint, Uint8Array])[], pageSize: number, isEnded: () => boolean,
  ): AsyncGenerator<readonly LiveRow[]> {
    for (let from = 0; from < rows.length && !isEnded(); from += pageSize) {
      this.#assertOpen()
      yield rows.slice(from, from + pageSize)
        .map(([signature, data]) => ({ signature, data: new Uint8Array(data) }))
    }
  }

  #find(feed: string): MemoryFeed | undefined {
    this.#assertOpen()
    return this.#feeds.get(feed)
  }

  #assertOpen(): void {
    if (this.#closed) throw new WaybillError('CLOSED', 'the store is closed')
  }
}

/** The caller may change what it handed in. */
function ownCopies(mutations: readonly RowMutation[]): RowMutation[] {
  return mutations.map(({ signature, data }) => ({ signature, data: data && new Uint8Array(data) }))
}

/** By the bytes of their UTF-8. */
function inOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
