/** `share-*`: processes of one id, of which one is active; and how they end. */
import assert from 'node:assert/strict'
import type { CheckpointStore } from '../../feeds/checkpoints.js'
import type { SubscriberCase } from './case.js'
import { FEED, ID, signal, withMethod } from './context.js'

export const shareCases: readonly SubscriberCase[] = [
  {
    id: 'share-1', title: 'one of several is active; when it stops, another goes on at once',
    async run(context) {
      const first = await context.started({ leaseMs: 60_000 })
      const second = context.process({ leaseMs: 60_000 })
      const active = second.told('active')
      await second.subscriber.start()
      const names = await context.commit(3)
      await first.subscriber.drain()
      assert.deepEqual([first.calls, second.calls, second.subscriber.status().term], [names, [], undefined])
      const before = await context.state()
      await first.subscriber.stop()
      assert.ok((await active).term > before.term)
      const more = await context.commit(2)
      await second.subscriber.drain()
      assert.deepEqual([first.calls, second.calls], [names, more])
    },
  },
  {
    id: 'share-2', title: 'when it dies, another goes on after its lease, with what was under way',
    async run(context) {
      await context.run()
      const first = context.process({
        onResult: ({ sequence }) => {
          if (sequence === 2n) first.kill()
        },
      })
      await first.subscriber.start()
      const second = await context.started()
      const names = await context.commit(3)
      await context.until(() => second.calls.includes('orders:3'))
      assert.ok(second.calls.includes('orders:2'), 'what was under way is lost')
      assert.deepEqual(second.calls, names.slice(-second.calls.length))
    },
  },
  {
    id: 'share-3', title: 'a process that lost its term stores nothing more, delivers nothing more, and waits',
    async run(context) {
      const { promise: mayEnd, resolve: end } = signal()
      const first = context.process({ leaseMs: 60_000, onResult: () => mayEnd })
      await first.subscriber.start()
      await context.commit(3)
      await handling(context.log)
      const { term } = await context.state()
      const standby = first.told('standby')
      await context.store.checkpoints.release({ subscriber: ID, term })
      const second = await context.started({ leaseMs: 60_000 })
      await context.until(() => second.calls.length === 3)
      end()
      assert.equal((await standby).term, term)
      await second.subscriber.drain()
      // Until its save is refused it cannot know.
      const before = first.calls.length
      assert.deepEqual(second.calls, ['orders:1', 'orders:2', 'orders:3'])
      assert.equal((await context.checkpoint())?.sequence, 3n)
      assert.equal(first.subscriber.failure, undefined)
      await second.subscriber.stop()
      const names = await context.commit(1)
      await context.until(() => first.calls.length > before)
      assert.deepEqual(first.calls.slice(before), names)
    },
  },
  {
    id: 'share-4', title: 'an idle subscriber keeps its lease',
    async run(context) {
      const { promise: kept, resolve: keep } = signal()
      let takes = 0
      const checkpoints = withMethod(context.store.checkpoints, 'take', (take): CheckpointStore['take'] => (
        async (request) => {
          takes += 1
          if (takes === 6) keep()
          return take(request)
        }))
      const first = await context.started({}, { checkpoints })
      const second = await context.started()
      const { term } = first.subscriber.status()
      // One at the start, and each of the others a third of a lease later at the soonest.
      await kept
      assert.deepEqual([(await context.state()).term, second.subscriber.status().term], [term, undefined])
    },
  },
  {
    id: 'share-5', title: 'the term is told with every delivery, and grows',
    async run(context) {
      const terms: bigint[] = []
      await context.run()
      for (let n = 0; n < 3; n += 1) {
        await context.commit(1)
        await context.run({ onResult: (_result, { term }) => terms.push(term) })
      }
      assert.equal(terms.length, 3)
      assert.ok(terms.every((term, n) => n === 0 || term > (terms[n - 1] ?? term)), `terms ${terms.join(', ')}`)
    },
  },
  {
    id: 'stop-1', title: 'a stop waits for what is under way, starts nothing more, and stores it',
    async run(context) {
      const { promise: mayEnd, resolve: end } = signal()
      const each = await context.started({ onResult: () => mayEnd })
      await context.commit(3)
      await handling(context.log)
      const stopped = each.subscriber.stop()
      end()
      const { finished, abandoned } = await stopped
      assert.deepEqual([finished, abandoned, each.calls], [1, 0, ['orders:1']])
      assert.equal((await context.checkpoint())?.sequence, 1n)
      assert.equal((await context.state()).owner, undefined)
      await assert.rejects(each.subscriber.start(), { code: 'CLOSED' })
      assert.deepEqual((await context.run()).calls, ['orders:2', 'orders:3'])
    },
  },
  {
    id: 'stop-2', title: 'a stop that may not wait, a second stop and a signal leave it to be repeated',
    async run(context) {
      await context.run()
      await context.commit(1)
      const controller = new AbortController()
      const ends: readonly ((each: ReturnType<typeof context.process>) => Promise<unknown>)[] = [
        ({ subscriber }) => subscriber.stop({ timeoutMs: 0 }),
        ({ subscriber }) => Promise.all([subscriber.stop(), subscriber.stop()]),
        async ({ subscriber }) => {
          controller.abort()
          await Promise.all([subscriber.stop(), subscriber.stop()])
        },
      ]
      for (const end of ends) {
        let aborted: AbortSignal | undefined
        const { promise: begun, resolve: begin } = signal()
        const each = await context.started({
          signal: controller.signal,
          onResult: (_result, context_) => {
            aborted = context_.signal
            begin()
            return new Promise(() => undefined)
          },
        })
        await begun
        await end(each)
        assert.deepEqual([each.calls, aborted?.aborted], [['orders:1'], true])
      }
      // Whoever could not give back in time is waited out.
      const last = await context.started()
      await context.until(() => last.calls.length > 0)
      assert.deepEqual(last.calls, ['orders:1'])
    },
  },
  {
    id: 'stop-3', title: 'stopped at any moment of its beginning, it ends; what it took is given back',
    async run(context) {
      await context.commit(1)
      for (let turns = 0; turns < 12; turns += 1) {
        const each = context.process({ id: `quick-${turns}`, start: 'earliest', feeds: [FEED] })
        const started = each.subscriber.start().catch(() => undefined)
        for (let n = 0; n < turns; n += 1) await Promise.resolve()
        await each.subscriber.stop()
        await started
        const { calls } = each
        const again = await context.run({ id: `quick-${turns}`, start: 'earliest' })
        assert.deepEqual([...calls, ...again.calls].filter((_, n, all) => n === all.length - 1), ['orders:1'])
      }
    },
  },
  {
    id: 'share-6', title: 'ids are apart: each has its own checkpoints',
    async run(context) {
      const names = await context.commit(2)
      const one = await context.run({ id: 'one', start: 'earliest' })
      const two = await context.run({ id: 'two', start: 'earliest' })
      assert.deepEqual([one.calls, two.calls], [names, names])
    },
  },
]

/** Resolves when a handler has been called. */
async function handling(log: readonly string[]): Promise<void> {
  while (log.length === 0) await new Promise(setImmediate)
}
