/** `dedupe-1…`: what a repeated key answers, and for how long, in one transaction at a time. */
import assert from 'node:assert/strict'
import { scopeId } from '../../core/scope.js'
import type { OutboxMessageDraft } from '../../outbox/message.js'
import { ScopedOutboxStore } from '../../outbox/scoped-store.js'
import type { OutboxCase } from './case.js'
import { draftOf, idsOf, only, outboxOf, rejectsWith, type OutboxContext } from './context.js'

const KEY = { dedupeKey: 'order-7' }
const HOUR_MS = 3_600_000

export const dedupeCases: readonly OutboxCase[] = [
  {
    id: 'dedupe-1',
    title: 'CONFLICT leaves the transaction usable, with its earlier messages and none of the batch',
    async run(context) {
      await context.put(KEY)
      const transaction = await context.begin()
      const before = idsOf(await context.enqueueIn(transaction, {}))
      await rejectsWith('CONFLICT', () => context.enqueueIn(
        transaction, { dedupeKey: 'a' }, { ...KEY, payload: 'other' }, { dedupeKey: 'z' }, {}))
      const after = idsOf(await context.enqueueIn(transaction, { dedupeKey: 'a', payload: 'now free' }))
      await transaction.commit()
      const [, ...rest] = await context.outbox.list()
      assert.deepEqual(idsOf(rest), [...before, ...after])
      assert.equal(only(await context.enqueue({ dedupeKey: 'z', payload: 'free too' })).created, true)
    },
  },
  {
    id: 'dedupe-2', title: 'a key twice in one batch makes one message',
    async run(context) {
      const [first, plain, second] = await context.enqueue(KEY, {}, KEY)
      assert.equal(first?.created, true)
      assert.equal(plain?.created, true)
      assert.deepEqual({ id: second?.id, created: second?.created }, { id: first?.id, created: false })
      assert.equal(second?.message?.status, 'pending')
      assert.equal((await context.outbox.list()).length, 2)
    },
  },
  {
    id: 'dedupe-3',
    title: 'a key twice in one batch with different content is a CONFLICT, and nothing is written',
    async run(context) {
      await rejectsWith('CONFLICT', () => context.enqueue({}, KEY, { ...KEY, payload: 'other' }))
      assert.deepEqual(await context.outbox.list(), [])
      assert.equal(only(await context.enqueue({ ...KEY, payload: 'other' })).created, true)
    },
  },
  {
    id: 'dedupe-4',
    title: 'a key repeated inside its transaction answers the uncommitted message; rollback frees it',
    async run(context) {
      const transaction = await context.begin()
      const first = only(await context.enqueueIn(transaction, KEY))
      const again = only(await context.enqueueIn(transaction, KEY))
      assert.deepEqual({ id: again.id, created: again.created }, { id: first.id, created: false })
      assert.equal(again.message?.id, first.id)
      await transaction.rollback()
      assert.equal(only(await context.enqueue({ ...KEY, payload: 'other' })).created, true)
    },
  },
  {
    id: 'dedupe-5', title: 'a delivered message is answered while it is retained',
    async run(context) {
      const id = await context.putAndSettle(KEY, (settled) => ({ id: settled, kind: 'ack' }))
      const again = only(await context.enqueue(KEY))
      assert.deepEqual({ id: again.id, created: again.created }, { id, created: false })
      assert.equal(again.message?.status, 'delivered')
      await context.nothingDue()
    },
  },
  {
    id: 'dedupe-6', title: 'a delivered and deleted message is answered by its id alone',
    settings: { retainDeliveredMs: 0 },
    async run(context) {
      const id = await context.putAndSettle(KEY, (settled) => ({ id: settled, kind: 'ack' }))
      assert.equal(await context.outbox.get(id), undefined)
      assert.deepEqual(only(await context.enqueue(KEY)), { id, created: false, message: undefined })
      await rejectsWith('CONFLICT', () => context.enqueue({ ...KEY, payload: 'other' }))
      await context.nothingDue()
    },
  },
  {
    id: 'dedupe-7', title: 'a dead letter keeps its key',
    async run(context) {
      const id = await context.putAndSettle(KEY,
        (settled) => ({ id: settled, kind: 'dead', error: 'no such user' }))
      const again = only(await context.enqueue(KEY))
      assert.equal(again.id, id)
      assert.equal(again.message?.status, 'dead_letter')
      await rejectsWith('CONFLICT', () => context.enqueue({ ...KEY, payload: 'other' }))
    },
  },
  {
    id: 'dedupe-8',
    title: 'a key is forgotten when its message was delivered exactly as long ago as asked, not sooner',
    settings: { retainDeliveredMs: 0 },
    async run(context) {
      const first = await context.putAndSettle(KEY, (id) => ({ id, kind: 'ack' }))
      context.clock.advance(HOUR_MS - 1)
      assert.equal((await context.outbox.purge({ dedupeOlderThanMs: HOUR_MS })).dedupeKeys, 0)
      assert.equal(only(await context.enqueue(KEY)).created, false)
      context.clock.advance(1)
      assert.equal((await context.outbox.purge({ dedupeOlderThanMs: HOUR_MS })).dedupeKeys, 1)
      const again = only(await context.enqueue({ ...KEY, payload: 'other' }))
      assert.equal(again.created, true)
      assert.notEqual(again.id, first)
    },
  },
  {
    id: 'dedupe-9', title: 'a purge forgets no key of a message that is pending, claimed or a dead letter',
    async run(context) {
      await context.putAndSettle({ dedupeKey: 'dead' }, (id) => ({ id, kind: 'dead', error: 'no' }))
      await context.put({ dedupeKey: 'claimed' })
      await context.takeOne()
      await context.put({ dedupeKey: 'pending' })
      context.clock.advance(HOUR_MS)
      assert.equal((await context.outbox.purge({ dedupeOlderThanMs: 0 })).dedupeKeys, 0)
      for (const dedupeKey of ['dead', 'claimed', 'pending']) {
        assert.equal(only(await context.enqueue({ dedupeKey })).created, false, dedupeKey)
      }
    },
  },
  {
    id: 'dedupe-10', title: 'a key outlives its purged message, delivered or dead',
    async run(context) {
      const delivered = await context.putAndSettle({ dedupeKey: 'delivered' }, (id) => ({ id, kind: 'ack' }))
      const dead =
        await context.putAndSettle({ dedupeKey: 'dead' }, (id) => ({ id, kind: 'dead', error: 'no' }))
      const purged = await context.outbox.purge({ deliveredOlderThanMs: 0, deadOlderThanMs: 0 })
      assert.deepEqual(purged, { delivered: 1, deadLetters: 1, dedupeKeys: 0 })
      assert.deepEqual(await context.enqueue({ dedupeKey: 'delivered' }, { dedupeKey: 'dead' }), [
        { id: delivered, created: false, message: undefined },
        { id: dead, created: false, message: undefined },
      ])
    },
  },
  {
    id: 'dedupe-11', title: 'JSON that means the same is the same content',
    async run(context) {
      await sameContent(context, { payload: { a: 1, b: { c: [1, { d: 2, e: 3 }] } } },
        { payload: { b: { c: [1, { e: 3, d: 2 }] }, a: 1 } })
      await sameContent(context, { payload: [1, 100, -0] }, { payload: [1.0, 1e2, 0] })
      await sameContent(context, { payload: { a: 1, b: undefined } }, { payload: { a: 1 } })
      await sameContent(context, { payload: 'é' }, { payload: '\u00e9' })
    },
  },
  {
    id: 'dedupe-12', title: 'headers, times and attempts are no content; the first message stays as it was',
    async run(context) {
      const at = context.clock.now() + 5
      await sameContent(context, { headers: { a: '1' }, availableAt: at },
        { headers: { b: '2' }, delayMs: 60_000, maxAttempts: 1 })
      const message = only(await context.outbox.list())
      assert.deepEqual(message.headers, { a: '1' })
      assert.equal(message.availableAt, at)
      assert.equal(message.maxAttempts, 20)
    },
  },
  {
    id: 'dedupe-13', title: 'type, key, content type and payload are content',
    async run(context) {
      const bytes = Buffer.from('{}')
      await context.enqueue({ ...KEY, key: 'k', payload: bytes, contentType: 'application/json' })
      for (const other of [{ type: 'order.paid' }, { key: undefined }, { key: 'null' },
        { contentType: 'text/plain' }, { payload: Buffer.from('{ }') }]) {
        await rejectsWith('CONFLICT', () => context.enqueue(
          { ...KEY, key: 'k', payload: bytes, contentType: 'application/json', ...other }))
      }
    },
  },
  {
    id: 'dedupe-14', title: 'a key is one identity per lane, target and scope',
    async run(context) {
      const views = ['a', 'b'].map((name) => outboxOf(new ScopedOutboxStore(context.store, scopeId(name))))
      const results = [
        ...await context.enqueue(KEY, { ...KEY, lane: 'other' }, { ...KEY, target: 'other' },
          { ...KEY, payload: 'other', lane: 'third' }),
        ...await Promise.all(views.map((view, n) => view.enqueueAlone(draftOf({ ...KEY, payload: n })))),
      ]
      assert.ok(results.every(({ created }) => created))
      assert.equal(new Set(results.map(({ id }) => id)).size, 6)
    },
  },
  {
    id: 'dedupe-15',
    title: 'names that differ only in case, accents, spaces or a cut between them are different',
    async run(context) {
      const keys = ['a', 'A', 'a ', ' a', 'á', 'a\u0301', '1', '01', '1.0']
      const lanes: Partial<OutboxMessageDraft>[] =
        [{ lane: 'a', target: 'b:c' }, { lane: 'a:b', target: 'c' }, { lane: 'a","b', target: 'c' }]
      const results = await context.enqueue(
        ...keys.map((dedupeKey, n) => ({ dedupeKey, payload: n })),
        ...lanes.map((lane, n) => ({ ...lane, ...KEY, payload: n })))
      assert.ok(results.every(({ created }) => created))
    },
  },
]

async function sameContent(
  context: OutboxContext, first: Partial<OutboxMessageDraft>, second: Partial<OutboxMessageDraft>,
): Promise<void> {
  const dedupeKey = JSON.stringify(first.payload ?? 'none')
  const [kept] = await context.enqueue({ dedupeKey, ...first })
  const [again] = await context.enqueue({ dedupeKey, ...second })
  assert.deepEqual({ id: again?.id, created: again?.created }, { id: kept?.id, created: false })
}
