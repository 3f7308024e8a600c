/** `settle-*`: how attempts end, and who may end them. */
import assert from 'node:assert/strict'
import type { SettleOutcome } from '../../outbox/contract.js'
import type { OutboxCase } from './case.js'
import { LEASE_MS } from './context.js'

export const settleCases: readonly OutboxCase[] = [
  {
    id: 'settle-1', title: 'mixed outcomes are answered in their order',
    async run(context) {
      const [acked = '', retried = '', dead = '', released = ''] = await context.putMany(4)
      const { token } = await context.take()
      const outcomes: SettleOutcome[] = [
        { id: released, kind: 'release' }, { id: acked, kind: 'ack' }, { id: 'no-such-id', kind: 'ack' },
        { id: dead, kind: 'dead', error: 'gone' },
        { id: retried, kind: 'retry', error: 'busy', retryInMs: 1_000 },
      ]
      assert.deepEqual(await context.outbox.settle(token, outcomes),
        ['released', 'delivered', 'lost_claim', 'dead_lettered', 'requeued'])
      const states = await Promise.all([acked, retried, dead, released].map((id) => context.get(id)))
      assert.deepEqual(states.map(({ status }) => status), ['delivered', 'pending', 'dead_letter', 'pending'])
      assert.deepEqual(states.map(({ lastError }) => lastError), [undefined, 'busy', 'gone', undefined])
      assert.deepEqual(states.map(({ attemptCount }) => attemptCount), [1, 1, 1, 0])
      for (const { claimedBy, claimToken, leaseExpiresAt } of states) {
        assert.deepEqual([claimedBy, claimToken, leaseExpiresAt], [undefined, undefined, undefined])
      }
    },
  },
  {
    id: 'settle-2',
    title: 'unknown ids, ids of other claims, and settled ids answer lost_claim and change nothing',
    async run(context) {
      const [first = '', second = '', third = ''] = await context.putMany(3)
      const one = await context.takeOne()
      const two = await context.takeOne()
      const before = await Promise.all([second, third].map((id) => context.get(id)))
      const answers = await context.outbox.settle(one.token, [
        { id: second, kind: 'ack' }, { id: third, kind: 'dead', error: 'x' },
        { id: `${first}0`, kind: 'ack' },
        { id: `x${first}`, kind: 'release' },
      ])
      assert.deepEqual(answers, ['lost_claim', 'lost_claim', 'lost_claim', 'lost_claim'])
      assert.deepEqual(await Promise.all([second, third].map((id) => context.get(id))), before)
      assert.equal(await context.outbox.ack(second, two.token), true)
      assert.equal(await context.outbox.ack(first, one.token), true)
      assert.equal(await context.outbox.nack(first, one.token, 'late', { retryInMs: 0 }), 'lost_claim')
      assert.equal((await context.get(first)).status, 'delivered')
    },
  },
  {
    id: 'settle-3', title: 'the same id twice in one call: the first outcome counts',
    async run(context) {
      const [id = ''] = await context.putMany(1)
      const { token } = await context.take()
      assert.deepEqual(await context.outbox.settle(token, [
        { id, kind: 'ack' }, { id, kind: 'dead', error: 'x' }, { id, kind: 'ack' },
      ]), ['delivered', 'lost_claim', 'lost_claim'])
      assert.equal((await context.get(id)).status, 'delivered')
    },
  },
  {
    id: 'settle-4', title: 'a wrong token changes nothing',
    async run(context) {
      const id = await context.put()
      const { token } = await context.takeOne()
      const before = await context.get(id)
      for (const wrong of ['nobody', `${token} `, `${token}0`, token.slice(0, -1), '%']) {
        assert.equal(await context.settleOne(wrong, { id, kind: 'ack' }), 'lost_claim')
        assert.equal(await context.settleOne(wrong, { id, kind: 'retry', error: 'x', retryInMs: 0 }),
          'lost_claim')
        assert.equal(await context.settleOne(wrong, { id, kind: 'release' }), 'lost_claim')
      }
      assert.deepEqual(await context.get(id), before)
    },
  },
  {
    id: 'settle-5', title: 'after expiry, until somebody claims, the owner still settles',
    async run(context) {
      const id = await context.put()
      const { token } = await context.takeOne()
      context.clock.advance(10 * LEASE_MS)
      assert.equal((await context.get(id)).status, 'claimed')
      assert.equal(await context.outbox.ack(id, token), true)
      await context.nothingDue()
    },
  },
  {
    id: 'settle-6', title: 'a claim is settled in parts; the rest expires and is claimed by another',
    async run(context) {
      const ids = await context.putMany(5)
      const { token } = await context.take()
      for (const id of ids.slice(0, 3)) assert.equal(await context.outbox.ack(id, token), true)
      context.clock.advance(LEASE_MS)
      assert.deepEqual(await context.drain({ consumer: 'worker-2' }), ids.slice(3))
      assert.equal(await context.outbox.ack(ids[4] ?? '', token), false)
    },
  },
  {
    id: 'settle-7', title: 'release gives the attempt back, at once or after a while',
    async run(context) {
      const id = await context.put({ maxAttempts: 1 })
      for (let round = 0; round < 3; round += 1) {
        const { token, message } = await context.takeOne()
        assert.equal(message.attemptCount, 1)
        assert.deepEqual(await context.outbox.release(token, [id]), ['released'])
        assert.equal((await context.get(id)).attemptCount, 0)
      }
      const { token } = await context.takeOne()
      assert.equal(await context.settleOne(token, { id, kind: 'release', retryInMs: 500 }), 'released')
      assert.equal((await context.get(id)).availableAt, context.clock.now() + 500)
      context.clock.advance(499)
      await context.nothingDue()
      context.clock.advance(1)
      assert.equal((await context.takeOne()).message.attemptCount, 1)
    },
  },
  {
    id: 'settle-8',
    title: 'release after a failed attempt gives back only its own attempt, and keeps the error',
    async run(context) {
      const id = await context.putAndSettle({},
        (failed) => ({ id: failed, kind: 'retry', error: 'first', retryInMs: 0 }))
      const { token, message } = await context.takeOne()
      assert.equal(message.attemptCount, 2)
      await context.outbox.release(token, [id])
      const released = await context.get(id)
      assert.equal(released.attemptCount, 1)
      assert.equal(released.lastError, 'first')
    },
  },
  {
    id: 'settle-9', title: 'a retry at a time that has passed is due at once',
    async run(context) {
      for (const retryAt of [0, context.clock.now() - 1, context.clock.now()]) {
        const id = await context.putAndSettle({},
          (failed) => ({ id: failed, kind: 'retry', error: 'x', retryAt }))
        const { token, message } = await context.takeOne()
        assert.equal(message.id, id)
        await context.outbox.ack(id, token)
      }
    },
  },
  {
    id: 'settle-10', title: 'dead makes a dead letter with attempts left',
    async run(context) {
      const id = await context.putAndSettle({ maxAttempts: 20 },
        (failed) => ({ id: failed, kind: 'dead', error: 'no such user' }))
      const dead = await context.get(id)
      assert.deepEqual([dead.status, dead.lastError, dead.attemptCount], ['dead_letter', 'no such user', 1])
      context.clock.advance(10 * LEASE_MS)
      await context.nothingDue()
    },
  },
  {
    id: 'settle-11', title: 'the last error is kept after a later success',
    async run(context) {
      const id = await context.putAndSettle({},
        (failed) => ({ id: failed, kind: 'retry', error: 'busy', retryInMs: 0 }))
      const { token } = await context.takeOne()
      await context.outbox.ack(id, token)
      const delivered = await context.get(id)
      assert.deepEqual([delivered.status, delivered.lastError, delivered.attemptCount],
        ['delivered', 'busy', 2])
    },
  },
  {
    id: 'settle-12', title: 'a thousand outcomes in one call',
    async run(context) {
      const ids = await context.putMany(1_000)
      const { token } = await context.take({ limit: 1_000 })
      const kinds = ids.map((id, n): SettleOutcome =>
        (n % 2 === 0 ? { id, kind: 'ack' } : { id, kind: 'dead', error: `error ${n}` }))
      const answers = await context.outbox.settle(token, kinds)
      assert.deepEqual(answers, ids.map((_, n) => (n % 2 === 0 ? 'delivered' : 'dead_lettered')))
      const dead = await context.outbox.list({ status: 'dead_letter', limit: 1_000 })
      assert.deepEqual(dead.map(({ lastError }) => lastError),
        ids.map((_, n) => `error ${n}`).filter((_, n) => n % 2 === 1))
    },
  },
  {
    id: 'settle-13', title: 'settling concurrently ends each attempt once',
    async run(context) {
      const ids = await context.putMany(20)
      const { token } = await context.take()
      const answers = await Promise.all(Array.from({ length: 4 },
        () => context.outbox.settle(token, ids.map((id) => ({ id, kind: 'ack' })))))
      assert.equal(answers.flat().filter((answer) => answer === 'delivered').length, 20)
      assert.equal(answers.flat().filter((answer) => answer === 'lost_claim').length, 60)
    },
  },
]
