/** `A-2`, `by-offset-*`: publishers that keep their progress in an offset store. */
import assert from 'node:assert/strict'
import { JournalOffsetStore } from '../../journal/journal-offset-store.js'
import type { PublisherCase } from './case.js'
import { NAME, type PublisherContext } from './context.js'

export const offsetCases: readonly PublisherCase[] = [
  {
    id: 'A-2', title: 'with its offsets in the journal that it follows, the next publisher publishes what is new',
    async run(context) {
      const first = await context.append('agg', 4)
      const a = context.process({ progress: offsetsOf(context) })
      await a.publisher.drain()
      await a.publisher.stop()
      assert.deepEqual(await offsetsOf(context).load(), new Map([['agg', 4n]]))
      const later = await context.append('agg', 2)
      const b = context.process({ progress: offsetsOf(context) })
      await b.publisher.drain()
      assert.deepEqual([a.ids, b.ids], [first, later])
    },
  },
  {
    id: 'by-offset-1', title: 'streams that are behind, and new ones, are published from where they are',
    async run(context) {
      for (const stream of ['a', 'b', 'c']) await context.append(stream, 3)
      const offsets = offsetsOf(context)
      await offsets.load()
      await offsets.save(new Map([['a', 1n], ['b', 3n]]))
      await context.append('d', 2)
      const each = context.process({ progress: offsetsOf(context), concurrency: 1 })
      await each.publisher.start()
      const more = await context.append('a', 2)
      await context.until(() => each.published.length === 9)
      await each.publisher.drain()
      assert.deepEqual(each.ids.toSorted(), ['a:2', 'a:3', ...more, 'c:1', 'c:2', 'c:3', 'd:1', 'd:2'].toSorted())
      context.checkLog(each.ids)
      await each.publisher.stop()
      assert.deepEqual(await offsetsOf(context).load(), new Map([['a', 5n], ['b', 3n], ['c', 3n], ['d', 2n]]))
    },
  },
  {
    id: 'by-offset-2', title: 'when another takes over, the first stops at its next save',
    async run(context) {
      const first = await context.started({ progress: offsetsOf(context) })
      await context.append('s', 1)
      await context.until(() => first.published.length === 1)
      await first.publisher.drain()
      const second = await context.started({ progress: offsetsOf(context) })
      await second.publisher.drain()
      await context.append('s', 1)
      await context.until(() => first.publisher.failure !== undefined || first.published.length === 1)
      await context.until(() => second.ids.includes('s:2'))
      await context.append('s', 1)
      while (first.publisher.failure === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
      assert.equal(first.publisher.failure.code, 'STALE_OWNER')
      await context.until(() => second.ids.includes('s:3'))
      assert.deepEqual(second.ids, ['s:2', 's:3'])
    },
  },
  {
    id: 'by-offset-3', title: 'a failing event holds its stream; its offset stays, and the next process tries it first',
    async run(context) {
      await context.append('bad', 3)
      await context.append('good', 2)
      const each = context.process({
        progress: offsetsOf(context), onFailure: () => 'dead_letter', maxAttempts: 1,
        retry: { baseMs: 3_600_000, maxMs: 3_600_000, jitter: 'none' },
        publish: ({ stream, sequence }) => {
          if (stream === 'bad' && sequence === 2n) throw new Error('no')
        },
      })
      await each.publisher.drain()
      await each.publisher.stop()
      assert.deepEqual(await offsetsOf(context).load(), new Map([['bad', 1n], ['good', 2n]]))
      const next = context.process({ progress: offsetsOf(context) })
      await next.publisher.drain()
      assert.deepEqual(next.ids, ['bad:2', 'bad:3'])
    },
  },
]

function offsetsOf({ store }: PublisherContext): JournalOffsetStore {
  return new JournalOffsetStore(NAME, store.journal, {})
}
