/** `fault-*`: what a caller can rely on when a call fails, or when it took effect and the answer was lost. */
import assert from 'node:assert/strict'
import { isWaybillError } from '../../core/errors.js'
import type { Outbox } from '../../outbox/outbox.js'
import { faultyOutboxStore, type Fault, type FaultPlan } from '../faulty-outbox-store.js'
import { forEachSeed, type SeededRandom } from '../random.js'
import type { OutboxCase } from './case.js'
import { claimOf, draftOf, idsOf, LEASE_MS, outboxOf, rejectsWith, type OutboxContext } from './context.js'

export const faultCases: readonly OutboxCase[] = [
  {
    id: 'fault-1', title: 'a settle that failed before it took effect is repeated with success',
    async run(context) {
      const outbox = faulty(context, { settle: ['before'] })
      const id = await context.put()
      const { token } = await context.takeOne()
      await unavailable(() => outbox.ack(id, token))
      assert.equal((await context.get(id)).status, 'claimed')
      assert.equal(await outbox.ack(id, token), true)
    },
  },
  {
    id: 'fault-2',
    title: 'a settle whose answer was lost answers lost_claim when repeated; nothing is lost or done twice',
    async run(context) {
      const outbox = faulty(context, { settle: ['after'] })
      const [acked = '', failed = '', dead = '', released = ''] = await context.putMany(4)
      const { token } = await context.take()
      const settle = (): Promise<unknown> => outbox.settle(token, [
        { id: acked, kind: 'ack' }, { id: failed, kind: 'retry', error: 'busy', retryInMs: 5 },
        { id: dead, kind: 'dead', error: 'gone' }, { id: released, kind: 'release' },
      ])
      await unavailable(settle)
      const before = await context.outbox.list()
      assert.deepEqual(await settle(), ['lost_claim', 'lost_claim', 'lost_claim', 'lost_claim'])
      assert.deepEqual(await context.outbox.list(), before)
      assert.deepEqual(before.map(({ status, attemptCount }) => [status, attemptCount]),
        [['delivered', 1], ['pending', 1], ['dead_letter', 1], ['pending', 0]])
    },
  },
  {
    id: 'fault-3',
    title: 'a claim whose answer was lost is recovered when its lease is over, its attempt counted',
    async run(context) {
      const outbox = faulty(context, { claim: ['after'] })
      const ids = await context.putMany(3, { maxAttempts: 1 })
      await unavailable(() => outbox.claim(claimOf({})))
      assert.equal(await outbox.claim(claimOf({})), null)
      context.clock.advance(LEASE_MS)
      assert.deepEqual(await context.drain(), ids)
      for (const { attemptCount, status } of await context.outbox.list()) {
        assert.deepEqual([attemptCount, status], [2, 'delivered'])
      }
    },
  },
  {
    id: 'fault-4', title: 'a commit whose answer was lost, repeated with a dedupe key, makes one message',
    async run(context) {
      const outbox = faulty(context, { transaction: ['before', 'after'] })
      const draft = draftOf({ dedupeKey: 'order-7' })
      await unavailable(() => outbox.enqueueAlone(draft))
      assert.deepEqual(await context.outbox.list(), [])
      await unavailable(() => outbox.enqueueAlone(draft))
      const { id, created } = await outbox.enqueueAlone(draft)
      assert.equal(created, false)
      assert.deepEqual(await context.drain(), [id])
    },
  },
  {
    id: 'fault-5',
    title: 'a failed enqueue leaves the decision to the caller: roll back, or repeat and commit',
    async run(context) {
      const draft = draftOf({ dedupeKey: 'order-7' })
      const dropped = await context.begin()
      await unavailable(() => faulty(context, { enqueueMany: ['after'] }).enqueue(dropped.tx, draft))
      await dropped.rollback()
      const kept = await context.begin()
      const outbox = faulty(context, { enqueueMany: ['before', 'after'] })
      await unavailable(() => outbox.enqueue(kept.tx, draft))
      await unavailable(() => outbox.enqueue(kept.tx, draft))
      const { id } = await outbox.enqueue(kept.tx, draft)
      await kept.commit()
      assert.deepEqual(idsOf(await context.outbox.list()), [id])
    },
  },
  {
    id: 'fault-6', title: 'an extend or purge whose answer was lost may be repeated',
    async run(context) {
      const outbox = faulty(context, { extend: ['before', 'after'], purge: ['after'] })
      await context.putAndSettle({}, (id) => ({ id, kind: 'dead', error: 'x' }))
      await context.put()
      const { token } = await context.takeOne()
      await unavailable(() => outbox.extend(token, 50_000))
      await unavailable(() => outbox.extend(token, 60_000))
      assert.equal(await outbox.extend(token, 70_000), context.clock.now() + 70_000)
      await unavailable(() => outbox.purge({ deadOlderThanMs: 0 }))
      assert.deepEqual(await outbox.purge({ deadOlderThanMs: 0 }),
        { delivered: 0, deadLetters: 0, dedupeKeys: 0 })
      assert.equal((await context.outbox.list()).length, 1)
    },
  },
  {
    id: 'fault-7',
    title: 'an ack held up until another owner has the message is false and does not end that claim',
    async run(context) {
      const id = await context.put()
      const { token } = await context.takeOne()
      let taken: string | undefined
      const outbox = faulty(context, {
        settle: [async () => {
          context.clock.advance(LEASE_MS)
          taken = (await context.takeOne({ consumer: 'worker-2' })).token
        }],
      })
      assert.equal(await outbox.ack(id, token), false)
      assert.equal((await context.get(id)).claimToken, taken)
      assert.equal(await context.outbox.ack(id, taken ?? ''), true)
    },
  },
  {
    id: 'fault-8',
    title: 'property: with faults everywhere, every committed message is delivered, and none that was not',
    run: (context) => forEachSeed(context.seeds(5), async (random, seed) => {
      const lane = `lane-${seed}`
      const outbox =
        faulty(context, { rest: () => random.pick<Fault>(['none', 'none', 'none', 'before', 'after']) })
      for (let n = 0; n < 20; n += 1) {
        await untilAnswered(() =>
          outbox.enqueueAlone(draftOf({ lane, dedupeKey: `${seed}-${n}`, maxAttempts: 1_000 })))
      }
      const stored = idsOf(await context.outbox.list({ lane }))
      assert.equal(stored.length, 20)
      await deliverThrough(context, outbox, lane, random)
      const after = await context.outbox.list({ lane })
      assert.deepEqual(idsOf(after), stored)
      assert.ok(after.every(({ status }) => status === 'delivered'))
    }),
  },
]

function faulty(context: OutboxContext, plan: FaultPlan): Outbox<unknown> {
  return outboxOf(faultyOutboxStore(context.store, plan))
}

function unavailable(work: () => Promise<unknown>): Promise<unknown> {
  return rejectsWith('STORE_UNAVAILABLE', work)
}

async function untilAnswered<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 0; tries < 100; tries += 1) {
    try {
      return await call()
    } catch (error) {
      if (!isWaybillError(error, 'STORE_UNAVAILABLE')) throw error
    }
  }
  return assert.fail('no answer in 100 tries')
}

/** A worker that repeats what failed, and waits for the lease where it cannot know. */
async function deliverThrough(
  context: OutboxContext, outbox: Outbox<unknown>, lane: string, random: SeededRandom,
): Promise<void> {
  const isDone = async (): Promise<boolean> =>
    (await context.outbox.list({ lane })).every(({ status }) => status === 'delivered')
  for (let rounds = 0; rounds < 2_000; rounds += 1) {
    const claim = await untilAnswered(() => outbox.claim(claimOf({ lane, limit: random.integer(1, 5) })))
    if (claim === null) {
      if (await isDone()) return
      context.clock.advance(LEASE_MS)
      continue
    }
    await untilAnswered(() =>
      outbox.settle(claim.token, claim.messages.map(({ id }) => ({ id, kind: 'ack' }))))
  }
  assert.fail('not delivered after 2,000 rounds')
}
