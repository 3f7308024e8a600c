/** `get-*`, `list-*`, `stats-*`: what can be seen of messages without touching them. */
import assert from 'node:assert/strict'
import { OUTBOX_STATUSES } from '../../outbox/message.js'
import type { ListOptions } from '../../outbox/outbox.js'
import type { OutboxCase } from './case.js'
import { idsOf, LANE, LEASE_MS, only, TARGET, type OutboxContext } from './context.js'

export const inspectCases: readonly OutboxCase[] = [
  {
    id: 'get-1', title: 'a claimed message shows its owner, token, attempt and lease',
    async run(context) {
      const ids = await context.putMany(2)
      const claim = await context.take({ consumer: 'worker-9', leaseMs: 7_000 })
      for (const [n, id] of ids.entries()) {
        const message = await context.get(id)
        assert.deepEqual(message, claim.messages[n])
        assert.deepEqual(
          [message.status, message.claimedBy, message.claimToken, message.attemptCount,
            message.leaseExpiresAt],
          ['claimed', 'worker-9', claim.token, 1, context.clock.now() + 7_000])
      }
      assert.equal(claim.leaseExpiresAt, context.clock.now() + 7_000)
    },
  },
  {
    id: 'get-2', title: 'absent optionals are undefined and left out of JSON',
    async run(context) {
      const id = await context.put()
      const text = JSON.parse(JSON.stringify(await context.get(id))) as Record<string, unknown>
      for (const field of ['key', 'dedupeKey', 'claimedBy', 'claimToken', 'leaseExpiresAt', 'lastError']) {
        assert.equal(field in text, false, field)
      }
      assert.equal(Object.values(text).includes(null), false)
    },
  },
  {
    id: 'get-3', title: 'many ids at once: each once, without those that do not exist',
    async run(context) {
      const ids = await context.putMany(5)
      const asked = [...ids.slice(1, 4), 'no-such-id', ids[1] ?? '', '']
      assert.deepEqual(idsOf(await context.store.get(asked, undefined)).toSorted(), ids.slice(1, 4))
      assert.deepEqual(await context.store.get([], undefined), [])
      assert.equal(await context.outbox.get('no-such-id'), undefined)
    },
  },
  {
    id: 'get-4', title: 'a message changes its updatedAt when it is settled, and never its createdAt',
    async run(context) {
      const id = await context.put()
      const created = context.clock.now()
      context.clock.advance(10)
      const { token } = await context.takeOne()
      const settled = context.clock.advance(10)
      await context.outbox.ack(id, token)
      const { createdAt, updatedAt } = await context.get(id)
      assert.deepEqual({ createdAt, updatedAt }, { createdAt: created, updatedAt: settled })
    },
  },
  {
    id: 'list-1', title: 'filters by status, lane, target, key and scope, alone and together',
    async run(context) {
      const ids = await context.putEachStatus({ lane: 'filtered', key: 'k1' })
      const other = await context.put({ target: 'other', key: 'k2' })
      for (const status of OUTBOX_STATUSES) await lists(context, { status, lane: 'filtered' }, [ids[status]])
      const all = OUTBOX_STATUSES.map((status) => ids[status]).toSorted()
      await lists(context, { lane: 'filtered' }, all)
      await lists(context, { key: 'k1' }, all)
      await lists(context, { key: 'k2' }, [other])
      await lists(context, { target: 'other' }, [other])
      await lists(context, { target: TARGET }, all)
      await lists(context, { lane: LANE, target: TARGET }, [])
      await lists(context, { lane: 'filtered', target: TARGET, key: 'k1', status: 'pending',
        scope: context.scope }, [ids.pending])
    },
  },
  {
    id: 'list-2', title: 'pages over 250 messages in every state, each once and in order',
    async run(context) {
      const ids = await context.putMany(250)
      const claim = await context.take({ limit: 150 })
      await context.outbox.settle(claim.token, idsOf(claim.messages).slice(0, 100).map((id, n) => (
        n % 2 === 0 ? { id, kind: 'ack' } : { id, kind: 'dead', error: 'x' })))
      const paged = async (limit: number, filter: ListOptions): Promise<string[]> => {
        const seen: string[] = []
        for (;;) {
          const page = idsOf(await context.outbox.list({ ...filter, limit, after: seen.at(-1) }))
          assert.ok(page.length <= limit)
          if (page.length === 0) return seen
          assert.ok((page[0] ?? '') > (seen.at(-1) ?? ''), 'a page does not begin after its cursor')
          seen.push(...page)
        }
      }
      for (const limit of [1, 7, 100, 1_000]) assert.deepEqual(await paged(limit, {}), ids)
      assert.deepEqual(await paged(9, { status: 'delivered' }), ids.filter((_, n) => n < 100 && n % 2 === 0))
      assert.deepEqual(await paged(9, { status: 'dead_letter' }),
        ids.filter((_, n) => n < 100 && n % 2 === 1))
      assert.deepEqual(await paged(9, { status: 'claimed' }), ids.slice(100, 150))
      assert.deepEqual(await paged(9, { status: 'pending' }), ids.slice(150))
    },
  },
  {
    id: 'list-3', title: 'a limit of 0 is an empty page; the default is 100',
    async run(context) {
      const ids = await context.putMany(101)
      assert.deepEqual(await context.outbox.list({ limit: 0 }), [])
      assert.deepEqual(idsOf(await context.outbox.list()), ids.slice(0, 100))
      assert.deepEqual(await context.outbox.list({ after: ids[100] }), [])
    },
  },
  {
    id: 'list-4', title: 'a page goes on after a message that has been deleted',
    settings: { retainDeliveredMs: 0 },
    async run(context) {
      const ids = await context.putMany(6)
      const claim = await context.take({ limit: 3 })
      await context.ackAll(claim)
      assert.deepEqual(idsOf(await context.outbox.list({ after: ids[1] })), ids.slice(3))
    },
  },
  {
    id: 'stats-1', title: 'counts every state per lane and target, and the age of the oldest ready',
    async run(context) {
      assert.deepEqual(await context.outbox.stats(), [])
      await context.putEachStatus()
      await context.put({ delayMs: 3_000 })
      await context.putMany(2, { lane: 'other' })
      context.clock.advance(1_500)
      const counts =
        { ready: 1, scheduled: 1, claimed: 1, delivered: 1, deadLetter: 1, oldestReadyAgeMs: 1_500 }
      assert.deepEqual({ ...only(await context.outbox.stats({ lane: LANE })) },
        { lane: LANE, target: TARGET, ...counts })
      assert.deepEqual({ ...only(await context.outbox.stats({ lane: 'other', target: TARGET })) }, {
        lane: 'other', target: TARGET, ready: 2, scheduled: 0, claimed: 0, delivered: 0, deadLetter: 0,
        oldestReadyAgeMs: 1_500,
      })
      assert.equal((await context.outbox.stats()).length, 2)
      assert.deepEqual(await context.outbox.stats({ target: 'nobody' }), [])
    },
  },
  {
    id: 'stats-2',
    title: 'a scheduled message becomes ready at its time; the age counts from when it was due',
    async run(context) {
      await context.put({ delayMs: 100 })
      context.clock.advance(99)
      const before = only(await context.outbox.stats())
      assert.deepEqual([before.ready, before.scheduled, before.oldestReadyAgeMs], [0, 1, undefined])
      context.clock.advance(1)
      const due = only(await context.outbox.stats())
      assert.deepEqual([due.ready, due.scheduled, due.oldestReadyAgeMs], [1, 0, 0])
      context.clock.advance(50)
      assert.equal(only(await context.outbox.stats()).oldestReadyAgeMs, 50)
    },
  },
  {
    id: 'stats-3', title: 'counts stay right through expiry, retry, release and deletion',
    settings: { retainDeliveredMs: 0 },
    async run(context) {
      const [first = '', second = '', third = ''] = await context.putMany(3)
      const { token } = await context.take()
      await context.outbox.settle(token, [{ id: first, kind: 'ack' }, { id: second, kind: 'release' }])
      await counts(context, { ready: 1, claimed: 1, delivered: 0 })
      context.clock.advance(LEASE_MS)
      const seen = await context.drain()
      assert.deepEqual(seen.toSorted(), [second, third].toSorted())
      assert.deepEqual(await context.outbox.stats(), [])
    },
  },
]

async function lists(context: OutboxContext, options: ListOptions, ids: readonly string[]): Promise<void> {
  assert.deepEqual(idsOf(await context.outbox.list(options)), ids, JSON.stringify(options))
}

async function counts(
  context: OutboxContext, expected: { ready: number; claimed: number; delivered: number },
): Promise<void> {
  const { ready, claimed, delivered } = only(await context.outbox.stats())
  assert.deepEqual({ ready, claimed, delivered }, expected)
}
