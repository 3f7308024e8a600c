/** `suspect-*`: lease expiry, and how a message that kills its process is found and its neighbours live. */
import assert from 'node:assert/strict'
import type { OutboxCase } from './case.js'
import { idsOf, LEASE_MS, only, type OutboxContext } from './context.js'

export const suspectCases: readonly OutboxCase[] = [
  {
    id: 'suspect-1',
    title: 'the messages of an expired claim are claimed alone, in order, each attempt counted',
    async run(context) {
      const ids = await context.putMany(4)
      assert.equal((await context.take()).suspect, false)
      context.clock.advance(LEASE_MS)
      for (const id of ids) {
        const claim = await context.take()
        const message = only(claim.messages)
        assert.equal(claim.suspect, true)
        assert.equal(message.id, id)
        assert.equal(message.attemptCount, 2)
      }
      await context.nothingDue()
    },
  },
  {
    id: 'suspect-2', title: 'a message alone in its claim dies by expiry at its last attempt',
    async run(context) {
      const id = await context.put({ maxAttempts: 2 })
      for (const attempt of [1, 2]) {
        assert.equal((await context.takeOne()).message.attemptCount, attempt)
        context.clock.advance(LEASE_MS)
      }
      await context.nothingDue()
      const dead = await context.get(id)
      assert.equal(dead.status, 'dead_letter')
      assert.match(dead.lastError ?? '', /lease expired/i)
      assert.equal(dead.attemptCount, 2)
      assert.equal(dead.claimToken, undefined)
    },
  },
  {
    id: 'suspect-3',
    title: 'messages that shared a claim do not die by its expiry at their last attempt, but get one alone',
    async run(context) {
      const [first = '', second = ''] = await context.putMany(2, { maxAttempts: 1 })
      await context.take()
      context.clock.advance(LEASE_MS)
      const alone = await context.take()
      assert.equal(alone.suspect, true)
      assert.equal(only(alone.messages).id, first)
      assert.equal(await context.outbox.ack(first, alone.token), true)
      assert.equal(only((await context.take()).messages).id, second)
      context.clock.advance(LEASE_MS)
      await context.nothingDue()
      assert.equal((await context.get(first)).status, 'delivered')
      assert.equal((await context.get(second)).status, 'dead_letter')
    },
  },
  {
    id: 'suspect-4', title: 'a suspect that fails in the ordinary way is a suspect no more',
    async run(context) {
      await context.putMany(2)
      await context.take()
      context.clock.advance(LEASE_MS)
      for (let n = 0; n < 2; n += 1) {
        const { token, message } = await context.takeOne()
        await context.outbox.nack(message.id, token, 'busy', { retryInMs: 10 })
      }
      context.clock.advance(10)
      const claim = await context.take()
      assert.equal(claim.messages.length, 2)
      assert.equal(claim.suspect, false)
    },
  },
  {
    id: 'suspect-5',
    title: 'a message that kills its process dies after its attempts; its 99 neighbours are delivered',
    async run(context) {
      const ids = await context.putMany(100, { maxAttempts: 3 })
      const killer = ids[41] ?? ''
      const { delivered, claims } = await runUntilQuiet(context, (messages) => messages.includes(killer))
      assert.deepEqual(delivered.toSorted(), ids.filter((id) => id !== killer))
      const dead = await context.get(killer)
      assert.equal(dead.status, 'dead_letter')
      assert.ok(dead.attemptCount >= 3 && dead.attemptCount <= 4, `took ${dead.attemptCount} attempts`)
      assert.ok(claims <= 110, `took ${claims} claims`)
    },
  },
  {
    id: 'suspect-6', title: 'suspects and other due messages both get their turn',
    async run(context) {
      const suspects = await context.putMany(3)
      await context.take()
      context.clock.advance(LEASE_MS)
      const others = await context.putMany(5)
      const seen: string[] = []
      for (let claims = 0; seen.length < 8; claims += 1) {
        assert.ok(claims < 10, `after ${claims} claims, ${seen.length} of 8 messages were claimed`)
        const claim = await context.take()
        const hasSuspect = idsOf(claim.messages).some((id) => suspects.includes(id))
        assert.equal(claim.suspect, hasSuspect)
        if (hasSuspect) assert.equal(claim.messages.length, 1)
        seen.push(...idsOf(claim.messages))
      }
      assert.deepEqual(seen.toSorted(), [...suspects, ...others])
    },
  },
  {
    id: 'suspect-7', title: 'a suspect that expires alone again is claimed alone again',
    async run(context) {
      await context.putMany(2, { maxAttempts: 5 })
      await context.take()
      for (let attempt = 2; attempt <= 5; attempt += 1) {
        context.clock.advance(LEASE_MS)
        for (let n = 0; n < 2; n += 1) {
          const claim = await context.take()
          assert.equal(claim.suspect, true)
          assert.equal(only(claim.messages).attemptCount, attempt)
        }
      }
      context.clock.advance(LEASE_MS)
      await context.nothingDue()
      assert.equal((await context.outbox.list({ status: 'dead_letter' })).length, 2)
    },
  },
  {
    id: 'suspect-8',
    title: 'what a claim had settled before it expired stays settled; only the rest are suspects',
    async run(context) {
      const [acked = '', failed = '', left = '', last = ''] = await context.putMany(4)
      const { token } = await context.take()
      await context.outbox.settle(token, [
        { id: acked, kind: 'ack' }, { id: failed, kind: 'retry', error: 'busy', retryInMs: LEASE_MS + 1 },
      ])
      context.clock.advance(LEASE_MS)
      for (const id of [left, last]) {
        const claim = await context.take()
        assert.equal(claim.suspect, true)
        assert.equal(only(claim.messages).id, id)
      }
      await context.nothingDue()
      context.clock.advance(1)
      const retried = await context.take()
      assert.equal(retried.suspect, false)
      assert.equal(only(retried.messages).id, failed)
      assert.equal((await context.get(acked)).status, 'delivered')
    },
  },
  {
    id: 'suspect-9', title: 'a message sent first time beside nothing is no suspect',
    async run(context) {
      await context.put()
      assert.equal((await context.take()).suspect, false)
    },
  },
]

/** Workers that settle everything they claim, except that a claim `kills` never settles. */
async function runUntilQuiet(
  context: OutboxContext, kills: (ids: readonly string[]) => boolean,
): Promise<{ delivered: string[]; claims: number }> {
  const delivered: string[] = []
  let [claims, idle] = [0, 0]
  while (idle < 2) {
    const claim = await context.claim()
    if (claim === null) {
      idle += 1
      context.clock.advance(LEASE_MS)
      continue
    }
    idle = 0
    claims += 1
    assert.ok(claims <= 1_000, 'still busy after 1,000 claims')
    if (kills(idsOf(claim.messages))) {
      // The process is gone and comes back when its lease is over.
      context.clock.advance(LEASE_MS)
      continue
    }
    delivered.push(...idsOf(claim.messages))
    await context.ackAll(claim)
  }
  return { delivered, claims }
}
