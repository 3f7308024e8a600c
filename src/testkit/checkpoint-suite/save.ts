/** `checkpoint-save-*`, `checkpoint-forget-*` and `checkpoint-close-*`. */
import assert from 'node:assert/strict'
import type { CheckpointCase } from './case.js'
import { checkpointOf, deadOf, draftsOf, LEASE_MS, NAME, rejectsWith, savedOf } from './context.js'

export const saveCases: readonly CheckpointCase[] = [
  {
    id: 'checkpoint-save-1', title: 'a save writes over the same feeds and leaves the others; lower numbers, too',
    async run(context) {
      const { term } = await context.take('a')
      await context.save(term, { checkpoints: [checkpointOf('stock', 9n), checkpointOf('orders', 5n)] })
      const lower = checkpointOf('orders', 0n, { incarnation: 'i-2', configHash: 'c-2' })
      assert.equal(await context.save(term, { checkpoints: [lower] }), true)
      assert.deepEqual(savedOf(await context.look()), [lower, checkpointOf('stock', 9n)])
      assert.equal(await context.save(term), true)
      assert.deepEqual(savedOf(await context.take('a')), [lower, checkpointOf('stock', 9n)])
    },
  },
  {
    id: 'checkpoint-save-2', title: 'under a stale term nothing changes, neither checkpoints nor dead letters',
    async run(context) {
      const { term } = await context.take('a')
      await context.save(term, { checkpoints: [checkpointOf('orders', 5n)] })
      context.clock.advance(LEASE_MS)
      const taken = await context.take('b')
      const late = { checkpoints: [checkpointOf('orders', 6n), checkpointOf('new', 1n)], dead: [deadOf(6n)] }
      assert.equal(await context.save(term, late), false)
      assert.equal(await context.save(taken.term + 1n, late), false)
      assert.equal(await context.save(term, { ...late, subscriber: 'unknown' }), false)
      assert.deepEqual(await context.look(), taken)
      assert.deepEqual(await context.dead(), [])
      assert.equal(await context.look('unknown'), undefined)
    },
  },
  {
    id: 'checkpoint-save-3', title: 'a lease that has run out is no hindrance while nobody has taken over',
    async run(context) {
      const { term } = await context.take('a')
      context.clock.advance(10 * LEASE_MS)
      assert.equal(await context.save(term, { checkpoints: [checkpointOf('orders', 5n)] }), true)
      const state = await context.look()
      assert.deepEqual([savedOf(state), state?.leaseMs], [[checkpointOf('orders', 5n)], 0])
    },
  },
  {
    id: 'checkpoint-save-4', title: 'a save that is repeated, as after a lost answer, changes nothing more',
    async run(context) {
      const { term } = await context.take('a')
      const save = { checkpoints: [checkpointOf('orders', 5n)], dead: [deadOf(4n), deadOf(5n)] }
      for (let round = 0; round < 3; round += 1) assert.equal(await context.save(term, save), true)
      assert.deepEqual(savedOf(await context.look()), save.checkpoints)
      assert.deepEqual(draftsOf(await context.dead()), save.dead)
    },
  },
  {
    id: 'checkpoint-save-5', title: 'numbers of the whole of u64 come back, and a thousand feeds at once',
    async run(context) {
      const { term } = await context.take('a')
      const numbers = [0n, 1n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]
      const checkpoints = [
        ...numbers.map((number, n) => checkpointOf(`a${n}`, number)),
        ...Array.from({ length: 1_000 }, (_, n) => checkpointOf(`feed-${String(n).padStart(4, '0')}`, BigInt(n))),
      ]
      assert.equal(await context.save(term, { checkpoints: checkpoints.toReversed() }), true)
      assert.deepEqual(savedOf(await context.look()), checkpoints)
    },
  },
  {
    id: 'checkpoint-save-6', title: 'a checkpoint has the time of its last save, by the clock of the store',
    async run(context) {
      const { term } = await context.take('a')
      const first = context.clock.now()
      await context.save(term, { checkpoints: [checkpointOf('orders', 1n), checkpointOf('stock', 1n)] })
      context.clock.advance(10)
      await context.save(term, { checkpoints: [checkpointOf('stock', 1n)] })
      context.clock.advance(10)
      const { checkpoints } = await context.take('a')
      assert.deepEqual(checkpoints.map(({ savedAt }) => savedAt), [first, first + 10])
      assert.deepEqual((await context.look())?.checkpoints, checkpoints)
      const store = await context.openByOwnClock()
      const own = await store.take({ subscriber: NAME, owner: 'a', leaseMs: LEASE_MS })
      await store.save({ subscriber: NAME, term: own?.term ?? 0n, checkpoints: [checkpointOf('orders', 1n)], dead: [] })
      const [saved] = (await store.list({ after: '', limit: 1 }))[0]?.checkpoints ?? []
      // Between the days of this project and those when milliseconds have 14 digits.
      assert.ok(saved !== undefined && saved.savedAt > 1.7e12 && saved.savedAt < 1e13, `${saved?.savedAt}`)
    },
  },
  {
    id: 'checkpoint-forget-1', title: 'all of it is gone, and the owner saves no more; its name goes on with the terms',
    async run(context) {
      const { term } = await context.take('a')
      const other = await context.take('a', 'other')
      await context.save(term, { checkpoints: [checkpointOf('orders', 5n)], dead: [deadOf(4n)] })
      await context.save(other.term, {
        subscriber: 'other', checkpoints: [checkpointOf('orders', 6n)], dead: [deadOf(6n)],
      })
      assert.equal(await context.store.forget(NAME), true)
      assert.deepEqual([await context.look(), await context.dead()], [undefined, []])
      assert.equal(await context.save(term, { checkpoints: [checkpointOf('orders', 6n)] }), false)
      assert.deepEqual(savedOf(await context.look('other')), [checkpointOf('orders', 6n)])
      assert.deepEqual(draftsOf(await context.dead('other')), [deadOf(6n)])
      const again = await context.take('b')
      assert.ok(again.term > term)
      assert.deepEqual([again.owner, again.checkpoints], ['b', []])
      assert.deepEqual(await context.dead(), [])
    },
  },
  {
    id: 'checkpoint-forget-2', title: 'there is nothing to forget of an unknown one, or twice',
    async run(context) {
      assert.equal(await context.store.forget('unknown'), false)
      const { term } = await context.take('a')
      await context.store.release({ subscriber: NAME, term })
      assert.equal(await context.store.forget(NAME), true)
      assert.equal(await context.store.forget(NAME), false)
      assert.equal(await context.look(), undefined)
      const taken = await context.take('a')
      assert.equal(await context.store.forget(NAME), true)
      assert.ok((await context.take('a')).term > taken.term)
    },
  },
  {
    id: 'checkpoint-forget-3', title: 'of one feed the checkpoint and the dead letters go, and its owner saves no more',
    async run(context) {
      const { term } = await context.take('a')
      const other = await context.take('a', 'other')
      const dead = [
        deadOf(1n), deadOf(2n, { feed: 'orders"' }), deadOf(3n, { incarnation: 'i-0' }), deadOf(4n, { feed: 'o' }),
      ]
      const checkpoints = [checkpointOf('o', 1n), checkpointOf('orders', 5n), checkpointOf('orders"', 6n)]
      await context.save(term, { checkpoints, dead })
      await context.save(other.term, { subscriber: 'other', checkpoints, dead })
      assert.equal(await context.store.forget(NAME, 'orders'), true)
      const state = await context.look()
      assert.deepEqual(savedOf(state), [checkpointOf('o', 1n), checkpointOf('orders"', 6n)])
      assert.deepEqual(draftsOf(await context.dead()), [dead[1], dead[3]])
      assert.deepEqual([state?.owner, state?.leaseMs], [undefined, 0])
      assert.equal(await context.save(term, { checkpoints: [checkpointOf('orders', 6n)] }), false)
      assert.deepEqual(savedOf(await context.look('other')), checkpoints)
      assert.deepEqual(draftsOf(await context.dead('other')), dead)
      const again = await context.take('b')
      assert.ok(again.term > term)
      assert.deepEqual(again.checkpoints, state?.checkpoints)
    },
  },
  {
    id: 'checkpoint-forget-4', title: 'of a feed without a checkpoint nothing is forgotten, and its owner goes on',
    async run(context) {
      const taken = await context.take('a')
      const dead = [deadOf(1n, { feed: 'stock' })]
      await context.save(taken.term, { checkpoints: [checkpointOf('orders', 5n)], dead })
      for (const [name, feed] of [[NAME, 'stock'], [NAME, ''], ['unknown', 'orders']] as const) {
        assert.equal(await context.store.forget(name, feed), false)
      }
      assert.deepEqual([(await context.look())?.owner, (await context.look())?.term], ['a', taken.term])
      assert.deepEqual(draftsOf(await context.dead()), dead)
      assert.equal(await context.save(taken.term, { checkpoints: [checkpointOf('orders', 6n)] }), true)
      assert.equal(await context.store.forget(NAME, 'orders'), true)
      assert.equal(await context.store.forget(NAME, 'orders'), false)
      assert.equal(await context.store.forget(NAME), true)
      assert.equal(await context.store.forget(NAME, 'orders'), false)
      assert.equal(await context.look('unknown'), undefined)
    },
  },
  {
    id: 'checkpoint-close-1', title: 'later calls throw CLOSED; another handle goes on',
    async run(context) {
      const { term } = await context.take('a')
      const { store, other } = context
      await store.close()
      await store.close()
      await rejectsWith('CLOSED', () => store.take({ subscriber: NAME, owner: 'a', leaseMs: 1 }))
      await rejectsWith('CLOSED', () => store.save({ subscriber: NAME, term, checkpoints: [], dead: [] }))
      await rejectsWith('CLOSED', () => store.release({ subscriber: NAME, term }))
      await rejectsWith('CLOSED', () => store.list({ after: '', limit: 1 }))
      await rejectsWith('CLOSED', () => store.deadLetters({ subscriber: NAME, after: 0n, limit: 1 }))
      await rejectsWith('CLOSED', () => store.discard({ subscriber: NAME, numbers: [1n] }))
      await rejectsWith('CLOSED', () => store.forget(NAME))
      await rejectsWith('CLOSED', () => store.forget(NAME, 'orders'))
      if (other !== store) assert.equal((await other.list({ after: '', limit: 1 }))[0]?.owner, 'a')
    },
  },
]
