/** `heap-list-*`: what is in a heap, for those who look. */
import assert from 'node:assert/strict'
import type { HeapPlace } from '../../deadletters/heap.js'
import { countsOf, idsOf, LEASE_MS, NAME, refused, type HeapCase, type HeapContext } from './context.js'

async function pagesOf(context: HeapContext, limit: number, threshold?: number): Promise<readonly string[]> {
  const ids: string[] = []
  for (let after: HeapPlace | undefined; ;) {
    const page = await context.list({ after, limit, threshold })
    assert.ok(page.length <= limit)
    ids.push(...idsOf(page))
    if (page.length < limit) return ids
    after = page.at(-1)
  }
}

export const listCases: readonly HeapCase[] = [
  {
    id: 'heap-list-1', title: 'entries with counts, errors and last failures, the highest first; from a threshold on',
    needs: 'list',
    async run(context) {
      await context.fail('one', 1)
      await context.fail('three', 3, 'refused')
      context.clock.advance(10)
      await context.fail('two', 2, 'gone')
      const [now, before] = [context.clock.now(), context.clock.now() - 10]
      const three = { id: 'three', failures: 3, lastError: 'refused', failedAt: before, isDrained: false }
      const two = { id: 'two', failures: 2, lastError: 'gone', failedAt: now, isDrained: false }
      const one = { id: 'one', failures: 1, failedAt: before, isDrained: false }
      assert.deepEqual(await context.list(), [three, two, one])
      assert.deepEqual(await context.list({ threshold: 2 }), [three, two])
      assert.deepEqual(await context.list({ threshold: 4 }), [])
      assert.deepEqual(await context.list({ limit: 0 }), [])
      assert.deepEqual(await context.opened.open('another', LEASE_MS).list?.({}), [])
    },
  },
  {
    id: 'heap-list-2', title: 'pages of any size give each once, by their bytes among equals', needs: 'list',
    async run(context) {
      // By UTF-16 the first two would change places, and by a locale others would.
      const equals = ['\u{10ffff}', '\uffff', 'é', 'z', 'a', 'Z', '1'.repeat(1_024), '1']
      for (const id of [...equals].reverse()) await context.fail(id, 2)
      for (let n = 0; n < 3; n += 1) await context.fail(`often ${n}`, 3 + n)
      for (const id of ['y', 'x']) await context.fail(id, 1)
      const all = ['often 2', 'often 1', 'often 0', ...equals, 'y', 'x']
      for (const limit of [1, 2, 5, all.length, 1_000]) assert.deepEqual(await pagesOf(context, limit), all)
      assert.deepEqual(await pagesOf(context, 2, 2), all.slice(0, -2))
      const behind = await context.list({ after: { id: 'm', failures: 2 }, limit: 3 })
      assert.deepEqual(idsOf(behind), ['a', 'Z', '1'.repeat(1_024)])
      assert.deepEqual(await context.list({ after: { id: 'a', failures: 1 } }), [])
    },
  },
  {
    id: 'heap-list-3', title: 'what is drained says so, until the lease is over', needs: 'list',
    async run(context) {
      if (context.heap.confirmDrained === undefined) return
      await context.fail('a', 2)
      await context.fail('b', 1)
      await context.heap.drainExceeded(2)
      const drained = async (): Promise<readonly boolean[]> => (await context.list()).map(({ isDrained }) => isDrained)
      assert.deepEqual(await drained(), [true, false])
      context.clock.advance(LEASE_MS - 1)
      assert.deepEqual(await drained(), [true, false])
      context.clock.advance(1)
      assert.deepEqual(await drained(), [false, false])
    },
  },
  {
    id: 'heap-list-4', title: 'one is found by its id; to look changes nothing, and what is no page is refused',
    needs: 'list',
    async run(context) {
      await context.fail('a', 2, 'refused')
      const [entry] = await context.list()
      assert.deepEqual(await context.list(), [entry])
      if (context.heap.get !== undefined) {
        assert.deepEqual([await context.heap.get('a'), await context.heap.get('b')], [entry, undefined])
      }
      assert.deepEqual(countsOf(await context.heap.drainExceeded(2)), { a: 2 })
      await refused('limit', () => context.list({ limit: 1_001 }))
      await refused('threshold', () => context.list({ threshold: 0 }))
    },
  },
  {
    id: 'heap-list-5', title: 'the names of heaps, in the order of their bytes', needs: 'names',
    async run(context) {
      const names = ['A', NAME, 'other', 'é', '\uffff', '\u{10ffff}']
      assert.equal(await context.opened.nextHeap?.(''), undefined)
      for (const name of [...names].reverse()) await context.opened.open(name, LEASE_MS).recordFailure('a')
      const found: string[] = []
      for (let next = await context.opened.nextHeap?.(''); next !== undefined;) {
        found.push(next)
        next = await context.opened.nextHeap?.(next)
      }
      assert.deepEqual(found, names)
    },
  },
]
