/** `heap-drain-*`: what a drain takes, and what it leaves. */
import assert from 'node:assert/strict'
import { countsOf, idsOf, LEASE_MS, MAX_FAILURES, NAME, refused, type HeapCase } from './context.js'

export const drainCases: readonly HeapCase[] = [
  {
    id: 'heap-drain-1', title: 'the threshold is inclusive: one failure less stays, and is counted on',
    async run(context) {
      for (const [id, times] of [['below', 9], ['exactly', 10], ['above', 11]] as const) await context.fail(id, times)
      assert.deepEqual(countsOf(await context.heap.drainExceeded(10)), { exactly: 10, above: 11 })
      assert.deepEqual(await context.other.drainExceeded(10), [])
      await context.fail('below', 1)
      assert.deepEqual(countsOf(await context.other.drainExceeded(10)), { below: 10 })
    },
  },
  {
    id: 'heap-drain-2', title: 'a threshold of 1 takes all; one after another, no two drains have an id in common',
    async run(context) {
      for (let n = 0; n < 20; n += 1) await context.fail(`id ${n}`, 1 + n % 4)
      const drains = []
      for (const threshold of [4, 3, 2, 1]) {
        drains.push(await (threshold % 2 === 0 ? context.heap : context.other).drainExceeded(threshold))
      }
      const counts = drains.map((entries) => entries.map(({ failures }) => failures))
      assert.deepEqual(counts, [4, 3, 2, 1].map((count) => Array(5).fill(count)))
      assert.equal(new Set(drains.flatMap(idsOf)).size, 20)
      assert.deepEqual(await context.heap.drainExceeded(1), [])
    },
  },
  {
    id: 'heap-drain-3', title: 'at most 1,000 at a time, the highest counts first; the rest the next time',
    async run(context) {
      const ids = Array.from({ length: 1_003 }, (_, n) => `id ${n}`)
      for (let at = 0; at < ids.length; at += 59) {
        await Promise.all(ids.slice(at, at + 59).map((id) => context.heap.recordFailure(id)))
      }
      for (const id of ['id 1', 'id 500', 'id 1002']) await context.fail(id, Number(id.slice(3)) % 4 + 1)
      const first = await context.heap.drainExceeded(1)
      assert.equal(first.length, 1_000)
      assert.deepEqual(first.slice(0, 3).map(({ id, failures }) => [id, failures]),
        [['id 1002', 4], ['id 1', 3], ['id 500', 2]])
      const rest = await context.other.drainExceeded(1)
      assert.deepEqual(rest.map(({ failures }) => failures), [1, 1, 1])
      assert.deepEqual(new Set([...first, ...rest].map(({ id }) => id)), new Set(ids))
    },
  },
  {
    id: 'heap-drain-4', title: 'nothing over the threshold is an empty answer, and changes nothing',
    async run(context) {
      assert.deepEqual(await context.heap.drainExceeded(1), [])
      await context.fail('a', 2, 'refused')
      for (const threshold of [3, 10, MAX_FAILURES]) assert.deepEqual(await context.heap.drainExceeded(threshold), [])
      assert.deepEqual(await context.other.drainExceeded(2), [{ id: 'a', failures: 2, lastError: 'refused' }])
    },
  },
  {
    id: 'heap-drain-5', title: 'a threshold that is no integer from 1 to 2,147,483,647 is refused, and takes nothing',
    async run(context) {
      await context.fail('a', 2)
      for (const threshold of [0, -1, 1.5, NaN, Infinity, MAX_FAILURES + 1, '1', null, undefined]) {
        await refused('threshold', () => context.heap.drainExceeded(threshold as number))
      }
      assert.deepEqual(countsOf(await context.heap.drainExceeded(1)), { a: 2 })
    },
  },
  {
    id: 'heap-drain-6', title: 'what fails while it is drained is not in another drain, however often',
    needs: 'confirm',
    async run(context) {
      await context.fail('a', 10)
      await context.heap.drainExceeded(10)
      await context.fail('a', 25)
      context.clock.advance(LEASE_MS - 1)
      for (const heap of [context.heap, context.other]) assert.deepEqual(await heap.drainExceeded(1), [])
    },
  },
  {
    id: 'heap-drain-7', title: 'what is hidden is in the way of nothing: the counts below it are taken',
    needs: 'confirm',
    async run(context) {
      for (let n = 1; n <= 30; n += 1) await context.fail(`id ${n}`, n)
      await context.heap.drainExceeded(16)
      await context.fail('new', 40)
      assert.deepEqual((await context.other.drainExceeded(15)).map(({ failures }) => failures), [40, 15])
    },
  },
  {
    id: 'heap-drain-8', title: 'a success after a drain ends it, too: what fails then is a row of its own',
    async run(context) {
      await context.fail('a', 10)
      await context.heap.drainExceeded(10)
      await context.other.recordSuccess('a')
      await context.fail('a', 2)
      assert.deepEqual(countsOf(await context.other.drainExceeded(1)), { a: 2 })
      await context.other.recordSuccess('a')
      await context.heap.confirmDrained?.(['a'])
      assert.deepEqual(await context.left(), {})
    },
  },
  {
    id: 'heap-drain-9', title: 'the heaps\' own clock does it, too', needs: 'confirm',
    async run(context) {
      const opened = await context.openByOwnClock()
      const [held, short] = [opened.open(NAME, 3_600_000), opened.open('short', 1)]
      for (const heap of [held, short]) await heap.recordFailure('a')
      for (const heap of [held, short]) assert.deepEqual(countsOf(await heap.drainExceeded(1)), { a: 1 })
      // Bounded by the clock alone: each round takes the store some time.
      let again: readonly unknown[] = []
      for (let round = 0; again.length === 0 && round < 100_000; round += 1) again = await short.drainExceeded(1)
      assert.equal(again.length, 1)
      assert.deepEqual(await opened.openOther(NAME, 1).drainExceeded(1), [])
    },
  },
]
