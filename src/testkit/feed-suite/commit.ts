/** `feed-commit-*`: numbers, the ring, and rows. */
import assert from 'node:assert/strict'
import type { FeedCase } from './case.js'
import { commitOf, numbersOf, placeOf } from './context.js'
import { bytesOf, FEED, upTo } from './names.js'
import type { Mutation } from './rows-context.js'

export const commitCases: readonly FeedCase[] = [
  {
    id: 'feed-commit-1', title: 'results get the next numbers, in the order given, and are in the log; rows change',
    async run(context) {
      const opened = await context.open()
      const first = await context.commit({ results: ['a'], rows: [[1, 'one'], [2, 'two']] })
      assert.deepEqual(first, { ...opened, sequence: 1n, first: 1n })
      const second = await context.commit({ results: ['b', ''], rows: [[2, null], [3, '']] })
      assert.deepEqual(second, { ...opened, sequence: 3n, first: 1n })
      assert.deepEqual(await context.all(), {
        state: second, results: ['a', 'b', ''], rows: [[1n, 'one'], [3n, '']],
      })
      const entries = await context.store.log.readFrom(FEED, 1n, 10)
      assert.deepEqual(entries.map(({ sequence }) => sequence), [2n, 3n])
    },
  },
  {
    id: 'feed-commit-2', title: 'what is more than the capacity leaves, exactly: the oldest',
    async run(context) {
      await context.open()
      for (const n of upTo(5)) {
        const state = await context.commit({ results: [`r${n}`], rows: [[n, `${n}`]] })
        assert.deepEqual(placeOf(state), [n, Math.max(1, n - 2)])
        assert.equal((await context.results()).length, Math.min(n, 3))
      }
      assert.deepEqual(await context.results(), [[3, 'r3'], [4, 'r4'], [5, 'r5']])
      assert.equal((await context.rows()).length, 5)
      await context.all()
    },
  },
  {
    id: 'feed-commit-3', title: 'many results in one commit, fewer, as many and more than the capacity',
    async run(context) {
      for (const capacity of [1, 5]) {
        const feed = `ring of ${capacity}`
        await context.open({ feed, capacity })
        let count = 0
        for (const size of [1, 4, 5, 6, 12, 1, 100]) {
          const results = upTo(size).map((n) => `r${count + n}`)
          count += size
          const state = await context.commit({ feed, capacity, results })
          assert.deepEqual(placeOf(state), [count, Math.max(1, count - capacity + 1)])
          const kept = numbersOf(state).map(Number).map((n) => [n, `r${n}`])
          assert.deepEqual(await context.results(0, feed), kept)
        }
        await context.all(feed)
      }
    },
  },
  {
    id: 'feed-commit-4', title: 'nothing is written where there is no such feed, or one of another configuration',
    async run(context) {
      const { store } = context
      const commit = commitOf({ rows: [[1, 'one']] })
      assert.equal(await store.transaction((tx) => store.commit(tx, commit)), undefined)
      assert.deepEqual(await context.all(), { rows: 0, latest: undefined })
      assert.deepEqual(await store.list({ after: '', limit: 10 }), [])
      await context.open()
      await context.commit({ results: ['a', 'b', 'c'], rows: [[1, 'kept']] })
      const before = await context.all()
      for (const part of [{}, { results: [] }]) {
        const other = { ...commit, ...part, configHash: 'hash-2', capacity: 1 }
        assert.equal(await store.transaction((tx) => store.commit(tx, other)), undefined)
      }
      assert.deepEqual(await context.all(), before)
    },
  },
  {
    id: 'feed-commit-5', title: 'without results rows change, and the sequence does not',
    async run(context) {
      const opened = await context.open()
      assert.deepEqual(await context.commit({ results: [], rows: [[1, 'one'], [2, 'two']] }), opened)
      await context.commit({ results: ['a'] })
      const state = await context.commit({ results: [], rows: [[1, null], [3, 'three']] })
      assert.deepEqual(placeOf(state), [1, 1])
      assert.deepEqual(await context.all(), { state, results: ['a'], rows: [[2n, 'two'], [3n, 'three']] })
      assert.deepEqual(await context.commit({ results: [] }), state)
    },
  },
  {
    id: 'feed-commit-6', title: 'a smaller capacity takes effect at the next commit; a larger one brings nothing back',
    async run(context) {
      await context.open({ capacity: 10 })
      await context.commit({ capacity: 10, results: upTo(10).map((n) => `r${n}`) })
      const smaller = await context.commit({ capacity: 4, results: ['r11'] })
      assert.deepEqual([...placeOf(smaller), smaller.capacity], [11, 8, 4])
      const without = await context.commit({ capacity: 2, results: [] })
      assert.deepEqual([...placeOf(without), without.capacity], [11, 10, 2])
      assert.deepEqual(await context.results(), [[10, 'r10'], [11, 'r11']])
      const larger = await context.commit({ capacity: 1_000_000, results: ['r12'] })
      assert.deepEqual([...placeOf(larger), larger.capacity], [12, 10, 1_000_000])
      assert.deepEqual(await context.state(), larger)
      await context.all()
    },
  },
  {
    id: 'feed-commit-7', title: 'thousands of rows and results at once, and large ones',
    async run(context) {
      await context.open({ capacity: 1_000 })
      const rows = upTo(2_500).map((n): [bigint, string] => [BigInt.asUintN(64, BigInt(n) * -7n), `row ${n}`])
      const results = upTo(1_000).map((n) => `r${n}`)
      const state = await context.commit({ capacity: 1_000, results, rows })
      assert.deepEqual(placeOf(state), [1_000, 1])
      const large = 'x'.repeat(1_000_000)
      const gone = rows.map(([n]): Mutation => [n, null])
      const next = await context.commit({ capacity: 1_000, results: [large, 'last'], rows: gone })
      assert.deepEqual(placeOf(next), [1_002, 3])
      assert.deepEqual(await context.results(1_000), [[1_001, large], [1_002, 'last']])
      assert.deepEqual(await context.rows(), [])
    },
  },
  {
    id: 'feed-commit-8', title: 'what a commit was handed may be changed by the caller afterwards',
    async run(context) {
      await context.open()
      const [result, row] = [bytesOf('result'), bytesOf('row')]
      const results = [result]
      const mutations = [{ signature: 1n, data: row }]
      await context.store.transaction((tx) => context.store.commit(tx, { ...commitOf(), results, mutations }))
      result.fill(0)
      row.fill(0)
      results.length = 0
      mutations.length = 0
      assert.deepEqual([await context.results(), await context.rows()], [[[1, 'result']], [[1n, 'row']]])
    },
  },
]
