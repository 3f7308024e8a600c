/** `feed-snapshot-*`: rows, and the sequence they are of. */
import assert from 'node:assert/strict'
import type { FeedSnapshotRead } from '../../feeds/contract.js'
import { isWaybillError } from '../../core/errors.js'
import type { FeedCase } from './case.js'
import { outcomeOf, rejectsWith } from './context.js'
import type { ModelProducer } from './model.js'
import { EDGES, FEED, textOf, upTo } from './names.js'
import { producerOf, rowsOf } from './producer.js'
import { bySignature, type Mutation } from './rows-context.js'

async function readAll({ pages }: FeedSnapshotRead): Promise<[bigint, string][]> {
  const rows = new Map<bigint, string>()
  for await (const page of pages) for (const { signature, data } of page) rows.set(signature, textOf(data))
  return bySignature(rows)
}

const PRODUCER: ModelProducer = { config: 'a', capacity: 50, onConfigChange: 'refuse' }
/** More than a page of any store. */
const MANY = upTo(2_500)

export const snapshotCases: readonly FeedCase[] = [
  {
    id: 'feed-snapshot-1', title: 'all rows in pages of any size, over all of u64, with the state',
    async run(context) {
      await context.open()
      const all = EDGES.map((edge): [bigint, string] => [edge, `${edge}`])
      const state = await context.commit({ rows: all })
      for (const pageSize of [1, 4, EDGES.length, 1_000]) {
        assert.deepEqual(await context.rows(FEED, pageSize), all)
        const read = await context.store.snapshot(FEED, pageSize)
        assert.deepEqual(read?.state, state)
        await read?.close()
      }
    },
  },
  {
    id: 'feed-snapshot-2', title: 'rows and sequence are of one moment, whatever is committed meanwhile',
    needs: 'exact',
    async run(context) {
      await context.open()
      const rows = upTo(20).map((n): [bigint, string] => [BigInt(n), `old ${n}`])
      const state = await context.commit({ rows })
      const read = await context.store.snapshot(FEED, 3) ?? assert.fail('no snapshot')
      const seen: [bigint, string][] = []
      for await (const page of read.pages) {
        seen.push(...page.map(({ signature, data }): [bigint, string] => [signature, textOf(data)]))
        await context.commit({ rows: [...rows.map(([n]): Mutation => [n, n % 2n === 0n ? null : 'new']), [99, 'x']] })
      }
      assert.deepEqual([read.state, bySignature(seen)], [state, rows])
      assert.ok((await context.state()).sequence > state.sequence)
    },
  },
  {
    id: 'feed-snapshot-3', title: 'it stays what it was through a reset, a delete and a new feed of that name',
    needs: 'exact',
    async run(context) {
      for (const isDeleted of [false, true]) {
        await context.reset()
        const rows = upTo(10).map((n): [bigint, string] => [BigInt(n), `old ${n}`])
        const state = await context.commit({ rows })
        const read = await context.store.snapshot(FEED, 4) ?? assert.fail('no snapshot')
        await (isDeleted ? context.delete() : context.reset())
        await context.open()
        await context.commit({ rows: [[1, 'new']] })
        assert.deepEqual([read.state, await readAll(read)], [state, rows])
        await read.close()
      }
    },
  },
  {
    id: 'feed-snapshot-4', title: 'beside writers each is the result of one commit: its sequence', needs: 'exact',
    async run(context) {
      await context.open()
      await context.commit({ rows: upTo(10).map((n): Mutation => [n, '1']) })
      let isWriting = true
      const writing = (async () => {
        for (const n of upTo(30)) {
          await context.commit({ rows: upTo(10).map((row): Mutation => [row, `${n + 1}`]) }, context.other)
        }
      })().finally(() => {
        isWriting = false
      })
      while (isWriting) {
        const read = await context.store.snapshot(FEED, 3) ?? assert.fail('no snapshot')
        const texts = new Set((await readAll(read)).map(([, text]) => text))
        await read.close()
        assert.deepEqual([...texts], [`${read.state.sequence}`])
      }
      await writing
    },
  },
  {
    id: 'feed-snapshot-5', title: 'close ends it, also before it was read and twice; early ends leave nothing open',
    async run(context) {
      await context.open()
      await context.commit({ rows: upTo(10).map((n): Mutation => [n, `${n}`]) })
      for (let round = 0; round < 40; round += 1) {
        const read = await context.store.snapshot(FEED, 2) ?? assert.fail('no snapshot')
        if (round % 2 === 0) for await (const _ of read.pages) break
        await read.close()
        await read.close()
        await context.commit({ rows: [[round, 'written']] })
      }
      assert.equal(await context.delete(), true)
      assert.equal(await context.store.snapshot(FEED, 1), undefined)
    },
  },
  {
    id: 'feed-snapshot-6', title: 'several at once, each of its own moment', needs: 'exact',
    async run(context) {
      await context.open()
      const reads: FeedSnapshotRead[] = []
      for (const n of upTo(4)) {
        await context.commit({ rows: [[1, `${n}`], [n + 1, 'x']] })
        reads.push(await context.store.snapshot(FEED, 1) ?? assert.fail('no snapshot'))
      }
      const all = await Promise.all(reads.map(readAll))
      assert.deepEqual(all.map((rows) => rows.length), [2, 3, 4, 5])
      assert.deepEqual(all.map(([first]) => first?.[1]), ['1', '2', '3', '4'])
      assert.deepEqual(reads.map(({ state }) => state.sequence), [1n, 2n, 3n, 4n])
      for (const read of reads) await read.close()
    },
  },
  {
    id: 'feed-snapshot-7', title: 'one that is read when the store is closed throws CLOSED',
    async run(context) {
      await context.open()
      await context.commit({ rows: upTo(10).map((n): Mutation => [n, `${n}`]) })
      const read = await context.store.snapshot(FEED, 2) ?? assert.fail('no snapshot')
      await rejectsWith('CLOSED', async () => {
        for await (const _ of read.pages) await context.store.close()
      })
      await read.close()
    },
  },
  {
    id: 'feed-snapshot-8', title: 'rows that come without a result while it is read: those of its moment, none missing',
    async run(context) {
      const { store } = context
      const producer = producerOf(store, FEED, PRODUCER)
      await producer.bootstrap(MANY.map((n) => [n, `old ${n}`]))
      await producer.commit([[{ op: 'add', key: 0, after: 'first' }]])
      const before = await rowsOf(await producer.feed.snapshot())
      const snapshot = await producer.feed.snapshot() ?? assert.fail('no snapshot')
      let round = 0
      const read = await rowsOf(snapshot, async (count) => {
        // Where it is corrected, all rows are given once more for the last of these.
        if (count % 500 !== 0 || round === 4) return
        round += 1
        await producer.bootstrap(MANY.map((n) => [n + round * MANY.length, `new ${n}`]))
        await producer.bootstrap(MANY.slice(0, 20).map((n) => [n * round, `other ${round}`]))
        await producer.commit([[{ op: 'delete', key: 1_000 + round }, { op: 'update', key: round, after: 'again' }]])
      })
      assert.equal(round, 4)
      const isExact = store.capabilities.snapshots === 'exact'
      assert.equal(snapshot.sequence, isExact ? 1n : 5n)
      assert.deepEqual(read, isExact ? before : await rowsOf(await producer.feed.snapshot()))
    },
  },
  {
    id: 'feed-snapshot-9', title: 'rows without results all the while: as it was at first, or FEED_OVERRUN, never less',
    async run(context) {
      const { store } = context
      const producer = producerOf(store, FEED, PRODUCER)
      await producer.bootstrap(MANY.slice(0, 100).map((n) => [n, `${n}`]))
      const before = await rowsOf(await producer.feed.snapshot())
      const outcome = await outcomeOf(rowsOf(await producer.feed.snapshot(), async (count) => {
        if (count % 100 === 1) await producer.bootstrap([[count, `came as row ${count}`]])
      }))
      if (store.capabilities.snapshots === 'exact') return assert.deepEqual(outcome, { value: before })
      assert.ok('error' in outcome && isWaybillError(outcome.error, 'FEED_OVERRUN') && outcome.error.retryable,
        'rows that come without an end were not noticed')
    },
  },
  {
    id: 'feed-snapshot-10', title: 'closed while it is read it throws CLOSED, and does not pass for a whole one',
    async run(context) {
      const producer = producerOf(context.store, FEED, PRODUCER)
      await producer.bootstrap(MANY.map((n) => [n, `${n}`]))
      const snapshot = await producer.feed.snapshot() ?? assert.fail('no snapshot')
      await rejectsWith('CLOSED', () => rowsOf(snapshot, async (count) => {
        if (count === 1) await snapshot.close()
      }))
    },
  },
]
