/** `fail-*`: what becomes of an event that cannot be published, and of those behind it. */
import assert from 'node:assert/strict'
import { WaybillError } from '../../core/errors.js'
import { permanentError, throttledError } from '../../core/transport.js'
import type { PublisherCase } from './case.js'
import { LEASE_MS, NAME, SCOPE } from './context.js'

/** Long enough never to come due in a case. */
const NEVER = { baseMs: 3_600_000, maxMs: 3_600_000, jitter: 'none' } as const

export const failureCases: readonly PublisherCase[] = [
  {
    id: 'fail-1', title: 'a failing event holds its stream, while others go on, until it succeeds',
    async run(context) {
      let left = 3
      const names = [...await context.append('bad', 3), ...await context.append('good', 3)]
      const each = context.process({
        concurrency: 1,
        publish: ({ stream, sequence }) => {
          if (stream !== 'bad' || sequence !== 2n || left === 0) return
          left -= 1
          throw new Error('not yet')
        },
      })
      await each.publisher.start()
      const more = await context.append('bad', 2)
      await context.until(() => each.ids.includes('bad:5'))
      context.checkLog([...names, ...more])
      const tries = each.published.filter(({ stream, sequence }) => stream === 'bad' && sequence === 2n)
      assert.deepEqual(tries.map(({ attempt }) => attempt), [1, 2, 3, 4])
      await each.publisher.drain()
      assert.equal((await each.publisher.lag()).heldStreams, 0)
    },
  },
  {
    id: 'fail-2', title: 'a dead letter after so many tries, and its stream goes on',
    async run(context) {
      await context.append('s', 4)
      const each = await context.started({
        onFailure: 'dead_letter', maxAttempts: 3,
        publish: ({ sequence }) => {
          if (sequence === 2n) throw new Error('never 42')
        },
      })
      await context.until(() => each.ids.includes('s:4'))
      await each.publisher.drain()
      assert.deepEqual(each.ids, ['s:1', 's:2', 's:2', 's:2', 's:3', 's:4'])
      const dead = await context.store.progress.deadLetters({ publisher: NAME, scope: undefined, after: 0n, limit: 10 })
      assert.deepEqual(dead.map(({ stream, sequence, attempts }) => [stream, sequence, attempts]), [['s', 2n, 3]])
      assert.match(dead[0]?.error ?? '', /never 42/)
      assert.equal(each.publisher.counters().deadLettered, 1)
    },
  },
  {
    id: 'fail-3', title: 'what can never succeed is a dead letter at once; by default its stream waits',
    async run(context) {
      await context.append('s', 2)
      const refuse = ({ sequence }: { sequence: bigint }): void => {
        if (sequence === 1n) throw permanentError('gone')
      }
      const skipping = context.process({ name: 'skipping', onFailure: 'dead_letter', publish: refuse })
      await skipping.publisher.drain()
      assert.deepEqual(skipping.ids, ['s:1', 's:2'])
      const holding = context.process({ name: 'holding', retry: NEVER, publish: refuse })
      await holding.publisher.drain()
      assert.deepEqual(holding.ids, ['s:1'])
      assert.equal((await holding.publisher.lag()).heldStreams, 1)
    },
  },
  {
    id: 'fail-4', title: 'a payload that cannot be read, or brought up to date, never reaches the publish function',
    async run(context) {
      const broken = { payload: Buffer.from('{'), contentType: 'application/json' }
      await context.append('s', 1, broken)
      await context.append('s', 1, { manifest: 'circle' })
      await context.append('s', 1, { manifest: 'throws' })
      await context.append('s', 1, { manifest: 'nothing' })
      await context.append('s', 1)
      const each = context.process({
        onFailure: 'dead_letter',
        upcast: {
          circle: (payload) => ({ manifest: 'circle', payload }),
          throws: () => {
            throw new Error('no')
          },
          nothing: () => undefined as never,
        },
      })
      await each.publisher.drain()
      assert.deepEqual(each.ids, ['s:5'])
      const dead = await context.store.progress.deadLetters({ publisher: NAME, scope: undefined, after: 0n, limit: 10 })
      assert.deepEqual(dead.map(({ sequence }) => sequence), [1n, 2n, 3n, 4n])
    },
  },
  {
    id: 'fail-5', title: 'the policy may say that the publisher stops; started again it tries again',
    async run(context) {
      await context.append('s', 3)
      const failing = await context.started({
        onFailure: () => 'stop', maxAttempts: 2,
        publish: ({ sequence }) => {
          if (sequence === 2n) throw new Error('full stop')
        },
      })
      await context.until(() => failing.publisher.failure !== undefined)
      await failing.publisher[Symbol.asyncDispose]()
      assert.match(failing.publisher.failure?.message ?? '', /full stop/)
      assert.deepEqual(failing.ids, ['s:1', 's:2', 's:2'])
      const next = await context.started()
      await context.until(() => next.ids.includes('s:3'))
      assert.deepEqual(next.ids, ['s:2', 's:3'])
      assert.equal(next.published[0]?.attempt, 3)
    },
  },
  {
    id: 'fail-6', title: 'a destination that asks for time costs no try',
    async run(context) {
      await context.append('s', 1)
      let asked = 0
      const each = await context.started({
        onFailure: 'dead_letter', maxAttempts: 1,
        publish: () => {
          asked += 1
          if (asked <= 5) throw throttledError('slow down', 1)
        },
      })
      await context.until(() => each.published.length === 6)
      await each.publisher.drain()
      assert.deepEqual(each.published.map(({ attempt }) => attempt), [1, 1, 1, 1, 1, 1])
      assert.equal(each.publisher.counters().deadLettered, 0)
    },
  },
  {
    id: 'fail-7', title: 'a publication that takes too long has failed, and its signal is aborted',
    async run(context) {
      await context.append('s', 2)
      let signal: AbortSignal | undefined
      const each = await context.started({
        timeoutMs: 30,
        publish: ({ attempt }, context_) => {
          if (attempt > 1 || signal !== undefined) return
          ;({ signal } = context_)
          return new Promise(() => undefined)
        },
      })
      await context.until(() => each.ids.includes('s:2'))
      assert.deepEqual([each.ids, signal?.aborted], [['s:1', 's:1', 's:2'], true])
    },
  },
  {
    id: 'fail-8', title: 'streams that are held outlive the process, with their tries',
    async run(context) {
      await context.append('bad', 3)
      await context.append('good', 1)
      const first = context.process({
        retry: NEVER,
        publish: ({ stream }) => {
          if (stream === 'bad') throw new Error('down')
        },
      })
      await first.publisher.drain()
      await first.publisher.stop()
      const [held] = await context.store.progress.holds({ publisher: NAME, slots: 2n ** 64n - 1n, limit: 10 })
      assert.deepEqual([held?.stream, held?.from, held?.to, held?.attempts], ['bad', 1n, 3n, 1])
      assert.match(held?.error ?? '', /down/)
      await context.append('bad', 1)
      const second = context.process()
      await second.publisher.drain()
      assert.deepEqual(second.ids, [], 'tried before its time')
      await second.publisher.stop()
      await context.store.progress.rewind({
        publisher: NAME, scope: SCOPE, stream: 'bad', slot: held?.slot ?? assert.fail(), from: 1n, to: 4n,
      })
      const third = await context.started()
      await context.until(() => third.ids.includes('bad:4'))
      assert.deepEqual(third.ids, ['bad:1', 'bad:2', 'bad:3', 'bad:4'])
    },
  },
  {
    id: 'fail-9', title: 'a save that fails, before or after it took effect, loses nothing and repeats little',
    async run(context) {
      const { progress } = context.store
      let saves = 0
      const faulty = new Proxy(progress, {
        get: (target, name) => (name !== 'save' ? Reflect.get(target, name, target)?.bind?.(target)
          : async (request: Parameters<typeof target.save>[0]) => {
            saves += 1
            if (saves % 3 === 1) throw new WaybillError('STORE_UNAVAILABLE', 'gone before', { retryable: true })
            const answer = await target.save(request)
            if (saves % 3 === 2) throw new WaybillError('STORE_UNAVAILABLE', 'gone after', { retryable: true })
            return answer
          }),
      })
      const names = [...await context.append('a', 5), ...await context.append('b', 5)]
      const each = context.process({ batch: 2, leaseMs: 10 * LEASE_MS }, { progress: faulty })
      await each.publisher.start()
      await context.until(() => each.published.length === 10)
      await each.publisher.drain()
      await each.publisher.stop()
      context.checkLog(names)
      assert.ok(saves >= 3, `${saves} saves`)
      const next = context.process()
      await next.publisher.drain()
      assert.deepEqual(next.ids, [])
    },
  },
  {
    id: 'fail-10', title: 'a cursor of another journal stops the publisher with EPOCH_CHANGED',
    async run(context) {
      await context.append('s', 1)
      const { cursor } = await context.journal.readAll()
      const text = Buffer.from(cursor, 'base64url').toString().replace(/^\["[^"]*"/, '["another"')
      const foreign = Buffer.from(text).toString('base64url')
      const each = await context.started({ start: { cursor: foreign } })
      await assert.rejects(each.publisher.drain(), { code: 'EPOCH_CHANGED' })
      assert.equal(each.publisher.failure?.code, 'EPOCH_CHANGED')
    },
  },
]
