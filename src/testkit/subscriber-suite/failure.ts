/** `fail-*`: what becomes of a result that cannot be handled, and of those behind it. */
import assert from 'node:assert/strict'
import { jsonCodec } from '../../core/codec.js'
import { permanentError, throttledError } from '../../core/transport.js'
import type { FeedStore } from '../../feeds/contract.js'
import { decodeResult } from '../../feeds/frame.js'
import type { SubscriberCase } from './case.js'
import { FEED, NEVER, signal, withMethod } from './context.js'

export const failureCases: readonly SubscriberCase[] = [
  {
    id: 'fail-1', title: 'a failing result holds its feed, while others go on, until it succeeds',
    async run(context) {
      const other = signal()
      const each = context.process({
        feeds: [FEED, 'stock'], start: 'earliest',
        onResult: async ({ sequence }, { feed, attempt }) => {
          if (feed.name === 'stock' && sequence === 3n) other.resolve()
          if (feed.name !== FEED || sequence !== 2n || attempt > 3) return
          await other.promise
          throw new Error('not yet')
        },
      })
      const names = await context.commit(4)
      const stock = await context.commit(3, 'stock')
      await each.subscriber.start()
      await context.until(() => each.calls.includes('orders:4'))
      await each.subscriber.drain()
      const orders = each.calls.filter((name) => name.startsWith(FEED))
      assert.deepEqual(orders, [names[0], names[1], names[1], names[1], names[1], names[2], names[3]])
      assert.deepEqual(each.calls.filter((name) => name.startsWith('stock')), stock)
    },
  },
  {
    id: 'fail-2', title: 'a dead letter after so many tries, with its bytes, and its feed goes on',
    async run(context) {
      await context.commit(4)
      const each = await context.run({
        start: 'earliest', onFailure: 'dead_letter', maxAttempts: 3,
        onResult: ({ sequence }) => {
          if (sequence === 2n) throw new Error('never 42')
        },
      })
      assert.deepEqual(each.calls, ['orders:1', 'orders:2', 'orders:2', 'orders:2', 'orders:3', 'orders:4'])
      const [dead, ...others] = await context.deadLetters()
      assert.deepEqual([dead?.feed, dead?.sequence, dead?.attempts, others.length], [FEED, 2n, 3, 0])
      assert.match(dead?.error ?? '', /never 42/)
      const { changes } = decodeResult(2n, dead?.data ?? new Uint8Array(), jsonCodec)
      assert.deepEqual(changes.map(({ after }) => after), [{ n: 1 }])
      assert.equal((await context.checkpoint())?.sequence, 4n)
      assert.equal(each.subscriber.counters().deadLettered, 1)
    },
  },
  {
    id: 'fail-3', title: 'what can never succeed is a dead letter at once; by default its feed waits',
    async run(context) {
      await context.commit(2)
      const refuse = ({ sequence }: { readonly sequence: bigint }): void => {
        if (sequence === 1n) throw permanentError('gone')
      }
      const waiting = context.process({ id: 'waiting', start: 'earliest', retry: NEVER, onResult: refuse })
      await waiting.subscriber.drain()
      assert.deepEqual(waiting.calls, ['orders:1'])
      const { feeds: [status] } = waiting.subscriber.status()
      assert.deepEqual([status?.state, status?.attempts, status?.sequence], ['waiting', 1, 0n])
      assert.match(status?.error ?? '', /gone/)
      assert.equal((await waiting.subscriber.lag()).results, 2n)
      const skipping = await context.run({ start: 'earliest', onFailure: 'dead_letter', onResult: refuse })
      assert.deepEqual(skipping.calls, ['orders:1', 'orders:2'])
    },
  },
  {
    id: 'fail-4', title: 'a result that cannot be read never reaches the handler',
    async run(context) {
      await context.commit(1)
      await context.inTransaction(async (tx) => {
        const state = await context.feed().state() ?? assert.fail()
        const { feed, configHash, capacity } = state
        await context.store.feeds.commit(tx, {
          feed, configHash, capacity, results: [Buffer.from('garbage')], mutations: [] })
      })
      await context.commit(1)
      const each = await context.run({ start: 'earliest', onFailure: 'dead_letter' })
      assert.deepEqual(each.calls, ['orders:1', 'orders:3'])
      const [dead] = await context.deadLetters()
      assert.deepEqual([dead?.sequence, dead?.attempts, Buffer.from(dead?.data ?? []).toString()], [2n, 1, 'garbage'])
    },
  },
  {
    id: 'fail-5', title: 'the policy may say that the subscriber stops; started again it tries again',
    async run(context) {
      await context.commit(3)
      const failing = await context.started({
        start: 'earliest', onFailure: 'stop', maxAttempts: 2,
        onResult: ({ sequence }) => {
          if (sequence === 2n) throw new Error('full stop')
        },
      })
      await context.until(() => failing.subscriber.failure !== undefined)
      await failing.subscriber[Symbol.asyncDispose]()
      assert.match(failing.subscriber.failure?.message ?? '', /full stop/)
      assert.deepEqual(failing.calls, ['orders:1', 'orders:2', 'orders:2'])
      assert.deepEqual((await context.run()).calls, ['orders:2', 'orders:3'])
    },
  },
  {
    id: 'fail-6', title: 'a destination that asks for time costs no try',
    async run(context) {
      await context.commit(1)
      const attempts: number[] = []
      const each = await context.started({
        start: 'earliest', onFailure: 'dead_letter', maxAttempts: 1,
        onResult: (_result, { attempt }) => {
          attempts.push(attempt)
          if (attempts.length <= 5) throw throttledError('slow down', 1)
        },
      })
      await context.until(() => attempts.length === 6)
      await each.subscriber.drain()
      assert.deepEqual([attempts, await context.deadLetters()], [[1, 1, 1, 1, 1, 1], []])
    },
  },
  {
    id: 'fail-7', title: 'a try that takes too long has failed, and its signal is aborted',
    async run(context) {
      await context.commit(2)
      let aborted: AbortSignal | undefined
      const each = await context.started({
        start: 'earliest', timeoutMs: 30,
        onResult: (_result, context_) => {
          if (aborted !== undefined) return
          aborted = context_.signal
          return new Promise(() => undefined)
        },
      })
      await context.until(() => each.calls.includes('orders:2'))
      assert.deepEqual([each.calls, aborted?.aborted], [['orders:1', 'orders:1', 'orders:2'], true])
    },
  },
  {
    id: 'fail-8', title: 'a page that was asked for before a result failed, and comes after it, overtakes nothing',
    async run(context) {
      const { promise: asked, resolve: ask } = signal()
      const { promise: mayCome, resolve: come } = signal()
      let isHeld = false
      const feeds = withMethod(context.store.feeds, 'page', (page): FeedStore['page'] => async (request) => {
        if (request.after !== 1n || isHeld) return page(request)
        isHeld = true
        ask()
        await mayCome
        return page(request)
      })
      const names = await context.commit(3)
      const each = context.process({
        start: 'earliest', batch: 1,
        onResult: async ({ sequence }, { attempt }) => {
          if (sequence !== 1n || attempt > 1) return
          await asked
          throw new Error('not yet')
        },
      }, { feeds })
      const failed = each.told('requeued')
      await each.subscriber.start()
      await failed
      come()
      await context.until(() => each.calls.includes('orders:3'))
      assert.deepEqual(each.calls, ['orders:1', ...names])
    },
  },
]
