/**
 * `heap-lease-*`, `heap-confirm-*` and `heap-lost-*`: what becomes of entries after a drain. An answer nobody looks at
 * is one that was lost: the call has taken effect, and its caller does not know.
 */
import assert from 'node:assert/strict'
import { MAX_TIME } from '../../core/validate.js'
import { confirm, countsOf, idsOf, LEASE_MS, NAME, type HeapCase } from './context.js'

export const confirmCases: readonly HeapCase[] = [
  {
    id: 'heap-lease-1', title: 'what is not confirmed comes back when the lease is over, to the millisecond, as it was',
    needs: 'confirm',
    async run(context) {
      await context.fail('a', 12, 'refused')
      assert.deepEqual(countsOf(await context.heap.drainExceeded(10)), { a: 12 })
      context.clock.advance(LEASE_MS - 1)
      assert.deepEqual(await context.other.drainExceeded(1), [])
      context.clock.advance(1)
      assert.deepEqual(await context.other.drainExceeded(10), [{ id: 'a', failures: 12, lastError: 'refused' }])
      assert.deepEqual(await context.heap.drainExceeded(1), [])
    },
  },
  {
    id: 'heap-lease-2', title: 'it comes back with what has failed meanwhile, once', needs: 'confirm',
    async run(context) {
      await context.fail('a', 10, 'first')
      await context.heap.drainExceeded(10)
      await context.fail('a', 3, 'later')
      context.clock.advance(LEASE_MS)
      await context.fail('a', 1)
      assert.deepEqual(await context.other.drainExceeded(14), [{ id: 'a', failures: 14, lastError: 'later' }])
      await confirm(context.other, ['a'])
      assert.deepEqual(await context.left(), {})
    },
  },
  {
    id: 'heap-lease-3', title: 'each drain has its own lease; the longest is stored', needs: 'confirm',
    async run(context) {
      const [short, long] = [context.opened.open(NAME, 1_000), context.opened.open(NAME, 86_400_000)]
      await context.fail('a', 1)
      await short.drainExceeded(1)
      await context.fail('b', 1)
      await long.drainExceeded(1)
      context.clock.advance(1_000)
      assert.deepEqual(idsOf(await short.drainExceeded(1)), ['a'])
      context.clock.set(MAX_TIME - 10)
      await context.fail('late', 1)
      assert.deepEqual(idsOf(await long.drainExceeded(1)).toSorted(), ['a', 'b', 'late'])
      assert.deepEqual(await context.heap.drainExceeded(1), [])
    },
  },
  {
    id: 'heap-confirm-1', title: 'what is confirmed is gone: it neither comes back nor is counted on', needs: 'confirm',
    async run(context) {
      for (const id of ['a', 'b', 'c']) await context.fail(id, 10, 'refused')
      await context.heap.drainExceeded(10)
      await confirm(context.heap, ['a', 'c'])
      await confirm(context.heap, [])
      await context.fail('a', 1)
      assert.deepEqual(await context.heap.drainExceeded(1), [{ id: 'a', failures: 1 }])
      assert.deepEqual(await context.left(), { a: 1, b: 10 })
    },
  },
  {
    id: 'heap-confirm-2', title: 'what has failed since the drain is alive: it stays, with those failures alone',
    needs: 'confirm',
    async run(context) {
      for (const id of ['a', 'b']) await context.fail(id, 10, 'before')
      await context.heap.drainExceeded(10)
      await context.fail('a', 3, 'after')
      await confirm(context.heap, ['a', 'b'])
      // Not hidden by the lease any more.
      assert.deepEqual(await context.other.drainExceeded(3), [{ id: 'a', failures: 3, lastError: 'after' }])
      await confirm(context.other, ['a'])
      assert.deepEqual(await context.left(), {})
    },
  },
  {
    id: 'heap-confirm-3', title: 'ids that are unknown, repeated or never drained change nothing', needs: 'confirm',
    async run(context) {
      await context.fail('a', 10)
      await context.fail('counted', 2)
      await context.heap.drainExceeded(10)
      await confirm(context.heap, ['unknown', 'a', 'counted', 'a'])
      await confirm(context.heap, ['a'])
      assert.deepEqual(await context.left(), { counted: 2 })
    },
  },
  {
    id: 'heap-confirm-4', title: 'who was late confirms nothing that another has drained since', needs: 'confirm',
    async run(context) {
      await context.fail('a', 10)
      await context.heap.drainExceeded(10)
      context.clock.advance(LEASE_MS)
      assert.deepEqual(countsOf(await context.other.drainExceeded(10)), { a: 10 })
      await confirm(context.heap, ['a'])
      await confirm(context.opened.open(NAME, LEASE_MS), ['a'])
      assert.deepEqual(await context.left(), { a: 10 })
    },
  },
  {
    id: 'heap-confirm-5', title: 'a lease that is over is no hindrance while nobody has drained anew', needs: 'confirm',
    async run(context) {
      for (const id of ['a', 'b']) await context.fail(id, 10)
      await context.heap.drainExceeded(10)
      context.clock.advance(10 * LEASE_MS)
      await context.fail('b', 1)
      await confirm(context.heap, ['a', 'b'])
      assert.deepEqual(await context.left(), { b: 1 })
    },
  },
  {
    id: 'heap-lost-1', title: 'a drain whose answer is lost: all of it comes back with the lease, once',
    needs: 'confirm',
    async run(context) {
      for (const id of ['a', 'b']) await context.fail(id, 10)
      await context.heap.drainExceeded(10)
      assert.deepEqual(await context.heap.drainExceeded(10), [])
      context.clock.advance(LEASE_MS)
      assert.deepEqual(countsOf(await context.heap.drainExceeded(10)), { a: 10, b: 10 })
      assert.deepEqual(await context.other.drainExceeded(1), [])
    },
  },
  {
    id: 'heap-lost-2', title: 'drained again and again by processes that die, a count neither shrinks nor grows',
    needs: 'confirm',
    async run(context) {
      await context.fail('a', 10, 'refused')
      for (let round = 0; round < 5; round += 1) {
        const dying = (round % 2 === 0 ? context.opened.open : context.opened.openOther)(NAME, LEASE_MS)
        assert.deepEqual(await dying.drainExceeded(10), [{ id: 'a', failures: 10, lastError: 'refused' }])
        context.clock.advance(LEASE_MS)
      }
    },
  },
  {
    id: 'heap-lost-3', title: 'a confirmation or a success that is repeated, as after a lost answer, changes nothing',
    needs: 'confirm',
    async run(context) {
      for (const id of ['a', 'b', 'c']) await context.fail(id, 10)
      await context.heap.drainExceeded(10)
      await context.fail('b', 2)
      for (let round = 0; round < 3; round += 1) await confirm(context.heap, ['a', 'b'])
      for (let round = 0; round < 3; round += 1) await context.heap.recordSuccess('c')
      assert.deepEqual(await context.left(), { b: 2 })
    },
  },
]
