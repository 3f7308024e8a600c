/** `progress-lease-*`: the store's clock, and nothing else, decides whether a lease holds. */
import assert from 'node:assert/strict'
import { MAX_TIME } from '../../core/validate.js'
import type { ProgressCase } from './case.js'
import { assertWhole, heldOf, LEASE_MS, NAME, partOf, progressOf, sharesOf, takeOf } from './context.js'

export const leaseCases: readonly ProgressCase[] = [
  {
    id: 'progress-lease-1', title: 'what has run out is taken under a new term, not a millisecond before',
    async run(context) {
      const part = await context.takeAll('a')
      context.clock.advance(LEASE_MS - 1)
      const early = await context.take('b')
      assert.deepEqual([early.members, early.parts], [2, [{ ...part, leaseMs: 1 }]])
      context.clock.advance(1)
      const state = await context.take('b')
      assert.equal(state.members, 1)
      const taken = partOf(state.parts, 'b')
      assert.deepEqual(taken, { ...part, owner: 'b', term: taken.term, leaseMs: LEASE_MS })
      assert.ok(taken.term > part.term)
      assert.deepEqual(sharesOf(await context.take('a')), { b: 64 })
    },
  },
  {
    id: 'progress-lease-2', title: 'an owner that comes late but before anybody else goes on under its term',
    async run(context) {
      const part = await context.takeAll('a')
      context.clock.advance(100 * LEASE_MS)
      assert.deepEqual(await context.look(), {
        publisher: NAME, follow: 'all', members: 0, parts: [{ ...part, leaseMs: 0 }],
      })
      assert.deepEqual(await context.takeAll('a'), part)
    },
  },
  {
    id: 'progress-lease-3', title: 'a save needs the term and no lease, as long as nobody has taken the part',
    async run(context) {
      const part = await context.takeAll('a')
      context.clock.advance(LEASE_MS)
      assert.equal(await context.save(part, { cursor: 'c-1' }), true)
      assert.deepEqual((await context.look()).parts, [{ ...part, cursor: 'c-1', leaseMs: 0 }])
      await context.take('b')
      assert.equal(await context.save(part, { cursor: 'c-2' }), false)
      assert.equal((await context.look()).parts[0]?.cursor, 'c-1')
    },
  },
  {
    id: 'progress-lease-4', title: 'of a divided part whose lease ran out the former owner has neither half',
    async run(context) {
      const part = await context.takeAll('a', { start: 'c-1' })
      context.clock.advance(1)
      await context.take('b')
      context.clock.advance(LEASE_MS - 1)
      const state = await context.take('c')
      assertWhole(state)
      assert.deepEqual([state.members, sharesOf(state)], [2, { '': 32, c: 32 }])
      assert.equal(await context.save(part, { cursor: 'c-2' }), false)
      for (const { term } of state.parts) assert.ok(term > part.term)
      assert.deepEqual(sharesOf(await context.take('b')), { b: 32, c: 32 })
    },
  },
  {
    id: 'progress-lease-5', title: 'a member whose lease has run out has no share, and is one again when it takes',
    async run(context) {
      const [a, b] = await context.share('a', 'b')
      context.clock.advance(LEASE_MS)
      const alone = await context.take('a')
      assert.deepEqual([alone.members, sharesOf(alone)], [1, { a: 64 }])
      const parts = alone.parts.filter(({ slots }) => slots === b.slots)
      assert.ok(parts[0] !== undefined && parts[0].term > b.term)
      assert.equal(partOf(alone.parts.filter(({ slots }) => slots === a.slots), 'a').term, a.term)
      assert.equal((await context.take('b')).members, 2)
    },
  },
  {
    id: 'progress-lease-6', title: 'the longest of leases is stored, and a clock that goes back shortens none',
    async run(context) {
      const far = await context.takeAll('a', { leaseMs: MAX_TIME })
      assert.equal(far.leaseMs, MAX_TIME - context.clock.now())
      const near = await context.takeAll('a', { publisher: 'near' })
      context.clock.advance(-1_000)
      assert.deepEqual((await context.look('near')).parts, [{ ...near, leaseMs: LEASE_MS + 1_000 }])
    },
  },
  {
    id: 'progress-lease-7', title: 'by the store\'s own clock, too, leases hold and end and streams become due',
    async run(context) {
      const store = await context.openByOwnClock()
      const { parts: [part] } = await store.take(takeOf('a', { leaseMs: 3_600_000 }))
      assert.ok(part !== undefined && part.leaseMs > 3_000_000 && part.leaseMs <= 3_600_000, String(part?.leaseMs))
      const held = [heldOf('now', { retryInMs: 0 }), heldOf('later', { retryInMs: 3_600_000 })]
      assert.deepEqual(await store.save({ publisher: NAME, parts: [progressOf(part, { held })] }), [true])
      const [now, later] = await store.holds({ publisher: NAME, slots: part.slots, limit: 2 })
      assert.deepEqual([now?.stream, now?.retryInMs, later?.stream], ['now', 0, 'later'])
      assert.ok(later !== undefined && later.retryInMs > 3_000_000 && later.retryInMs <= 3_600_000)
      assert.deepEqual(sharesOf(await store.take(takeOf('b'))), { a: 64 })
      await store.take(takeOf('c', { publisher: 'short', leaseMs: 1 }))
      // Until the clock has moved on, whatever that takes.
      while ((await store.look('short'))?.members !== 0) await Promise.resolve()
      assert.deepEqual(sharesOf(await store.take(takeOf('d', { publisher: 'short' }))), { d: 64 })
    },
  },
]
