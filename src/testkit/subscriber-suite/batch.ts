/** `batch-*`: results that are handled together. */
import assert from 'node:assert/strict'
import { permanentError } from '../../core/transport.js'
import type { FeedStore } from '../../feeds/contract.js'
import type { SubscriberCase } from './case.js'
import { FEED, NEVER, signal, withMethod } from './context.js'

const handled = (): undefined => undefined

export const batchCases: readonly SubscriberCase[] = [
  {
    id: 'batch-1', title: 'a backlog goes in batches within the bounds, in order, each feed by itself',
    async run(context) {
      const names = await context.commit(25)
      const stock = await context.commit(5, 'stock')
      const each = await context.run({
        feeds: [FEED, 'stock'], start: 'earliest', onBatch: handled, batching: { maxSize: 10 },
      })
      const of = (feed: string): string[] => each.calls.filter((name) => name.startsWith(feed))
      assert.deepEqual([of(FEED), of('stock')], [names, stock])
      assert.ok(each.batches.every(({ length }) => length >= 1 && length <= 10))
      assert.equal(each.subscriber.counters().delivered, each.batches.length)
      assert.ok(each.batches.length <= 6, `${each.batches.length} batches`)
    },
  },
  {
    id: 'B-46', title: 'a checkpoint never passes a batch that is not handled, also behind one that is',
    async run(context) {
      await context.commit(6)
      const each = context.process({
        start: 'earliest', retry: NEVER, batching: { maxSize: 2 },
        onBatch: ([first]) => {
          if (first?.sequence === 3n) throw new Error('not these')
        },
      })
      await each.subscriber.drain()
      await each.subscriber.stop()
      assert.deepEqual(each.batches, [[1n, 2n], [3n, 4n]])
      assert.equal((await context.checkpoint())?.sequence, 2n)
      const next = await context.run({ onBatch: handled })
      assert.deepEqual(next.calls, ['orders:3', 'orders:4', 'orders:5', 'orders:6'])
    },
  },
  {
    id: 'batch-2', title: 'of a batch that fails only the result that is at fault is given up, after its own tries',
    async run(context) {
      await context.commit(20)
      const each = await context.run({
        start: 'earliest', onFailure: 'dead_letter', maxAttempts: 2, batching: { maxSize: 16 },
        onBatch: (results) => {
          if (results.some(({ sequence }) => sequence === 11n)) throw new Error('it is 11')
        },
      })
      const dead = await context.deadLetters()
      assert.deepEqual(dead.map(({ sequence }) => sequence), [11n])
      const handledOnes = each.batches.filter((batch) => !batch.includes(11n)).flat()
      assert.deepEqual(handledOnes, Array.from({ length: 20 }, (_, n) => BigInt(n + 1)).filter((n) => n !== 11n))
      assert.deepEqual(each.batches.filter((batch) => batch.includes(11n)).at(-1), [11n])
    },
  },
  {
    id: 'batch-3', title: 'what can never succeed is found at once, without waiting between',
    async run(context) {
      await context.commit(8)
      await context.run({
        start: 'earliest', onFailure: 'dead_letter', retry: NEVER,
        onBatch: (results) => {
          if (results.some(({ sequence }) => sequence === 1n || sequence === 8n)) throw permanentError('never')
        },
      })
      assert.deepEqual((await context.deadLetters()).map(({ sequence }) => sequence), [1n, 8n])
      assert.equal((await context.checkpoint())?.sequence, 8n)
    },
  },
  {
    id: 'batch-4', title: 'fewer than minSize wait for others, and are given when these have come',
    async run(context) {
      const each = await context.started({
        onBatch: handled, batching: { minSize: 3, maxSize: 5, maxWaitMs: 60_000 },
      })
      await context.commit(3)
      await context.until(() => each.calls.length >= 3)
      assert.deepEqual(each.batches, [[1n, 2n, 3n]])
    },
  },
  {
    id: 'batch-5', title: 'fewer than minSize are given when they have waited long enough',
    async run(context) {
      const each = await context.started({
        pollMaxMs: 60_000, onBatch: handled, batching: { minSize: 50, maxSize: 50, maxWaitMs: 20 },
      })
      const names = await context.commit(2)
      await context.until(() => each.calls.length >= 2)
      assert.deepEqual(each.calls, names)
    },
  },
  {
    id: 'batch-6', title: 'a stop gives what waits for others; drain does, too',
    async run(context) {
      const batching = { minSize: 10, maxSize: 10, maxWaitMs: 60_000 }
      let isWaiting = false
      const { promise: looked, resolve: look } = signal()
      // How many there are is asked without reading them only while some wait.
      const feeds = withMethod(context.store.feeds, 'state', (state): FeedStore['state'] => async (feed) => {
        if (isWaiting) look()
        return state(feed)
      })
      const each = await context.started({ onBatch: handled, batching }, { feeds })
      const names = await context.commit(2)
      await each.subscriber.drain()
      assert.deepEqual(each.calls, names)
      const more = await context.commit(3)
      isWaiting = true
      await looked
      await each.subscriber.stop()
      assert.deepEqual(each.calls, [...names, ...more])
      assert.equal((await context.checkpoint())?.sequence, 5n)
    },
  },
]
