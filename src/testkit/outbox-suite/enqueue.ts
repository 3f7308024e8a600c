/** `enqueue-*` and `close-*`: writing in bulk, identity of messages, and the end of a store. */
import assert from 'node:assert/strict'
import { isWaybillError } from '../../core/errors.js'
import { Outbox } from '../../outbox/outbox.js'
import type { OutboxCase } from './case.js'
import { claimOf, draftOf, idsOf, only, outboxOf, outcomeOf, rejectsWith } from './context.js'

export const enqueueCases: readonly OutboxCase[] = [
  {
    id: 'enqueue-1', title: 'ten thousand messages in one call keep their order',
    async run(context) {
      const results = await context.enqueue(...Array.from({ length: 10_000 }, (_, n) => ({ payload: n })))
      const ids = idsOf(results)
      assert.equal(new Set(ids).size, 10_000)
      assert.deepEqual(ids.toSorted(), ids)
      const first = await context.take({ limit: 1_000 })
      assert.deepEqual(first.messages.map(({ payload }) => Number(Buffer.from(payload).toString())),
        Array.from({ length: 1_000 }, (_, n) => n))
      await context.ackAll(first)
      assert.deepEqual(await context.drain({ limit: 1_000 }), ids.slice(1_000))
    },
  },
  {
    id: 'enqueue-2', title: 'an empty batch is no error and writes nothing',
    async run(context) {
      const transaction = await context.begin()
      assert.deepEqual(await context.outbox.enqueueMany(transaction.tx, []), [])
      await transaction.commit()
      assert.deepEqual(await context.outbox.list(), [])
      await context.nothingDue()
    },
  },
  {
    id: 'enqueue-3', title: 'before the commit nobody sees the message; after it everybody does',
    concurrent: true,
    async run(context) {
      const transaction = await context.begin()
      const ids = idsOf(await context.enqueueIn(transaction, { key: 'k' }, {}))
      await context.nothingDue()
      assert.deepEqual(await context.outbox.list(), [])
      assert.equal(await context.outbox.get(ids[0] ?? ''), undefined)
      assert.deepEqual(await context.outbox.stats(), [])
      await transaction.commit()
      assert.deepEqual(idsOf(await context.outbox.list()), ids)
      assert.deepEqual(await context.drain(), ids)
    },
    async serial(context) {
      const transaction = await context.begin()
      const ids = idsOf(await context.enqueueIn(transaction, {}))
      await transaction.commit()
      assert.deepEqual(await context.drain(), ids)
    },
  },
  {
    id: 'enqueue-4', title: 'ids sort in insertion order across calls, transactions and a rollback',
    async run(context) {
      const ids: string[] = []
      for (let n = 0; n < 10; n += 1) {
        ids.push(...await context.putMany(3))
        const dropped = await context.begin()
        ids.push(...idsOf(await context.enqueueIn(dropped, {})))
        await dropped.rollback()
      }
      assert.equal(new Set(ids).size, 40)
      assert.deepEqual(ids.toSorted(), ids)
    },
  },
  {
    id: 'enqueue-5', title: 'two stores never use the same id',
    async run(context) {
      const other = await context.openAnother()
      const ids = await context.putMany(50)
      const others = await other.store.transaction((tx) =>
        outboxOf(other.store).enqueueMany(tx, Array.from({ length: 50 }, () => draftOf({}))))
      assert.equal(new Set([...ids, ...idsOf(others)]).size, 100)
      assert.equal(await context.outbox.get(others[0]?.id ?? ''), undefined)
      const { token } = await context.takeOne()
      assert.equal(await context.outbox.ack(others[0]?.id ?? '', token), false)
    },
  },
  {
    id: 'enqueue-6',
    title: 'a transaction of the store rolls back when its work fails, and passes the error on',
    async run(context) {
      const reason = new Error('the work failed')
      const outcome = await outcomeOf(context.store.transaction(async (tx) => {
        await context.outbox.enqueue(tx, draftOf({ dedupeKey: 'k' }))
        throw reason
      }))
      assert.ok('error' in outcome && outcome.error === reason)
      assert.deepEqual(await context.outbox.list(), [])
      assert.equal(only(await context.enqueue({ dedupeKey: 'k', payload: 'other' })).created, true)
    },
  },
  {
    id: 'enqueue-7', title: 'enqueueAlone commits by itself',
    async run(context) {
      const { id, created } = await context.outbox.enqueueAlone(draftOf({}))
      assert.equal(created, true)
      assert.deepEqual(await context.drain(), [id])
    },
  },
  {
    id: 'enqueue-8', title: 'a draft with nothing but a type and a payload has the default lane and target',
    async run(context) {
      const { id } = await context.outbox.enqueueAlone({ type: 't', payload: null })
      const { lane, target } = await context.get(id)
      assert.deepEqual([lane, target], ['default', 'default'])
      assert.deepEqual(await context.drain({ lane: 'default', target: 'default' }), [id])
    },
  },
]

export const closeCases: readonly OutboxCase[] = [
  {
    id: 'close-1', title: 'after close every method throws CLOSED',
    async run(context) {
      const { store } = context
      const id = await context.put()
      await store.close()
      const outbox = new Outbox<unknown>(store, (tx) => tx)
      const calls: (() => Promise<unknown>)[] = [
        () => outbox.enqueueAlone(draftOf({})), () => store.transaction(async () => undefined),
        () => outbox.claim(claimOf({})),
        () => outbox.ack(id, 'token'), () => outbox.extend('token', 1), () => outbox.get(id),
        () => outbox.list(),
        () => outbox.stats(), () => outbox.purge({ deliveredOlderThanMs: 0 }), () => store.migrate(),
      ]
      for (const call of calls) await rejectsWith('CLOSED', call)
    },
  },
  {
    id: 'close-2', title: 'close while calls are under way: each ends, with its answer or CLOSED',
    async run(context) {
      await context.putMany(50)
      const calls = Array.from({ length: 8 }, (_, n) => [
        context.claim({ limit: 2, consumer: `worker-${n}` }), context.put(), context.outbox.list(),
        context.outbox.stats(),
        context.outbox.purge({ deliveredOlderThanMs: 0 }),
      ]).flat().map((call) => outcomeOf<unknown>(call))
      const closing = context.store.close()
      for (const outcome of await Promise.all(calls)) {
        if (!('error' in outcome)) continue
        assert.ok(isWaybillError(outcome.error, 'CLOSED'), `unexpected ${String(outcome.error)}`)
      }
      await closing
    },
  },
  {
    id: 'close-3', title: 'close while an enqueue waits for another transaction\'s key: it ends',
    concurrent: true,
    async run(context) {
      const holder = await context.begin()
      await context.enqueueIn(holder, { dedupeKey: 'k' })
      const waiting = outcomeOf(context.enqueue({ dedupeKey: 'k' }))
      await context.roundTrips()
      const closing = context.store.close()
      await outcomeOf(holder.rollback())
      await closing
      const outcome = await waiting
      if ('error' in outcome) assert.ok(isWaybillError(outcome.error), `unexpected ${String(outcome.error)}`)
    },
  },
]
