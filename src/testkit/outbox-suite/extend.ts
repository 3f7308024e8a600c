/** `extend-*`: whose lease may be moved, and what that does. */
import assert from 'node:assert/strict'
import type { OutboxCase } from './case.js'
import { idsOf, LEASE_MS, only } from './context.js'

export const extendCases: readonly OutboxCase[] = [
  {
    id: 'extend-1', title: 'an extended claim does not expire before its new time',
    async run(context) {
      const ids = await context.putMany(2)
      const { token } = await context.take()
      context.clock.advance(LEASE_MS - 1)
      const expiry = context.clock.now() + 60_000
      assert.equal(await context.outbox.extend(token, 60_000), expiry)
      for (const id of ids) assert.equal((await context.get(id)).leaseExpiresAt, expiry)
      context.clock.set(expiry - 1)
      await context.nothingDue()
      assert.equal(await context.outbox.ack(ids[0] ?? '', token), true)
      context.clock.set(expiry)
      assert.deepEqual(idsOf((await context.take()).messages), ids.slice(1))
    },
  },
  {
    id: 'extend-2', title: 'claims that are unknown, settled or taken over are not extended',
    async run(context) {
      assert.equal(await context.outbox.extend('nobody', LEASE_MS), null)
      const settled = await context.put()
      const first = await context.takeOne()
      await context.outbox.ack(settled, first.token)
      assert.equal(await context.outbox.extend(first.token, LEASE_MS), null)
      const expired = await context.put()
      const old = await context.takeOne()
      context.clock.advance(LEASE_MS)
      const current = await context.takeOne({ consumer: 'worker-2' })
      assert.equal(await context.outbox.extend(old.token, 10 * LEASE_MS), null)
      assert.equal((await context.get(expired)).leaseExpiresAt, context.clock.now() + LEASE_MS)
      assert.equal(await context.outbox.ack(expired, current.token), true)
    },
  },
  {
    id: 'extend-3', title: 'a claim stays extendable while one of its messages is unsettled',
    async run(context) {
      const [first = '', second = ''] = await context.putMany(2)
      const { token } = await context.take()
      await context.outbox.ack(first, token)
      assert.notEqual(await context.outbox.extend(token, 2 * LEASE_MS), null)
      assert.equal((await context.get(second)).leaseExpiresAt, context.clock.now() + 2 * LEASE_MS)
      await context.outbox.release(token, [second])
      assert.equal(await context.outbox.extend(token, LEASE_MS), null)
    },
  },
  {
    id: 'extend-4', title: 'extending moves the lease of that claim only, also to an earlier time',
    async run(context) {
      const [first = '', second = ''] = await context.putMany(2)
      const one = await context.takeOne()
      await context.takeOne()
      assert.equal(await context.outbox.extend(one.token, 10), context.clock.now() + 10)
      context.clock.advance(10)
      assert.equal(only((await context.take()).messages).id, first)
      assert.equal((await context.get(second)).attemptCount, 1)
    },
  },
]
