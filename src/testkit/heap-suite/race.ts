/** `heap-race-*`: two processes at once. Nothing here depends on who wins. */
import assert from 'node:assert/strict'
import type { DlqHeap } from '../../deadletters/heap.js'
import { confirm, countsOf, idsOf, LEASE_MS, NAME, type HeapCase, type HeapContext } from './context.js'

const ROUNDS = 10

/** Objects of their own, of both processes in turn. */
function drainers(context: HeapContext, count: number): readonly DlqHeap[] {
  const { opened } = context
  return Array.from({ length: count }, (_, n) => (n % 2 === 0 ? opened.open : opened.openOther)(NAME, LEASE_MS))
}

export const raceCases: readonly HeapCase[] = [
  {
    id: 'heap-race-1', title: 'failures at once are all counted, the first of an id, too',
    async run(context) {
      for (let round = 0; round < ROUNDS; round += 1) {
        await Promise.all(Array.from({ length: 40 }, (_, n) => (
          (n % 2 === 0 ? context.heap : context.other).recordFailure(`id ${round} ${n % 3}`, `${n}`))))
      }
      const counts = countsOf(await context.heap.drainExceeded(1))
      assert.equal(Object.keys(counts).length, 3 * ROUNDS)
      for (const [id, count] of Object.entries(counts)) assert.equal(count, id.endsWith('0') ? 14 : 13)
    },
  },
  {
    id: 'heap-race-2', title: 'of drains at once each takes what no other has, and nothing is left out for long',
    async run(context) {
      for (let round = 0; round < ROUNDS; round += 1) {
        const ids = Array.from({ length: 25 }, (_, n) => `id ${round} ${n}`)
        await Promise.all(ids.map((id) => context.heap.recordFailure(id)))
        const drained = await Promise.all(drainers(context, 8).map((heap) => heap.drainExceeded(1)))
        const rest = await context.heap.drainExceeded(1)
        assert.deepEqual([...drained.flat(), ...rest].map(({ id }) => id).toSorted(), ids.toSorted())
      }
    },
  },
  {
    id: 'heap-race-3', title: 'failures against drains: each failure is in one drain, or is counted on',
    async run(context) {
      const writers = Array.from({ length: 4 }, async (_, n) => {
        for (let round = 0; round < 30; round += 1) {
          await (n % 2 === 0 ? context.heap : context.other).recordFailure(`id ${round % 5}`)
        }
      })
      const drained = drainers(context, 3).map(async (heap) => {
        const found = []
        for (let round = 0; round < ROUNDS; round += 1) {
          const entries = await heap.drainExceeded(3)
          found.push(...entries)
          await heap.confirmDrained?.(idsOf(entries))
        }
        return found
      })
      const entries = (await Promise.all(drained)).flat()
      await Promise.all(writers)
      context.clock.advance(LEASE_MS)
      entries.push(...await context.heap.drainExceeded(1))
      assert.equal(entries.reduce((sum, { failures }) => sum + failures, 0), 4 * 30)
    },
  },
  {
    id: 'heap-race-4', title: 'a failure against a confirmation: it is kept, as the first of a new row',
    needs: 'confirm',
    async run(context) {
      for (let round = 0; round < 25; round += 1) {
        await context.fail('a', 5, 'before')
        assert.deepEqual(countsOf(await context.heap.drainExceeded(5)), { a: 5 })
        const both = [() => context.other.recordFailure('a', 'after'), () => confirm(context.heap, ['a', 'b'])]
        await Promise.all((round % 2 === 0 ? both : both.toReversed()).map((call) => call()))
        const left = await context.other.drainExceeded(1)
        assert.deepEqual(left, [{ id: 'a', failures: 1, lastError: 'after' }])
        await confirm(context.other, ['a'])
      }
    },
  },
  {
    id: 'heap-race-5', title: 'everything at once, of the same ids in other orders: nothing waits for itself',
    needs: 'confirm',
    async run(context) {
      const ids = Array.from({ length: 30 }, (_, n) => `id ${String(n).padStart(2, '0')}`)
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const id of ids) await context.heap.recordFailure(id)
        await Promise.all([
          ...drainers(context, 4).map(async (heap, n) => {
            const drained = idsOf(await heap.drainExceeded(1))
            await confirm(heap, n % 2 === 0 ? drained : drained.toReversed())
          }),
          ...[ids, ids.toReversed()].map((order, n) => (
            Promise.all(order.map((id) => (n === 0 ? context.heap : context.other).recordFailure(id))))),
          ...ids.slice(0, 3).map((id) => context.other.recordSuccess(id)),
        ])
        context.clock.advance(LEASE_MS)
        const rest = await context.heap.drainExceeded(1)
        for (const { failures } of rest) assert.ok(failures >= 1 && failures <= 3)
        await confirm(context.heap, idsOf(rest))
        assert.deepEqual(await context.left(), {})
      }
    },
  },
]
