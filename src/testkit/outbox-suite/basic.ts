/** `A-*`: the rules every leased work queue of this kind has kept, by their established numbers. */
import assert from 'node:assert/strict'
import { MAX_SCOPE_BYTES } from '../../core/limits.js'
import { scopedKey, scopeId, unscopedKey } from '../../core/scope.js'
import { OUTBOX_STATUSES, type OutboxMessage } from '../../outbox/message.js'
import { forEachSeed } from '../random.js'
import type { OutboxCase } from './case.js'
import { idsOf, LANE, LEASE_MS, only, rejectsWith, TARGET, type OutboxContext } from './context.js'

export const basicCases: readonly OutboxCase[] = [
  {
    id: 'A-01', title: 'a claim takes the oldest, counts an attempt, and is acked once',
    async run(context) {
      const [first] = await context.putMany(2)
      const { token, message } = await context.takeOne()
      assert.equal(message.id, first)
      assert.equal(message.attemptCount, 1)
      assert.equal(await context.outbox.ack(message.id, token), true)
      assert.equal(await context.outbox.ack(message.id, token), false)
      assert.deepEqual(idsOf(await context.outbox.list({ status: 'delivered' })), [first])
    },
  },
  {
    id: 'A-02', title: 'a claim keeps to its lane, its target, what is due, and its limit',
    async run(context) {
      const due = await context.putMany(3)
      await context.put({ lane: 'another' })
      await context.put({ target: 'another' })
      await context.put({ availableAt: context.clock.now() + 1 })
      assert.deepEqual(idsOf((await context.take({ limit: 2 })).messages), due.slice(0, 2))
      assert.deepEqual(idsOf((await context.take({ limit: 2 })).messages), due.slice(2))
      await context.nothingDue()
    },
  },
  {
    id: 'A-03', title: 'an expired claim is claimed by another, at the very millisecond of its expiry',
    async run(context) {
      const id = await context.put()
      const first = await context.take({ consumer: 'worker-1' })
      assert.equal(first.leaseExpiresAt, context.clock.now() + LEASE_MS)
      context.clock.advance(LEASE_MS - 1)
      await context.nothingDue({ consumer: 'worker-2' })
      context.clock.advance(1)
      const { token, message } = await context.takeOne({ consumer: 'worker-2' })
      assert.equal(message.id, id)
      assert.equal(message.attemptCount, 2)
      assert.equal(message.claimedBy, 'worker-2')
      assert.notEqual(token, first.token)
    },
  },
  {
    id: 'A-04', title: 'the owner of an expired claim cannot settle; the new owner can',
    async run(context) {
      const id = await context.put()
      const old = await context.takeOne()
      context.clock.advance(LEASE_MS)
      const current = await context.takeOne({ consumer: 'worker-2' })
      assert.equal(await context.outbox.ack(id, old.token), false)
      assert.equal(await context.outbox.nack(id, old.token, 'late', { retryInMs: 0 }), 'lost_claim')
      assert.equal((await context.get(id)).claimedBy, 'worker-2')
      assert.equal(await context.outbox.ack(id, current.token), true)
    },
  },
  {
    id: 'A-05', title: 'a nack makes the message due at the time it names, not a millisecond earlier',
    async run(context) {
      const retryAt = context.clock.now() + 5_000
      const id = await context.put()
      const { token } = await context.takeOne()
      assert.equal(await context.outbox.nack(id, token, 'busy', { retryAt }), 'requeued')
      const requeued = await context.get(id)
      assert.equal(requeued.status, 'pending')
      assert.equal(requeued.lastError, 'busy')
      assert.equal(requeued.claimToken, undefined)
      context.clock.set(retryAt - 1)
      await context.nothingDue()
      context.clock.set(retryAt)
      assert.equal((await context.takeOne()).message.attemptCount, 2)
    },
  },
  {
    id: 'A-06', title: 'a nack at the last attempt makes a dead letter with the last error',
    async run(context) {
      const id = await context.put({ maxAttempts: 2 })
      assert.equal(await failOnce(context, 'first error'), 'requeued')
      assert.equal(await failOnce(context, 'second error'), 'dead_lettered')
      const dead = await context.get(id)
      assert.equal(dead.status, 'dead_letter')
      assert.equal(dead.lastError, 'second error')
      assert.equal(dead.attemptCount, 2)
      await context.nothingDue()
    },
  },
  {
    id: 'A-07', title: 'attempts that ended by lease expiry are counted',
    async run(context) {
      await context.put({ maxAttempts: 2 })
      await context.takeOne()
      context.clock.advance(LEASE_MS)
      const { token, message } = await context.takeOne()
      assert.equal(await context.outbox.nack(message.id, token, 'no', { retryInMs: 0 }), 'dead_lettered')
    },
  },
  {
    id: 'A-08', title: 'the same key and content answers the first message; other content is a CONFLICT',
    async run(context) {
      const draft = { dedupeKey: 'order-7', payload: { total: 12 } }
      const first = only(await context.enqueue(draft))
      assert.equal(first.created, true)
      assert.equal(first.message, undefined)
      const again = only(await context.enqueue(draft))
      assert.equal(again.created, false)
      assert.equal(again.id, first.id)
      assert.deepEqual(again.message, await context.get(first.id))
      const error = await rejectsWith('CONFLICT', () => context.enqueue({ ...draft, payload: { total: 13 } }))
      assert.equal(error.retryable, false)
      assert.equal((await context.outbox.list()).length, 1)
    },
  },
  {
    id: 'A-09', title: 'sixteen claims of one message at once: one gets it',
    async run(context) {
      const id = await context.put()
      const claims =
        await Promise.all(Array.from({ length: 16 }, (_, n) => context.claim({ consumer: `worker-${n}` })))
      const won = only(claims.filter((claim) => claim !== null))
      assert.deepEqual(idsOf(won.messages), [id])
      const message = await context.get(id)
      assert.equal(message.status, 'claimed')
      assert.equal(message.claimToken, won.token)
    },
  },
  {
    id: 'A-10', title: 'sixteen enqueues with one key at once: one message, no error',
    async run(context) {
      const results =
        await Promise.all(Array.from({ length: 16 }, () => context.enqueue({ dedupeKey: 'once' })))
      assert.equal(new Set(results.flat().map(({ id }) => id)).size, 1)
      assert.equal(results.flat().filter(({ created }) => created).length, 1)
      assert.equal((await context.outbox.list()).length, 1)
    },
  },
  {
    id: 'A-11', title: 'property: as many messages as distinct keys, each id that of its first enqueue',
    run: (context) => forEachSeed(context.seeds(48), async (random, seed) => {
      const lane = `lane-${seed}`
      const firsts = new Map<string, string>()
      for (let step = random.integer(1, 12); step > 0; step -= 1) {
        const dedupeKey = `key-${random.integer(0, 5)}`
        const repeats = Array.from({ length: random.integer(1, 2) }, () => ({ lane, dedupeKey }))
        const results = await context.enqueue(...repeats)
        for (const { id } of results) {
          if (!firsts.has(dedupeKey)) firsts.set(dedupeKey, id)
          assert.equal(id, firsts.get(dedupeKey))
        }
      }
      assert.equal((await context.outbox.list({ lane })).length, firsts.size)
    }),
  },
  {
    id: 'A-12', title: 'property: claims come in the order (availableAt, id), with owner, attempt and lease',
    run: (context) => forEachSeed(context.seeds(48), async (random, seed) => {
      const lane = `lane-${seed}`
      const now = context.clock.now()
      const times = Array.from({ length: random.integer(1, 12) }, () => now + random.integer(-4, 4))
      const ids = idsOf(await context.enqueue(...times.map((availableAt) => ({ lane, availableAt }))))
      const expected = ids.map((id, n) => ({ id, at: times[n] ?? 0 })).filter(({ at }) => at <= now)
        .sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))
      const claimed = await claimAll(context, lane, random.integer(1, 5))
      assert.deepEqual(idsOf(claimed), idsOf(expected))
      for (const message of claimed) {
        assert.equal(message.claimedBy, 'worker-1')
        assert.equal(message.attemptCount, 1)
        assert.equal(message.leaseExpiresAt, now + LEASE_MS)
      }
    }),
  },
  {
    id: 'A-13', title: 'a message exists if and only if its transaction committed',
    async run(context) {
      const kept = await context.begin()
      const [result] = await context.enqueueIn(kept, {})
      await kept.commit()
      const dropped = await context.begin()
      await context.enqueueIn(dropped, {}, {})
      await dropped.rollback()
      assert.deepEqual(idsOf(await context.outbox.list()), [result?.id])
      assert.deepEqual(await context.drain(), [result?.id])
    },
  },
  {
    id: 'A-14', title: 'migrating again changes nothing; fresh messages have their defaults',
    async run(context) {
      const id = await context.put({ key: 'customer-1' })
      await Promise.all([context.store.migrate(), context.store.migrate(), context.store.migrate()])
      const { payload, ...fresh } = await context.get(id)
      const now = context.clock.now()
      assert.equal(Buffer.from(payload).toString(), '{"n":1}')
      assert.deepEqual(fresh, {
        id, scope: context.scope, lane: LANE, target: TARGET, type: 'order.placed', key: 'customer-1',
        contentType: 'application/json', headers: {}, dedupeKey: undefined, status: 'pending',
        availableAt: now,
        attemptCount: 0, maxAttempts: 20, claimedBy: undefined, claimToken: undefined,
        leaseExpiresAt: undefined,
        lastError: undefined, redrivenAt: undefined, createdAt: now, updatedAt: now,
      })
      await rejectsWith('VALIDATION', () => context.put({ lane: ' ' }))
      const ids = await context.putEachStatus({ lane: 'each' })
      for (const status of OUTBOX_STATUSES) assert.equal((await context.get(ids[status])).status, status)
    },
  },
  {
    id: 'A-60', title: 'scope names are checked, and scoped keys are injective and prefix-free, also nested',
    async run() {
      for (const bad of ['', ' ', '\t', 'a\u0000b', 'a\u0085b', 'x'.repeat(MAX_SCOPE_BYTES + 1),
        'é'.repeat(257), '\ud800']) {
        await rejectsWith('VALIDATION', async () => scopeId(bad))
      }
      const names = ['a', ' a', 'a:', '1:a', 'a:b', 'é', 'é:', 'scope:1:a:', '☃'].map(scopeId)
      const nested = names.flatMap((outer) => names.map((inner) => scopeId(scopedKey(outer, inner))))
      assert.equal(scopedKey(scopeId('é'), 'v'), 'scope:2:é:v')
      for (const scope of [...names, ...nested]) {
        assert.equal(JSON.parse(JSON.stringify(scope)), scope)
        assert.equal(unscopedKey(scope, scopedKey(scope, 'b:c')), 'b:c')
        for (const other of [...names, ...nested]) {
          if (other === scope) continue
          assert.equal(scopedKey(other, 'v').startsWith(scopedKey(scope, '')), false)
          assert.equal(unscopedKey(scope, scopedKey(other, 'v')), undefined)
        }
      }
    },
  },
]

async function failOnce(context: OutboxContext, error: string): Promise<string> {
  const { token, message } = await context.takeOne()
  return context.outbox.nack(message.id, token, error, { retryInMs: 0 })
}

async function claimAll(context: OutboxContext, lane: string, limit: number): Promise<OutboxMessage[]> {
  const messages: OutboxMessage[] = []
  for (;;) {
    const claim = await context.claim({ lane, limit })
    if (claim === null) return messages
    assert.ok(claim.messages.length <= limit)
    messages.push(...claim.messages)
    assert.ok(messages.length <= 1_000, 'claims do not end')
  }
}
