/** `redrive-*`, `failures-*`, `pause-*`: what operators do with a queue. */
import assert from 'node:assert/strict'
import type { OutboxCase } from './case.js'
import { idsOf, LANE, LEASE_MS, only, TARGET, type OutboxContext } from './context.js'

export const redriveCases: readonly OutboxCase[] = [
  {
    id: 'redrive-1', title: 'a redriven dead letter is due at once, with all its attempts and its history',
    async run(context) {
      const id = await putDead(context, { maxAttempts: 2 })
      context.clock.advance(50)
      assert.deepEqual(await context.outbox.redrive([id]), ['redriven'])
      const waiting = await context.get(id)
      assert.equal(waiting.status, 'pending')
      assert.equal(waiting.attemptCount, 0)
      assert.equal(waiting.availableAt, context.clock.now())
      assert.equal(waiting.redrivenAt, context.clock.now())
      assert.equal(waiting.lastError, 'no such address')
      for (const attempt of [1, 2]) {
        const { token, message } = await context.takeOne()
        assert.equal(message.id, id)
        assert.equal(message.attemptCount, attempt)
        assert.equal(message.redrivenAt, waiting.redrivenAt)
        await context.outbox.nack(id, token, `again ${attempt}`, { retryInMs: 0 })
      }
      assert.equal((await context.get(id)).status, 'dead_letter')
      assert.deepEqual((await context.outbox.failures(id)).map(({ error }) => error),
        ['no such address', 'again 1', 'again 2'])
      assert.deepEqual(await context.outbox.redrive([id]), ['redriven'])
    },
  },
  {
    id: 'redrive-2', title: 'what is no dead letter answers not_dead and stays as it is',
    async run(context) {
      const { delivered, dead_letter: dead, claimed, pending } = await context.putEachStatus()
      const before = await context.outbox.list()
      const ids = ['no-such-message', delivered, claimed, pending]
      for (const action of ['redrive', 'discard'] as const) {
        assert.deepEqual(await context.outbox[action](ids), ids.map(() => 'not_dead'))
      }
      assert.deepEqual(await context.outbox.list(), before)
      assert.deepEqual(await context.outbox.redrive([pending, dead, dead, delivered]),
        ['not_dead', 'redriven', 'not_dead', 'not_dead'])
      assert.deepEqual(await context.outbox.redrive([]), [])
    },
  },
  {
    id: 'redrive-3', title: 'a discarded dead letter is gone, and its dedupe key has left',
    settings: { retainDeliveredMs: 60_000 },
    async run(context) {
      const draft = { dedupeKey: 'order-7' }
      const id = await putDead(context, draft)
      const kept = await putDead(context, {})
      assert.deepEqual(await context.outbox.discard([id, id]), ['discarded', 'not_dead'])
      assert.equal(await context.outbox.get(id), undefined)
      assert.deepEqual(idsOf(await context.outbox.list()), [kept])
      assert.deepEqual(await context.outbox.failures(id), [])
      const again = only(await context.enqueue(draft))
      assert.deepEqual([again.created, again.id, again.message], [false, id, undefined])
      context.clock.advance(1_000)
      assert.equal((await context.outbox.purge({ dedupeOlderThanMs: 1_000 })).dedupeKeys, 1)
      assert.equal(only(await context.enqueue(draft)).created, true)
    },
  },
  {
    id: 'redrive-4', title: 'redriven while others claim, each dead letter is claimed once',
    async run(context) {
      const ids = await Promise.all(Array.from({ length: 20 }, () => context.put()))
      const claim = await context.take()
      await context.outbox.settle(claim.token, ids.map((id) => ({ id, kind: 'dead', error: 'gone' })))
      const answers = await Promise.all([1, 2, 3, 4].map(() => context.outbox.redrive(ids)))
      const redriven = answers.flat().filter((answer) => answer === 'redriven')
      assert.equal(redriven.length, 20, 'each is redriven by one of the four')
      assert.deepEqual((await context.drain()).toSorted(), ids.toSorted())
    },
  },
  {
    id: 'failures-1', title: 'every failed attempt is kept in order, with its time, its consumer and its error',
    async run(context) {
      const id = await context.put()
      const start = context.clock.now()
      const first = await context.takeOne({ consumer: 'worker-7' })
      await context.outbox.nack(id, first.token, 'busy', { retryInMs: 0 })
      await context.take({ consumer: 'worker-8', limit: 1 })
      context.clock.advance(LEASE_MS)
      const third = await context.takeOne({ consumer: 'worker-9' })
      await context.outbox.release(third.token, [id])
      const last = await context.takeOne({ consumer: 'worker-9' })
      await context.settleOne(last.token, { id, kind: 'dead', error: 'gone' })
      const failures = await context.outbox.failures(id)
      assert.match(failures[1]?.error ?? '', /lease expired/)
      assert.deepEqual(failures.map(({ attempt, failedAt, consumer }) => [attempt, failedAt - start, consumer]),
        [[1, 0, 'worker-7'], [2, LEASE_MS, 'worker-8'], [3, LEASE_MS, 'worker-9']])
      assert.deepEqual([failures[0]?.error, failures[2]?.error], ['busy', 'gone'])
      assert.deepEqual(await context.outbox.failures('no-such-message'), [])
    },
  },
  {
    id: 'pause-1', title: 'a paused target or lane has nothing due; what is claimed is still settled',
    async run(context) {
      const [one = '', two = ''] = await context.putMany(2)
      const elsewhere = await context.put({ target: 'billing' })
      const { token, message } = await context.takeOne()
      await context.outbox.pause({ lane: LANE, target: TARGET })
      await context.outbox.pause({ lane: LANE, target: TARGET })
      await context.nothingDue()
      assert.deepEqual((await context.outbox.settings()).paused, [{ lane: LANE, target: TARGET }])
      assert.equal(await context.outbox.ack(message.id, token), true)
      assert.equal(message.id, one)
      assert.deepEqual(await context.drain({ target: 'billing' }), [elsewhere])
      await context.outbox.resume({ lane: LANE, target: TARGET })
      assert.deepEqual(await context.drain(), [two])
    },
  },
  {
    id: 'pause-2', title: 'pausing a lane pauses all its targets, also those paused alone, until each is resumed',
    async run(context) {
      await context.put()
      const other = await context.put({ target: 'billing' })
      await context.outbox.pause({ lane: LANE })
      await context.outbox.pause({ lane: LANE, target: TARGET })
      await context.nothingDue()
      await context.nothingDue({ target: 'billing' })
      await context.outbox.resume({ lane: LANE })
      await context.outbox.resume({ lane: LANE })
      assert.deepEqual(await context.drain({ target: 'billing' }), [other])
      await context.nothingDue()
      await context.outbox.resume({ lane: LANE, target: TARGET })
      assert.deepEqual((await context.outbox.settings()).paused, [])
      assert.equal((await context.drain()).length, 1)
    },
  },
]

/** One dead letter, by a failure that is final. */
export async function putDead(context: OutboxContext, draft: Parameters<OutboxContext['put']>[0]): Promise<string> {
  return context.putAndSettle(draft ?? {}, (id) => ({ id, kind: 'dead', error: 'no such address' }))
}
