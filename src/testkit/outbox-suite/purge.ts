/** `purge-*`: what is removed, when, and how much at once. */
import assert from 'node:assert/strict'
import type { OutboxCase } from './case.js'
import { idsOf, only } from './context.js'

const HOUR_MS = 3_600_000
const NOTHING = { delivered: 0, deadLetters: 0, dedupeKeys: 0 }

export const purgeCases: readonly OutboxCase[] = [
  {
    id: 'purge-1', title: 'delivered messages go when exactly as old as asked, not sooner',
    async run(context) {
      const id = await context.putAndSettle({}, (settled) => ({ id: settled, kind: 'ack' }))
      context.clock.advance(HOUR_MS - 1)
      assert.deepEqual(await context.outbox.purge({ deliveredOlderThanMs: HOUR_MS }), NOTHING)
      context.clock.advance(1)
      assert.deepEqual(await context.outbox.purge({ deliveredOlderThanMs: HOUR_MS }),
        { ...NOTHING, delivered: 1 })
      assert.equal(await context.outbox.get(id), undefined)
      assert.deepEqual(await context.outbox.list(), [])
    },
  },
  {
    id: 'purge-2', title: 'dead letters go when they died exactly as long ago as asked, not sooner',
    async run(context) {
      const id = await context.put()
      context.clock.advance(HOUR_MS)
      const { token } = await context.takeOne()
      await context.settleOne(token, { id, kind: 'dead', error: 'no' })
      context.clock.advance(HOUR_MS - 1)
      assert.deepEqual(await context.outbox.purge({ deadOlderThanMs: HOUR_MS }), NOTHING)
      context.clock.advance(1)
      assert.deepEqual(await context.outbox.purge({ deadOlderThanMs: HOUR_MS }),
        { ...NOTHING, deadLetters: 1 })
      assert.equal(await context.outbox.get(id), undefined)
    },
  },
  {
    id: 'purge-3', title: 'what is pending or claimed is never purged, and what is not asked for stays',
    async run(context) {
      const ids = await context.putEachStatus({ maxAttempts: 5 })
      context.clock.advance(HOUR_MS)
      assert.deepEqual(await context.outbox.purge({}), NOTHING)
      assert.deepEqual(await context.outbox.purge({ deliveredOlderThanMs: 0 }), { ...NOTHING, delivered: 1 })
      assert.equal((await context.get(ids.dead_letter)).status, 'dead_letter')
      assert.deepEqual(await context.outbox.purge({ deadOlderThanMs: 0, dedupeOlderThanMs: 0 }),
        { ...NOTHING, deadLetters: 1 })
      assert.deepEqual(idsOf(await context.outbox.list()), [ids.claimed, ids.pending])
    },
  },
  {
    id: 'purge-4', title: 'a call removes at most its limit of each kind; the next goes on',
    settings: { retainDeliveredMs: HOUR_MS },
    async run(context) {
      const drafts = Array.from({ length: 25 }, (_, n) => ({ dedupeKey: `key-${n}` }))
      const ids = idsOf(await context.enqueue(...drafts))
      const claim = await context.take()
      await context.outbox.settle(claim.token,
        ids.map((id, n) => (n < 13 ? { id, kind: 'ack' } : { id, kind: 'dead', error: 'x' })))
      const removed = { ...NOTHING }
      for (let calls = 0; calls < 6; calls += 1) {
        const { delivered, deadLetters } =
          await context.outbox.purge({ deliveredOlderThanMs: 0, deadOlderThanMs: 0, limit: 5 })
        assert.ok(delivered <= 5 && deadLetters <= 5)
        removed.delivered += delivered
        removed.deadLetters += deadLetters
      }
      for (let calls = 0; calls < 6; calls += 1) {
        const { dedupeKeys } = await context.outbox.purge({ dedupeOlderThanMs: 0, limit: 5 })
        assert.ok(dedupeKeys <= 5)
        removed.dedupeKeys += dedupeKeys
      }
      assert.deepEqual(removed, { delivered: 13, deadLetters: 12, dedupeKeys: 25 })
      assert.deepEqual(await context.outbox.list(), [])
    },
  },
  {
    id: 'purge-5', title: 'with a retention of 0 an ack deletes', settings: { retainDeliveredMs: 0 },
    async run(context) {
      const ids = await context.putMany(3)
      const { token } = await context.takeOne()
      assert.equal(await context.outbox.ack(ids[0] ?? '', token), true)
      assert.equal(await context.outbox.ack(ids[0] ?? '', token), false)
      assert.deepEqual(idsOf(await context.outbox.list()), ids.slice(1))
      assert.deepEqual(await context.outbox.purge({ deliveredOlderThanMs: 0 }), NOTHING)
      assert.equal(only(await context.outbox.stats()).delivered, 0)
    },
  },
  {
    id: 'purge-6', title: 'within its retention a delivered message stays listed, whatever else happens',
    settings: { retainDeliveredMs: HOUR_MS },
    async run(context) {
      const id = await context.putAndSettle({}, (settled) => ({ id: settled, kind: 'ack' }))
      context.clock.advance(HOUR_MS - 1)
      for (let n = 0; n < 5; n += 1) {
        await context.putAndSettle({}, (settled) => ({ id: settled, kind: 'ack' }))
      }
      assert.equal((await context.get(id)).status, 'delivered')
      assert.equal((await context.outbox.list({ status: 'delivered' })).length, 6)
    },
  },
  {
    id: 'purge-7', title: 'purging while others claim and settle removes only what had ended',
    settings: { retainDeliveredMs: HOUR_MS },
    async run(context) {
      const ids = await context.putMany(200)
      let purged = 0
      await Promise.all([
        context.drain({ limit: 7 }), context.drain({ limit: 7 }),
        (async () => {
          for (let n = 0; n < 20; n += 1) {
            const { delivered } = await context.outbox.purge({ deliveredOlderThanMs: 0, limit: 20 })
            purged += delivered
          }
        })(),
      ])
      const rest = await context.outbox.list({ limit: 1_000 })
      assert.ok(rest.every(({ status }) => status === 'delivered'))
      assert.equal(purged + rest.length, ids.length)
    },
  },
  {
    id: 'purge-8', title: 'a dry run counts what would go, at most its limit, and removes nothing',
    settings: { retainDeliveredMs: 60_000 },
    async run(context) {
      await context.putMany(3, {})
      await context.drain()
      await context.putAndSettle({ dedupeKey: 'order-7' }, (id) => ({ id, kind: 'ack' }))
      await context.putAndSettle({}, (id) => ({ id, kind: 'dead', error: 'gone' }))
      context.clock.advance(100)
      await context.putAndSettle({}, (id) => ({ id, kind: 'ack' }))
      const before = await context.outbox.list()
      const all = { deliveredOlderThanMs: 100, deadOlderThanMs: 100, dedupeOlderThanMs: 100 }
      const expected = { delivered: 4, deadLetters: 1, dedupeKeys: 1 }
      assert.deepEqual(await context.outbox.purge({ ...all, dryRun: true }), expected)
      assert.deepEqual(await context.outbox.purge({ ...all, dryRun: true, limit: 2 }), { ...expected, delivered: 2 })
      assert.deepEqual(await context.outbox.list(), before)
      assert.deepEqual(await context.outbox.purge(all), expected)
    },
  },
  {
    id: 'purge-9', title: 'a dedupe key goes by its own age and when asked for, not with what else is purged',
    async run(context) {
      const draft = { dedupeKey: 'order-7' }
      const id = await context.putAndSettle(draft, (settled) => ({ id: settled, kind: 'ack' }))
      context.clock.advance(30 * 24 * HOUR_MS)
      await context.putAndSettle({}, (settled) => ({ id: settled, kind: 'ack' }))
      await context.outbox.purge({ deliveredOlderThanMs: 0, deadOlderThanMs: 0 })
      assert.deepEqual(idsOf(await context.enqueue(draft)), [id])
      assert.deepEqual(await context.outbox.purge({ dedupeOlderThanMs: 24 * HOUR_MS }), { ...NOTHING, dedupeKeys: 1 })
      assert.notDeepEqual(idsOf(await context.enqueue(draft)), [id])
    },
  },
]
