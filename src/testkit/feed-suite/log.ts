/** The cases of the result log: `B-01` to `B-05` and `log-*`. */
import assert from 'node:assert/strict'
import { MAX_U64 } from '../../core/u64.js'
import type { LogCase } from './case.js'
import { bytesOf, EDGES, FEED, HOSTILE_KEYS, upTo } from './names.js'

export const logCases: readonly LogCase[] = [
  {
    id: 'B-01', title: 'what is behind a number, in order, and nothing at the end',
    async run(context) {
      await context.putAll([1, 2, 5])
      assert.deepEqual(await context.read(0), [[1n, 'r1'], [2n, 'r2'], [5n, 'r5']])
      assert.deepEqual(await context.read(2), [[5n, 'r5']])
      assert.deepEqual(await context.read(5), [])
    },
  },
  {
    id: 'B-02', title: 'the latest is the highest number, whatever was written last',
    async run(context) {
      assert.equal(await context.log.readLatestSequence(FEED), undefined)
      await context.putAll([10, 20])
      assert.equal(await context.log.readLatestSequence(FEED), 20n)
      await context.put(15)
      assert.equal(await context.log.readLatestSequence(FEED), 20n)
      assert.deepEqual(await context.numbers(), [10n, 15n, 20n])
    },
  },
  {
    id: 'B-03', title: 'clear leaves nothing of this feed and all of others',
    async run(context) {
      await context.putAll([1, 2])
      await context.putAll([1, 2], 'other')
      await context.clear()
      assert.deepEqual(await context.read(), [])
      assert.equal(await context.log.readLatestSequence(FEED), undefined)
      assert.deepEqual(await context.numbers(0, 'other'), [1n, 2n])
      await context.clear('unknown')
    },
  },
  {
    id: 'B-04', title: 'trimming ten to three takes out the lowest seven, and under the capacity none',
    async run(context) {
      await context.putAll(upTo(10))
      assert.equal(await context.trim(3), 7)
      assert.deepEqual(await context.numbers(), [8n, 9n, 10n])
      assert.equal(await context.trim(3), 0)
      assert.equal(await context.trim(100), 0)
      assert.deepEqual(await context.numbers(), [8n, 9n, 10n])
    },
  },
  {
    id: 'B-05', title: 'a log outlives its handle', needs: 'reopen',
    async run(context) {
      await context.putAll([...upTo(5), MAX_U64])
      await context.put(6, '')
      await context.trim(5)
      await context.reopen()
      assert.deepEqual(await context.read(), [
        [3n, 'r3'], [4n, 'r4'], [5n, 'r5'], [6n, ''], [MAX_U64, `r${MAX_U64}`],
      ])
      assert.equal(await context.log.readLatestSequence(FEED), MAX_U64)
      await context.put(7)
      assert.equal((await context.read()).length, 6)
    },
  },
  {
    id: 'log-overwrite-1', title: 'a number that is there is written over, and counted once',
    async run(context) {
      await context.putAll([1, 2, 3])
      await context.put(2, 'another')
      await context.put(2, '')
      assert.deepEqual(await context.read(), [[1n, 'r1'], [2n, ''], [3n, 'r3']])
      assert.equal(await context.trim(2), 1)
      assert.equal(await context.log.readLatestSequence(FEED), 3n)
    },
  },
  {
    id: 'log-read-1', title: 'in order, whatever the order of writing, in pages of any size',
    async run(context) {
      const numbers = [7, 3, 100, 1, 99, 2 ** 40, 5, 10, 9].map(BigInt)
      await context.putAll(numbers)
      const sorted = numbers.toSorted((a, b) => Number(a - b))
      for (const limit of [1, 2, 4, 9, 1_000]) {
        const read: bigint[] = []
        for (let after = 0n; ;) {
          const page = await context.read(after, { limit })
          assert.ok(page.length <= limit)
          if (page.length === 0) break
          read.push(...page.map(([sequence]) => sequence))
          after = read.at(-1) ?? after
        }
        assert.deepEqual(read, sorted)
      }
    },
  },
  {
    id: 'log-read-2', title: 'of an unknown feed, behind the last number and between two there is what there is',
    async run(context) {
      assert.deepEqual(await context.read(), [])
      await context.putAll([5, 9])
      assert.deepEqual(await context.numbers(5), [9n])
      assert.deepEqual(await context.numbers(7), [9n])
      assert.deepEqual(await context.numbers(9), [])
      assert.deepEqual(await context.numbers(MAX_U64), [])
      assert.deepEqual(await context.read(0, { feed: 'other' }), [])
    },
  },
  {
    id: 'log-read-3', title: 'any bytes come back, also none, and the caller may change them afterwards',
    async run(context) {
      const all = Uint8Array.from({ length: 256 }, (_, n) => n)
      const large = new Uint8Array(300_000).fill(7)
      const handed = all.slice()
      await context.write(async (tx) => {
        await context.log.append(tx, FEED, 1n, handed)
        handed.fill(0)
        await context.log.append(tx, FEED, 2n, new Uint8Array())
        await context.log.append(tx, FEED, 3n, large)
        await context.log.append(tx, FEED, 4n, bytesOf('\u0000\ufeff'))
      })
      const entries = await context.log.readFrom(FEED, 0n, 10)
      assert.deepEqual(entries.map(({ data }) => Buffer.from(data)),
        [all, new Uint8Array(), large, bytesOf('\u0000\ufeff')].map((data) => Buffer.from(data)))
      entries[0]?.data.fill(1)
      assert.deepEqual(Buffer.from((await context.log.readFrom(FEED, 0n, 1))[0]?.data ?? []), Buffer.from(all))
    },
  },
  {
    id: 'log-trim-1', title: 'to none empties it, and what comes afterwards is there',
    async run(context) {
      await context.putAll(upTo(4))
      assert.equal(await context.trim(0), 4)
      assert.deepEqual(await context.read(), [])
      assert.equal(await context.log.readLatestSequence(FEED), undefined)
      assert.equal(await context.trim(0), 0)
      await context.put(2)
      assert.deepEqual(await context.numbers(), [2n])
    },
  },
  {
    id: 'log-trim-2', title: 'of an unknown feed none is taken out, and of others never',
    async run(context) {
      await context.putAll(upTo(3), 'other')
      assert.equal(await context.trim(0), 0)
      assert.equal(await context.trim(1), 0)
      assert.deepEqual(await context.numbers(0, 'other'), [1n, 2n, 3n])
    },
  },
  {
    id: 'log-trim-3', title: 'the lowest leave by number, not by age, also where there are holes',
    async run(context) {
      await context.putAll([1_000, 5, 70, 6, 2 ** 50])
      assert.equal(await context.trim(2), 3)
      assert.deepEqual(await context.numbers(), [1_000n, 2n ** 50n])
      await context.put(1)
      assert.equal(await context.trim(2), 1)
      assert.deepEqual(await context.numbers(), [1_000n, 2n ** 50n])
    },
  },
  {
    id: 'log-range-1', title: 'all of u64: order, strictness, the latest and trimming',
    async run(context) {
      await context.putAll(EDGES.toReversed())
      assert.deepEqual(await context.numbers(), EDGES.slice(1))
      for (const [n, edge] of EDGES.entries()) assert.deepEqual(await context.numbers(edge), EDGES.slice(n + 1))
      assert.equal(await context.log.readLatestSequence(FEED), MAX_U64)
      await context.put(MAX_U64, 'over it')
      assert.deepEqual(await context.read(MAX_U64 - 1n), [[MAX_U64, 'over it']])
      assert.equal(await context.trim(2), EDGES.length - 2)
      assert.deepEqual((await context.read()).map(([sequence]) => sequence), EDGES.slice(-2))
    },
  },
  {
    id: 'log-names-1', title: 'each key is a log of its own, whatever it looks like',
    async run(context) {
      for (const [n, key] of HOSTILE_KEYS.entries()) await context.put(n + 1, key, key)
      for (const [n, key] of HOSTILE_KEYS.entries()) {
        assert.deepEqual(await context.read(0, { feed: key }), [[BigInt(n + 1), key]])
        assert.equal(await context.log.readLatestSequence(key), BigInt(n + 1))
      }
      for (const [n, key] of HOSTILE_KEYS.entries()) {
        if (n % 2 === 0) await context.clear(key)
        else assert.equal(await context.trim(0, key), 1)
        assert.deepEqual(await context.read(0, { feed: key }), [])
        const next = HOSTILE_KEYS[n + 1]
        if (next !== undefined) assert.deepEqual(await context.read(0, { feed: next }), [[BigInt(n + 2), next]])
      }
    },
  },
  {
    id: 'log-tx-1', title: 'what is done in a transaction that is rolled back has not happened', needs: 'transactions',
    async run(context) {
      await context.putAll(upTo(4))
      const stop = new Error('rolled back')
      await assert.rejects(context.write(async (tx) => {
        await context.log.append(tx, FEED, 2n, bytesOf('another'))
        await context.log.append(tx, FEED, 9n, bytesOf('new'))
        assert.equal(await context.log.trimToCapacity(tx, FEED, 3), 2)
        await context.log.clear(tx, FEED)
        throw stop
      }), stop)
      assert.deepEqual(await context.numbers(), [1n, 2n, 3n, 4n])
    },
  },
  {
    id: 'log-tx-2', title: 'calls of one transaction see those before them', needs: 'transactions',
    async run(context) {
      await context.putAll(upTo(2))
      const removed = await context.write(async (tx) => {
        await context.log.append(tx, FEED, 3n, bytesOf('r3'))
        await context.log.append(tx, FEED, 4n, bytesOf('r4'))
        const first = await context.log.trimToCapacity(tx, FEED, 1)
        await context.log.append(tx, FEED, 1n, bytesOf('r1'))
        return [first, await context.log.trimToCapacity(tx, FEED, 2), await context.log.trimToCapacity(tx, FEED, 1)]
      })
      assert.deepEqual(removed, [3, 0, 1])
      assert.deepEqual(await context.numbers(), [4n])
      await context.write(async (tx) => {
        await context.log.clear(tx, FEED)
        await context.log.append(tx, FEED, 2n, bytesOf('r2'))
      })
      assert.deepEqual(await context.numbers(), [2n])
    },
  },
]
