/** A feed store without transactions that can be held, broken and looked into. */
import type { FeedStore } from '../../src/feeds/contract.js'
import type { FeedState } from '../../src/feeds/result.js'

interface Stored {
  state: FeedState
  log: Map<bigint, Uint8Array>
  rows: Map<bigint, Uint8Array>
}

export interface FakeFeedStore extends FeedStore<undefined> {
  /** Snapshots that are open. */
  readonly openSnapshots: number
  /** How often a page was read. */
  readonly pageReads: number
  /** Thrown by every read, while set. */
  failure: Error | undefined
  /** Awaited before each page of rows but the first. */
  beforePage: () => Promise<void>
  /** Goes back to results up to this one, as a restored database does. */
  rewind(feed: string, sequence: bigint): void
}

export interface FakeFeedOptions {
  /** Overrides the page size that callers ask for. */
  readonly rowsOfPage?: number
  /** `corrected`: the log is read behind each page of rows. */
  readonly snapshots?: 'exact' | 'corrected'
}

export function fakeFeedStore({ rowsOfPage = 1_000, snapshots = 'exact' }: FakeFeedOptions = {}): FakeFeedStore {
  const feeds = new Map<string, Stored>()
  let openSnapshots = 0
  let pageReads = 0
  const check = (): void => { if (store.failure !== undefined) throw store.failure }
  const entries = ({ log }: Stored, after: bigint, limit: number): { sequence: bigint; data: Uint8Array }[] =>
    [...log].filter(([sequence]) => sequence > after).slice(0, limit).map(([sequence, data]) => ({ sequence, data }))
  const unused = (): never => { throw new Error('not of this fake') }
  const store: FakeFeedStore = {
    capabilities: { transactions: false, concurrentTransactions: false, snapshots, shared: false, durable: false },
    log: { append: unused, readFrom: unused, readLatestSequence: unused, clear: unused, trimToCapacity: unused },
    live: { applyMutations: unused, readSnapshot: unused, clear: unused, rowCount: unused },
    failure: undefined,
    beforePage: async () => undefined,
    get openSnapshots() { return openSnapshots },
    get pageReads() { return pageReads },
    transaction: (work) => work(undefined),
    async open(_, { feed, incarnation, configHash, capacity }) {
      const stored = feeds.get(feed)
        ?? { state: { feed, incarnation, configHash, capacity, sequence: 0n, first: 1n }, log: new Map(), rows: new Map() }
      feeds.set(feed, stored)
      return stored.state
    },
    async commit(_, { feed, configHash, capacity, results, mutations }) {
      const stored = feeds.get(feed)
      if (stored === undefined || stored.state.configHash !== configHash) return undefined
      let { sequence } = stored.state
      for (const data of results) stored.log.set(sequence += 1n, data)
      for (const key of stored.log.keys()) if (stored.log.size > capacity) stored.log.delete(key)
      for (const { signature, data } of mutations) {
        if (data === undefined) stored.rows.delete(signature)
        else stored.rows.set(signature, data)
      }
      const [first = sequence + 1n] = stored.log.keys()
      return stored.state = { ...stored.state, sequence, first, capacity }
    },
    async state(feed) {
      check()
      return feeds.get(feed)?.state
    },
    async page({ feed, after, limit }) {
      check()
      pageReads += 1
      const stored = feeds.get(feed)
      return stored && { state: stored.state, entries: entries(stored, after, limit) }
    },
    async snapshot(feed, pageSize) {
      check()
      const stored = feeds.get(feed)
      if (stored === undefined) return undefined
      const rows = [...stored.rows].map(([signature, data]) => ({ signature, data }))
      let isOpen = true
      openSnapshots += 1
      async function* pages(): AsyncGenerator<typeof rows> {
        for (let at = 0; at < rows.length; at += Math.min(rowsOfPage, pageSize)) {
          if (at > 0) await store.beforePage()
          check()
          yield rows.slice(at, at + Math.min(rowsOfPage, pageSize))
        }
      }
      return {
        state: stored.state, pages: pages(),
        async close() {
          if (isOpen) openSnapshots -= 1
          isOpen = false
        },
      }
    },
    async reset(_, fresh) {
      feeds.delete(fresh.feed)
      return store.open(_, fresh)
    },
    delete: async (_, feed) => feeds.delete(feed),
    list: async () => [],
    close: async () => undefined,
    rewind(feed, sequence) {
      const stored = feeds.get(feed)!
      for (const key of stored.log.keys()) if (key > sequence) stored.log.delete(key)
      const [first = sequence + 1n] = stored.log.keys()
      stored.state = { ...stored.state, sequence, first }
    },
  }
  return store
}
