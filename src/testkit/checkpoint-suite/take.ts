/** `checkpoint-take-*` and `checkpoint-release-*`: who is the subscriber. */
import assert from 'node:assert/strict'
import { MAX_TIME } from '../../core/validate.js'
import type { CheckpointCase } from './case.js'
import { checkpointOf, HOSTILE_TEXTS, LEASE_MS, NAME, savedOf } from './context.js'

export const takeCases: readonly CheckpointCase[] = [
  {
    id: 'checkpoint-take-1', title: 'the first to come is the subscriber, without checkpoints, under a term above 0',
    async run(context) {
      const state = await context.take('a')
      assert.ok(state.term > 0n)
      assert.deepEqual(state, { subscriber: NAME, owner: 'a', term: state.term, leaseMs: LEASE_MS, checkpoints: [] })
      assert.deepEqual(await context.look(), state)
    },
  },
  {
    id: 'checkpoint-take-2', title: 'another is refused while the lease holds, to the millisecond, and changes nothing',
    async run(context) {
      const { term } = await context.take('a')
      context.clock.advance(LEASE_MS - 1)
      assert.equal(await context.other.take({ subscriber: NAME, owner: 'b', leaseMs: LEASE_MS }), undefined)
      assert.deepEqual(await context.look(), { subscriber: NAME, owner: 'a', term, leaseMs: 1, checkpoints: [] })
      context.clock.advance(1)
      const taken = await context.other.take({ subscriber: NAME, owner: 'b', leaseMs: LEASE_MS })
      assert.ok(taken !== undefined && taken.term > term)
      assert.deepEqual([taken.owner, taken.leaseMs], ['b', LEASE_MS])
    },
  },
  {
    id: 'checkpoint-take-3', title: 'who is it goes on under its term, with a new lease, also when that had run out',
    async run(context) {
      const { term } = await context.take('a')
      context.clock.advance(LEASE_MS - 1)
      assert.deepEqual((await context.take('a')).term, term)
      assert.equal((await context.look())?.leaseMs, LEASE_MS)
      context.clock.advance(100 * LEASE_MS)
      assert.deepEqual([(await context.look())?.leaseMs, (await context.look())?.owner], [0, 'a'])
      assert.deepEqual([(await context.take('a')).term, (await context.look())?.leaseMs], [term, LEASE_MS])
    },
  },
  {
    id: 'checkpoint-take-4', title: 'who takes over gets what the one before has saved',
    async run(context) {
      const { term } = await context.take('a')
      const checkpoints = [checkpointOf('orders', 7n), checkpointOf('stock', 2n ** 64n - 1n, { configHash: '' })]
      assert.equal(await context.save(term, { checkpoints }), true)
      context.clock.advance(LEASE_MS)
      const taken = await context.other.take({ subscriber: NAME, owner: 'b', leaseMs: LEASE_MS })
      assert.deepEqual(savedOf(taken), checkpoints)
    },
  },
  {
    id: 'checkpoint-take-5', title: 'subscribers do not know of each other, whatever they are called',
    async run(context) {
      for (const [n, text] of HOSTILE_TEXTS.entries()) {
        const { term } = await context.take(text, text)
        const checkpoints = [checkpointOf(text, BigInt(n), { incarnation: text, configHash: text })]
        assert.equal(await context.save(term, { subscriber: text, checkpoints }), true)
      }
      for (const [n, text] of HOSTILE_TEXTS.entries()) {
        const state = await context.look(text)
        assert.equal(state?.owner, text)
        assert.deepEqual(savedOf(state),
          [checkpointOf(text, BigInt(n), { incarnation: text, configHash: text })])
      }
    },
  },
  {
    id: 'checkpoint-take-6', title: 'the longest of leases is stored, and a clock that goes back shortens none',
    async run(context) {
      assert.equal((await context.take('a', 'far', MAX_TIME)).leaseMs, MAX_TIME - context.clock.now())
      await context.take('a')
      context.clock.advance(-1_000)
      assert.equal((await context.look())?.leaseMs, LEASE_MS + 1_000)
    },
  },
  {
    id: 'checkpoint-take-7', title: 'by the store\'s own clock, too, a lease holds, and ends',
    async run(context) {
      const store = await context.openByOwnClock()
      const held = await store.take({ subscriber: NAME, owner: 'a', leaseMs: 3_600_000 })
      assert.ok(held !== undefined && held.leaseMs > 3_000_000 && held.leaseMs <= 3_600_000, `${held?.leaseMs}`)
      assert.equal(await store.take({ subscriber: NAME, owner: 'b', leaseMs: 1 }), undefined)
      await store.take({ subscriber: 'short', owner: 'a', leaseMs: 1 })
      // Bounded by the clock alone: each round takes the store some time.
      let taken
      for (let round = 0; taken === undefined && round < 100_000; round += 1) {
        taken = await store.take({ subscriber: 'short', owner: 'b', leaseMs: 1 })
      }
      assert.equal(taken?.owner, 'b')
    },
  },
  {
    id: 'checkpoint-release-1', title: 'who lets go lets another in at once, under a new term, and saves no more',
    async run(context) {
      const { term } = await context.take('a')
      await context.save(term, { checkpoints: [checkpointOf('orders', 1n)] })
      await context.store.release({ subscriber: NAME, term })
      const free = await context.look()
      assert.deepEqual([free?.owner, free?.leaseMs], [undefined, 0])
      assert.ok(free !== undefined && free.term > term)
      assert.equal(await context.save(term, { checkpoints: [checkpointOf('orders', 2n)] }), false)
      const taken = await context.other.take({ subscriber: NAME, owner: 'b', leaseMs: LEASE_MS })
      assert.ok(taken !== undefined && taken.term > free.term)
      assert.deepEqual(savedOf(taken), [checkpointOf('orders', 1n)])
    },
  },
  {
    id: 'checkpoint-release-2', title: 'under a stale term, or of nobody, nothing is let go',
    async run(context) {
      const { term } = await context.take('a')
      context.clock.advance(LEASE_MS)
      const taken = await context.take('b')
      await context.store.release({ subscriber: NAME, term })
      await context.store.release({ subscriber: NAME, term: taken.term + 1n })
      await context.store.release({ subscriber: 'unknown', term: 1n })
      assert.deepEqual(await context.look(), taken)
      assert.equal(await context.look('unknown'), undefined)
      await context.store.release({ subscriber: NAME, term: taken.term })
      const free = await context.look()
      await context.store.release({ subscriber: NAME, term: taken.term })
      assert.deepEqual(await context.look(), free)
    },
  },
]
