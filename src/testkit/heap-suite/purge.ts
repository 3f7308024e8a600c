/** `heap-purge-*`: what goes by age. */
import assert from 'node:assert/strict'
import { countsOf, LEASE_MS, NAME, type HeapCase } from './context.js'

const DAY_MS = 86_400_000

export const purgeCases: readonly HeapCase[] = [
  {
    id: 'heap-purge-1', title: 'an entry goes when its last failure is exactly as old as asked, not sooner',
    needs: 'purge',
    async run(context) {
      await context.fail('old', 3)
      context.clock.advance(1_000)
      await context.fail('young', 1)
      context.clock.advance(DAY_MS - 1_001)
      assert.equal(await context.purge({ olderThanMs: DAY_MS }), 0)
      context.clock.advance(1)
      assert.equal(await context.purge({ olderThanMs: DAY_MS }), 1)
      assert.deepEqual(countsOf(await context.heap.drainExceeded(1)), { young: 1 })
    },
  },
  {
    id: 'heap-purge-2', title: 'whatever fails anew is as young as that', needs: 'purge',
    async run(context) {
      await context.fail('a', 1)
      context.clock.advance(DAY_MS)
      await context.fail('a', 1)
      assert.equal(await context.purge({ olderThanMs: DAY_MS }), 0)
      assert.deepEqual(countsOf(await context.heap.drainExceeded(1)), { a: 2 })
    },
  },
  {
    id: 'heap-purge-3', title: 'at most the limit, the oldest first; counting takes nothing', needs: 'purge',
    async run(context) {
      for (const id of ['c', 'b', 'a', 'd', 'e']) {
        await context.fail(id, 1)
        context.clock.advance(1)
      }
      for (const [limit, count] of [[2, 2], [100, 5]] as const) {
        assert.equal(await context.purge({ olderThanMs: 0, limit, dryRun: true }), count)
      }
      assert.equal(await context.purge({ olderThanMs: 0, limit: 3 }), 3)
      assert.deepEqual(countsOf(await context.heap.drainExceeded(1)), { d: 1, e: 1 })
    },
  },
  {
    id: 'heap-purge-4', title: 'what is drained stays until the lease is over', needs: 'purge',
    async run(context) {
      if (context.heap.confirmDrained === undefined) return
      for (const id of ['a', 'b', 'c']) await context.fail(id, 2)
      await context.fail('d', 1)
      await context.heap.drainExceeded(2)
      assert.equal(await context.purge({ olderThanMs: 0, limit: 1 }), 1)
      assert.equal(await context.purge({ olderThanMs: 0, dryRun: true }), 0)
      context.clock.advance(LEASE_MS - 1)
      assert.equal(await context.purge({ olderThanMs: 0 }), 0)
      context.clock.advance(1)
      assert.equal(await context.purge({ olderThanMs: 0, limit: 2 }), 2)
      assert.deepEqual(Object.values(await context.left()), [2])
    },
  },
  {
    id: 'heap-purge-5', title: 'of one heap, or of all', needs: 'purge',
    async run(context) {
      const names = [NAME, 'other', '{}', 'x'.repeat(255)]
      for (const name of names) await context.opened.open(name, LEASE_MS).recordFailure('a')
      assert.equal(await context.purge({ name: NAME, olderThanMs: 0 }), 1)
      assert.equal(await context.purge({ name: 'unknown', olderThanMs: 0 }), 0)
      assert.equal(await context.purge({ olderThanMs: 0, limit: 2, dryRun: true }), 2)
      assert.equal(await context.purge({ olderThanMs: 0, limit: 2 }), 2)
      assert.equal(await context.purge({ olderThanMs: 0, limit: 2 }), 1)
      assert.equal(await context.purge({ olderThanMs: 0 }), 0)
    },
  },
]
