/** `clock-*`: the store's clock, and nothing else, decides what is due and what has expired. */
import assert from 'node:assert/strict'
import { MAX_TIME } from '../../core/validate.js'
import type { OutboxCase } from './case.js'
import { idsOf, LEASE_MS, only } from './context.js'

const HOUR_MS = 3_600_000

export const clockCases: readonly OutboxCase[] = [
  {
    id: 'clock-1',
    title: 'without a time a message is due at its enqueue, so a retry is not starved by newer ones',
    async run(context) {
      const retried =
        await context.putAndSettle({}, (id) => ({ id, kind: 'retry', error: 'busy', retryInMs: 5 }))
      context.clock.advance(10)
      const fresh = await context.putMany(3)
      assert.equal((await context.get(fresh[0] ?? '')).availableAt, context.clock.now())
      assert.deepEqual(await context.drain({ limit: 2 }), [retried, ...fresh])
    },
  },
  {
    id: 'clock-2', title: 'an explicit 0 stays 0 and comes before everything else',
    async run(context) {
      const plain = await context.put()
      const first = await context.put({ availableAt: 0 })
      assert.equal((await context.get(first)).availableAt, 0)
      assert.deepEqual(await context.drain(), [first, plain])
    },
  },
  {
    id: 'clock-3',
    title: 'the latest time of all is stored and not due; a delay is counted from the store\'s now',
    async run(context) {
      const never = await context.put({ availableAt: MAX_TIME })
      const delayed = await context.put({ delayMs: HOUR_MS })
      assert.equal((await context.get(never)).availableAt, MAX_TIME)
      assert.equal((await context.get(delayed)).availableAt, context.clock.now() + HOUR_MS)
      context.clock.advance(HOUR_MS - 1)
      await context.nothingDue()
      context.clock.advance(1)
      assert.deepEqual(await context.drain(), [delayed])
      assert.equal(only(await context.outbox.stats()).scheduled, 1)
    },
  },
  {
    id: 'clock-4', title: 'retryAt keeps any time from 0 to the latest',
    async run(context) {
      for (const retryAt of [MAX_TIME, 0]) {
        const id = await context.putAndSettle({},
          (failed) => ({ id: failed, kind: 'retry', error: 'x', retryAt }))
        const message = await context.get(id)
        assert.equal(message.status, 'pending')
        assert.equal(message.availableAt, retryAt)
      }
    },
  },
  {
    id: 'clock-5', title: 'the clock jumps an hour ahead: leases end, nothing is lost, claims go on',
    async run(context) {
      const ids = await context.putMany(3)
      const old = await context.takeOne()
      context.clock.advance(HOUR_MS)
      const later = await context.put()
      assert.deepEqual((await context.drain()).toSorted(), [...ids, later])
      assert.equal(await context.outbox.ack(old.message.id, old.token), false)
    },
  },
  {
    id: 'clock-6',
    title: 'the clock goes back an hour: no lease ends early, owners settle, new messages are delivered',
    async run(context) {
      const [held = '', waiting = ''] = await context.putMany(2)
      const { token } = await context.takeOne()
      context.clock.advance(-HOUR_MS)
      const fresh = await context.put()
      const seen = await context.drain({ consumer: 'worker-2' })
      assert.ok(seen.includes(fresh), 'a message enqueued after the clock went back is not due')
      assert.ok(!seen.includes(held), 'a live lease was broken')
      assert.equal(await context.outbox.ack(held, token), true)
      context.clock.advance(HOUR_MS + LEASE_MS)
      seen.push(...await context.drain())
      assert.deepEqual(seen.toSorted(), [waiting, fresh].toSorted())
    },
  },
  {
    id: 'clock-7',
    title: 'the clock goes back while a claim is held and lost: it expires at the time it was given',
    async run(context) {
      const id = await context.put()
      const claim = await context.take()
      context.clock.advance(-HOUR_MS)
      await context.nothingDue()
      context.clock.set(claim.leaseExpiresAt - 1)
      await context.nothingDue()
      context.clock.set(claim.leaseExpiresAt)
      assert.deepEqual(idsOf((await context.take()).messages), [id])
    },
  },
  {
    id: 'clock-8',
    title: 'a delayed message is due exactly at its time, and its delay survives a settle of others',
    async run(context) {
      const delayed = await context.put({ delayMs: 100 })
      const plain = await context.put()
      assert.deepEqual(await context.drain(), [plain])
      context.clock.advance(99)
      await context.nothingDue()
      context.clock.advance(1)
      assert.deepEqual(await context.drain(), [delayed])
    },
  },
  {
    id: 'clock-9', title: 'among equal times, messages come in insertion order',
    async run(context) {
      const at = context.clock.now() - 7
      const ids = [...await context.putMany(5, { availableAt: at }),
        ...await context.putMany(5, { availableAt: at })]
      assert.deepEqual(await context.drain({ limit: 3 }), ids)
    },
  },
  {
    id: 'clock-10', title: 'the store\'s own clock is the time of day', settings: { realClock: true },
    async run(context) {
      const before = await context.get(await context.put())
      const claim = await context.take({ leaseMs: 60_000 })
      const after = await context.get(await context.put())
      assert.ok(before.createdAt > 1_700_000_000_000 && Number.isInteger(before.createdAt))
      assert.ok(after.createdAt >= before.createdAt)
      assert.equal(before.availableAt, before.createdAt)
      assert.ok(claim.leaseExpiresAt >= before.createdAt + 60_000
        && claim.leaseExpiresAt <= after.createdAt + 60_000)
    },
  },
]
