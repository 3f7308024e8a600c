/** The cases of the live results: `B-10` and `rows-*`. */
import assert from 'node:assert/strict'
import type { RowsCase } from './case.js'
import { EDGES, FEED, HOSTILE_KEYS, upTo } from './names.js'
import { bySignature, mutationsOf, type Mutation } from './rows-context.js'

export const rowsCases: readonly RowsCase[] = [
  {
    id: 'B-10', title: 'rows come, change and go, in one batch too, and are counted',
    async run(context) {
      assert.deepEqual(await context.rows(), [])
      await context.apply([[1, 'a'], [2, 'b'], [3, 'c']])
      assert.deepEqual(await context.rows(), [[1n, 'a'], [2n, 'b'], [3n, 'c']])
      await context.apply([[2, 'b2']])
      await context.apply([[3, null]])
      assert.deepEqual(await context.rows(), [[1n, 'a'], [2n, 'b2']])
      await context.apply([[1, 'a2'], [2, null], [4, 'd']])
      assert.deepEqual(await context.rows(), [[1n, 'a2'], [4n, 'd']])
      await context.apply([])
      assert.deepEqual(await context.rows(), [[1n, 'a2'], [4n, 'd']])
    },
  },
  {
    id: 'rows-clear-1', title: 'clear leaves no row of this feed and all of others',
    async run(context) {
      await context.apply([[1, 'a'], [2, 'b']])
      await context.apply([[1, 'x']], 'other')
      await context.clear()
      assert.deepEqual(await context.rows(), [])
      assert.deepEqual(await context.rows('other'), [[1n, 'x']])
      await context.clear('unknown')
      await context.apply([[2, 'again']])
      assert.deepEqual(await context.rows(), [[2n, 'again']])
    },
  },
  {
    id: 'rows-last-1', title: 'of several mutations of a row the last one counts',
    async run(context) {
      await context.apply([[1, 'a'], [1, 'b'], [2, 'x'], [2, null], [3, null], [3, 'y'], [1, 'c']])
      assert.deepEqual(await context.rows(), [[1n, 'c'], [3n, 'y']])
      await context.apply([[1, null], [1, 'd'], [3, 'z'], [3, null], [1, null], [1, 'e']])
      assert.deepEqual(await context.rows(), [[1n, 'e']])
    },
  },
  {
    id: 'rows-delete-1', title: 'deleting a row that is not there is nothing',
    async run(context) {
      await context.apply([[1, null]])
      await context.apply([[1, 'a'], [7, null]])
      await context.apply([[1, null], [1, null]])
      assert.deepEqual(await context.rows(), [])
    },
  },
  {
    id: 'rows-reopen-1', title: 'rows outlive their handle', needs: 'reopen',
    async run(context) {
      await context.apply(EDGES.map((edge): Mutation => [edge, `${edge}`]))
      await context.apply([[1, null], [0, '']])
      await context.reopen()
      const left = EDGES.filter((edge) => edge > 1n).map((edge): [bigint, string] => [edge, `${edge}`])
      assert.deepEqual(await context.rows(), [[0n, ''], ...left])
    },
  },
  {
    id: 'rows-range-1', title: 'all of u64: neighbours are rows of their own, also in pages of any size',
    async run(context) {
      const all = EDGES.map((edge): [bigint, string] => [edge, `${edge}`])
      await context.apply(all)
      for (const pageSize of [1, 2, 7, 1_000]) assert.deepEqual(await context.rows(FEED, pageSize), all)
      await context.apply(all.filter((_, n) => n % 2 === 0).map(([edge]) => [edge, null]))
      assert.deepEqual(await context.rows(), all.filter((_, n) => n % 2 === 1))
    },
  },
  {
    id: 'rows-bytes-1', title: 'any bytes come back, also none, and the caller may change what was handed in',
    async run(context) {
      const all = Uint8Array.from({ length: 256 }, (_, n) => n)
      const handed = all.slice()
      const large = new Uint8Array(300_000).fill(7)
      const datas = [handed, new Uint8Array(), large]
      const mutations = datas.map((data, n) => ({ signature: BigInt(n), data }))
      await context.write((tx) => context.live.applyMutations(tx, FEED, mutations))
      handed.fill(0)
      mutations.length = 0
      const read = new Map<bigint, Buffer>()
      for await (const page of context.live.readSnapshot(FEED, 10)) {
        for (const { signature, data } of page) read.set(signature, Buffer.from(data))
      }
      assert.deepEqual(read, new Map([all, new Uint8Array(), large].map((data, n) => [BigInt(n), Buffer.from(data)])))
    },
  },
  {
    id: 'rows-names-1', title: 'each key has rows of its own, whatever it looks like',
    async run(context) {
      for (const [n, key] of HOSTILE_KEYS.entries()) await context.apply([[n, key], [9_999, 'in all']], key)
      for (const [n, key] of HOSTILE_KEYS.entries()) {
        assert.deepEqual(await context.rows(key), [[BigInt(n), key], [9_999n, 'in all']])
        await context.clear(key)
        assert.deepEqual(await context.rows(key), [])
      }
    },
  },
  {
    id: 'rows-many-1', title: 'thousands in one batch, over what is there',
    async run(context) {
      const signature = (n: number): bigint => BigInt.asUintN(64, BigInt(n) * 0x9e37_79b9_7f4a_7c15n)
      await context.apply(upTo(1_500).map((n): Mutation => [signature(n), `old ${n}`]))
      await context.apply(upTo(3_000).map((n): Mutation => [signature(n), n % 3 === 0 ? null : `new ${n}`]))
      const left = upTo(3_000).filter((n) => n % 3 !== 0).map((n): [bigint, string] => [signature(n), `new ${n}`])
      assert.deepEqual(await context.rows(FEED, 700), bySignature(left))
    },
  },
  {
    id: 'rows-atomic-1', title: 'a batch that is rolled back leaves the rows before it', needs: 'transactions',
    async run(context) {
      await context.apply([[1, 'a'], [2, 'b']])
      const stop = new Error('rolled back')
      for (const isCleared of [false, true]) {
        await assert.rejects(context.write(async (tx) => {
          if (isCleared) await context.live.clear(tx, FEED)
          await context.live.applyMutations(tx, FEED, mutationsOf([[1, 'x'], [2, null], [3, 'c']]))
          throw stop
        }), stop)
        assert.deepEqual(await context.rows(), [[1n, 'a'], [2n, 'b']])
      }
    },
  },
  {
    id: 'rows-atomic-2', title: 'readers never see half of a batch', needs: 'exact',
    async run(context) {
      const signatures = upTo(20)
      await context.apply(signatures.map((n): Mutation => [n, '0']))
      let isWriting = true
      const writing = (async () => {
        for (const round of upTo(30)) await context.apply(signatures.map((n): Mutation => [n, String(round)]))
      })().finally(() => {
        isWriting = false
      })
      while (isWriting) {
        const texts = new Set<string>()
        for await (const page of context.live.readSnapshot(FEED, 7)) {
          for (const { data } of page) texts.add(Buffer.from(data).toString())
        }
        assert.equal(texts.size, 1, `halves of ${[...texts].join(' and ')}`)
      }
      await writing
    },
  },
  {
    id: 'rows-snapshot-1', title: 'a snapshot is of one moment, whatever is committed while it is read', needs: 'exact',
    async run(context) {
      const before = upTo(25).map((n): [bigint, string] => [BigInt(n), `old ${n}`])
      await context.apply(before)
      const read = new Map<bigint, string>()
      for await (const page of context.live.readSnapshot(FEED, 3)) {
        for (const { signature, data } of page) read.set(signature, Buffer.from(data).toString())
        const changed = before.map(([n]): Mutation => [n, n % 2n === 0n ? 'new' : null])
        await context.apply([...changed, [read.size + 99, 'x']])
      }
      assert.deepEqual(bySignature(read), before)
    },
  },
  {
    id: 'rows-snapshot-2', title: 'readings that end early leave nothing open',
    async run(context) {
      await context.apply(upTo(10).map((n): Mutation => [n, `${n}`]))
      for (let round = 0; round < 60; round += 1) {
        for await (const page of context.live.readSnapshot(FEED, 2)) {
          assert.ok(page.length > 0)
          break
        }
        await assert.rejects(async () => {
          for await (const _ of context.live.readSnapshot(FEED, 2)) throw new Error('stop')
        }, { message: 'stop' })
        await context.apply([[round, 'written']])
      }
      await context.clear()
      assert.deepEqual(await context.rows(), [])
    },
  },
]
