/** `feed-list-*`, `feed-names-*`, `feed-range-*` and `feed-close-*`. */
import assert from 'node:assert/strict'
import { MAX_ASSIGNED } from '../../core/u64.js'
import type { FeedCase } from './case.js'
import { commitOf, feedOf, rejectsWith } from './context.js'
import { FEED, HOSTILE_KEYS, upTo } from './names.js'

/** In the order of their UTF-8 bytes, which is neither that of UTF-16 nor any language's. */
const NAMES = ['A', 'B', 'a', 'a b', 'aa', 'b', 'é', 'ﬀ', '🧾']

export const listCases: readonly FeedCase[] = [
  {
    id: 'feed-list-1', title: 'feeds in the order of their bytes, in pages of any size',
    async run(context) {
      for (const feed of NAMES.toReversed()) await context.open({ feed })
      for (const limit of [1, 4, NAMES.length, 100]) {
        const names: string[] = []
        for (let after = ''; ;) {
          const page = await context.store.list({ after, limit })
          if (page.length === 0) break
          assert.ok(page.length <= limit)
          names.push(...page.map(({ feed }) => feed))
          after = page.at(-1)?.feed ?? after
        }
        assert.deepEqual(names, NAMES)
      }
    },
  },
  {
    id: 'feed-list-2', title: 'each with its state and how many rows it has; what was deleted is not in it',
    async run(context) {
      for (const [n, feed] of ['a', 'b', 'c', 'd'].entries()) {
        await context.open({ feed, capacity: n + 1 })
        const rows = upTo(n).map((row): [number, string] => [row, 'x'])
        await context.commit({ feed, capacity: n + 1, results: upTo(n * 2).map(String), rows })
      }
      await context.delete('b')
      await context.reset({ feed: 'c' })
      assert.deepEqual(await context.store.list({ after: '', limit: 9 }), [
        { ...await context.state('a'), rows: 0 }, { ...await context.state('c'), rows: 0 },
        { ...await context.state('d'), rows: 3 },
      ])
    },
  },
  {
    id: 'feed-list-3', title: 'a log or rows without a feed are not in it',
    async run(context) {
      const { store } = context
      await store.transaction(async (tx) => {
        await store.log.append(tx, 'a log', 1n, new Uint8Array([1]))
        await store.live.applyMutations(tx, 'rows', [{ signature: 1n, data: new Uint8Array([1]) }])
      })
      assert.deepEqual(await store.list({ after: '', limit: 9 }), [])
      assert.deepEqual([await store.state('a log'), await store.state('rows')], [undefined, undefined])
    },
  },
  {
    id: 'feed-names-1', title: 'each key is a feed of its own, whatever it looks like',
    async run(context) {
      for (const [n, feed] of HOSTILE_KEYS.entries()) {
        await context.open({ feed })
        await context.commit({ feed, results: upTo(n % 5).map((result) => `${feed} ${result}`), rows: [[n, feed]] })
      }
      for (const [n, feed] of HOSTILE_KEYS.entries()) {
        const results = upTo(n % 5).map((result) => [result, `${feed} ${result}`]).slice(-3)
        assert.deepEqual([await context.results(0, feed), await context.rows(feed)], [results, [[BigInt(n), feed]]])
      }
      for (const [n, feed] of HOSTILE_KEYS.entries()) {
        assert.equal(await (n % 2 === 0 ? context.delete(feed) : context.reset({ feed }).then(() => true)), true)
        const next = HOSTILE_KEYS[n + 1]
        if (next !== undefined) assert.deepEqual(await context.rows(next), [[BigInt(n + 1), next]])
      }
      const left = (await context.store.list({ after: '', limit: 1_000 })).map(({ feed }) => feed)
      const byBytes = HOSTILE_KEYS.filter((_, n) => n % 2 === 1)
        .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      assert.deepEqual(left, byBytes)
    },
  },
  {
    id: 'feed-names-2', title: 'any incarnation and config hash, and capacities to the last, come back as they were',
    async run(context) {
      for (const [n, text] of HOSTILE_KEYS.entries()) {
        const incarnation = text.slice(0, 40).toWellFormed()
        const configHash = incarnation
        const feed = feedOf({ incarnation, configHash, capacity: n % 2 === 0 ? 1 : 1_000_000 })
        assert.deepEqual(await context.reset(feed), { ...feed, sequence: 0n, first: 1n })
        const { capacity } = feed
        assert.deepEqual(await context.commit({ configHash, capacity }), { ...feed, sequence: 1n, first: 1n })
      }
    },
  },
  {
    id: 'feed-range-1', title: 'behind 2⁶³−1 there is no number: RANGE_EXHAUSTED, and nothing is written',
    needs: 'setSequence',
    async run(context) {
      const { store } = context
      await context.open()
      await context.opened.setSequence?.(FEED, MAX_ASSIGNED - 3n)
      const state = await context.commit({ results: ['a', 'b'], rows: [[1, 'one']] })
      assert.deepEqual([state.sequence, state.first], [MAX_ASSIGNED - 1n, MAX_ASSIGNED - 2n])
      const before = await context.all()
      const commit = commitOf({ results: ['c', 'd'], rows: [[1, null]] })
      await rejectsWith('RANGE_EXHAUSTED', () => store.transaction((tx) => store.commit(tx, commit)))
      assert.deepEqual(await context.all(), before)
      const last = await context.commit({ results: ['c'] })
      assert.deepEqual([last.sequence, last.first], [MAX_ASSIGNED, MAX_ASSIGNED - 2n])
      await rejectsWith('RANGE_EXHAUSTED', () => store.transaction((tx) => store.commit(tx, commitOf())))
      assert.deepEqual(await context.commit({ results: [], rows: [[1, null]] }), last)
      assert.deepEqual(await context.all(), { state: last, results: ['a', 'b', 'c'], rows: [] })
      assert.equal((await context.page(MAX_ASSIGNED - 1n)).entries.length, 1)
      assert.equal((await context.reset()).sequence, 0n)
    },
  },
  {
    id: 'feed-close-1', title: 'after close every call throws CLOSED',
    async run(context) {
      const { store } = context
      await context.open()
      await store.close()
      const tx = undefined
      const data = new Uint8Array()
      const calls: readonly (() => Promise<unknown>)[] = [
        () => store.transaction(async () => undefined), () => store.open(tx, feedOf()),
        () => store.commit(tx, commitOf()), () => store.state(FEED),
        () => store.page({ feed: FEED, after: 0n, limit: 1 }), () => store.snapshot(FEED, 1),
        () => store.reset(tx, feedOf()), () => store.delete(tx, FEED), () => store.list({ after: '', limit: 1 }),
        () => store.log.append(tx, FEED, 1n, data), () => store.log.readFrom(FEED, 0n, 1),
        () => store.log.readLatestSequence(FEED), () => store.log.clear(tx, FEED),
        () => store.log.trimToCapacity(tx, FEED, 1),
        () => store.live.applyMutations(tx, FEED, [{ signature: 1n, data }]), () => store.live.clear(tx, FEED),
        () => store.live.rowCount(FEED),
        async () => {
          for await (const _ of store.live.readSnapshot(FEED, 1)) break
        },
      ]
      for (const call of calls) await rejectsWith('CLOSED', call)
      await store.close()
    },
  },
]
