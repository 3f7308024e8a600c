/** `offset-1` to `offset-9`: what is saved is loaded, by whoever owns it. */
import assert from 'node:assert/strict'
import { MAX_U64 } from '../../core/u64.js'
import { expected, outcomeOf, rejectsWith, type OffsetCase } from './context.js'

export const basicCases: readonly OffsetCase[] = [
  {
    id: 'offset-1', title: 'saves are merged stream by stream; names keep apart',
    async run(context) {
      const owner = await context.owner()
      const other = await context.owner('other')
      await owner.save({ a: 1n, b: 2n })
      await other.save({ a: 9n })
      await owner.save({ b: 3n, c: 1n })
      await owner.save({})
      assert.deepEqual(await owner.load(), expected({ a: 1n, b: 3n, c: 1n }))
      assert.deepEqual(await context.saved('other'), expected({ a: 9n }))
      assert.deepEqual(await context.saved('nobody'), expected({}))
    },
  },
  {
    id: 'offset-2', title: 'five published, stop, three more: the second process begins behind the fifth (A1)',
    async run(context) {
      const first = await context.owner()
      for (const sequence of [1n, 2n, 3n, 4n, 5n]) await first.save({ agg: sequence })
      const second = context.process()
      assert.deepEqual(await second.load(), expected({ agg: 5n }))
      await second.save({ agg: 8n })
      assert.deepEqual(await context.saved(), expected({ agg: 8n }))
    },
  },
  {
    id: 'offset-3', title: 'four published and one save: a store made anew is told four, then publishes two (A2)',
    async run(context) {
      await (await context.owner()).save({ agg: 4n })
      const second = context.process()
      assert.deepEqual(await second.load(), expected({ agg: 4n }))
      await second.save({ agg: 6n })
      assert.deepEqual(await context.saved(), expected({ agg: 6n }))
    },
  },
  {
    id: 'offset-4', title: 'an offset never goes back, by whichever process',
    async run(context) {
      const first = await context.owner()
      await first.save({ a: 10n, b: 10n })
      await first.save({ a: 9n, b: 11n })
      const second = await context.owner()
      await second.save({ a: 2n, b: 100n })
      await second.save({ b: 20n, c: 0n })
      await second.save({ b: 99n, c: 1n })
      assert.deepEqual(await context.saved(), expected({ a: 10n, b: 100n, c: 1n }))
    },
  },
  {
    id: 'offset-5', title: 'a save after another has loaded is refused, each time, and changes nothing',
    async run(context) {
      const stale = await context.owner()
      await stale.save({ a: 1n })
      const owner = await context.owner()
      for (let time = 0; time < 3; time += 1) {
        const error = await rejectsWith('STALE_OWNER', () => stale.save({ a: 7n, z: 1n }))
        assert.equal(error.retryable, false)
        assert.deepEqual(error.details, { name: 'mailer' })
      }
      await owner.save({ a: 2n })
      await rejectsWith('STALE_OWNER', () => stale.save({ a: 8n }))
      assert.deepEqual(await stale.load(), expected({ a: 2n }))
      await stale.save({ a: 3n })
      await rejectsWith('STALE_OWNER', () => owner.save({ a: 4n }))
      assert.deepEqual(await context.saved(), expected({ a: 3n }))
    },
  },
  {
    id: 'offset-6', title: 'overlapping saves of two processes: only those of the one that loaded last',
    async run(context) {
      const [stale, owner] = [await context.owner(), await context.owner()]
      const saves = Array.from({ length: 10 }, (_, n) => [
        outcomeOf(stale.save({ a: 1_000n + BigInt(n) })), outcomeOf(owner.save({ a: BigInt(n) })),
      ] as const)
      for (const [refused, done] of saves) {
        assert.equal((await refused as { error?: { code?: string } }).error?.code, 'STALE_OWNER')
        assert.ok('value' in await done)
      }
      assert.deepEqual(await context.saved(), expected({ a: 9n }))
    },
  },
  {
    id: 'offset-7', title: 'a hundred saves at once are a few writes, and the largest counts',
    async run(context) {
      const owner = await context.owner()
      await owner.save({ a: 1n })
      const before = owner.writes
      await Promise.all(Array.from({ length: 100 }, (_, n) => owner.save({ a: 2n + BigInt(n), [`s${n}`]: 1n })))
      assert.ok(owner.writes - before <= 3, `${owner.writes - before} writes`)
      const saved = await context.saved()
      assert.equal(saved['a'], 101n)
      assert.equal(Object.keys(saved).length, 101)
    },
  },
  {
    id: 'offset-8', title: 'nothing is written when nothing changes',
    async run(context) {
      await (await context.owner()).save({ a: 5n })
      const owner = await context.owner()
      const before = owner.writes
      for (const offsets of [{}, { a: 5n }, { a: 4n }, { a: 0n }]) await owner.save(offsets)
      assert.equal(owner.writes, before)
      await owner.save({ a: 5n, b: 0n })
      assert.equal(owner.writes, before + 1)
      assert.deepEqual(await context.saved(), expected({ a: 5n, b: 0n }))
    },
  },
  {
    id: 'offset-9', title: 'offsets are of all of u64, in their order',
    async run(context) {
      const ladder = [0n, 1n, 9n, 10n, 255n, 256n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, MAX_U64]
      const owner = await context.owner()
      await owner.save(Object.fromEntries(ladder.map((offset, n) => [`s${n}`, offset])))
      for (const [n, offset] of ladder.entries()) {
        await owner.save({ up: offset })
        const next = await context.owner()
        await next.save({ up: ladder[n - 1] ?? 0n })
        assert.equal((await owner.load())['up'], offset)
      }
      const all = await context.saved()
      assert.deepEqual(ladder.map((_, n) => all[`s${n}`]), ladder)
    },
  },
]
