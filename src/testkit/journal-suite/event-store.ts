/** `A-40` to `A-44`: what the event store of the design behind the outbox was tested for. */
import assert from 'node:assert/strict'
import type { JournalCase } from './case.js'
import { idsOf, rejectsWith, sequencesOf, STREAM, textOf } from './context.js'

export const eventStoreCases: readonly JournalCase[] = [
  {
    id: 'A-40', title: 'order per stream, several streams, loading by id, paging by one',
    async run(context) {
      const places = await context.append({ payload: 1 }, { stream: 'b', payload: 2 }, { payload: 3 })
      const event = await context.journal.get(places[1]?.id ?? '')
      assert.equal(event === undefined ? undefined : textOf(event), '2')
      assert.equal(await context.journal.get('no-such-event'), undefined)
      const follower = context.follower()
      const pages = [await follower.page(1), await follower.page(1), await follower.page(1)]
      assert.deepEqual(pages.flatMap(({ ids }) => ids), idsOf(places))
      assert.deepEqual(pages.slice(0, 2).map(({ hasMore }) => hasMore), [true, true])
      assert.deepEqual(await follower.poll(), [])
    },
  },
  {
    id: 'A-41', title: 'a retry answers the same event, also with another manifest and headers; other content does not',
    async run(context) {
      const options = { writerId: 'w', idempotencyKey: 'k' }
      const first = await context.appendWith(options, { manifest: 'v1', headers: { origin: 'a' } })
      const retry = await context.appendWith(options, { manifest: 'v2', headers: { origin: 'b' } })
      assert.deepEqual(retry, { created: false, events: first.events })
      await rejectsWith('CONFLICT', () => context.appendWith(options, { payload: 'other' }))
      await context.appendWith({ expectedSequence: 1 }, {})
      await rejectsWith('SEQUENCE_CONFLICT', () => context.appendWith({ expectedSequence: 1 }, {}))
    },
  },
  {
    id: 'A-42', title: 'sixteen followers beside 32 appends: from the start all, from now what is later, once each',
    async run(context) {
      await context.appendMany(5)
      const head = await context.journal.head()
      const followers = Array.from({ length: 16 }, (_, n) => context.follower({
        limit: 1 + (n % 7), ...(n % 2 === 0 ? {} : { cursor: head }),
      }))
      await Promise.all([
        ...Array.from({ length: 32 }, (_, n) => context.append({ stream: `s${n % 4}` })),
        ...followers.map(async (follower) => {
          for (let poll = 0; poll < 10; poll += 1) await follower.poll()
        }),
      ])
      for (const [n, follower] of followers.entries()) {
        await follower.poll()
        assert.equal(follower.events.length, n % 2 === 0 ? 37 : 32)
      }
    },
  },
  {
    id: 'A-43', title: 'each append can make one pending message per event, in the same transaction',
    withOutbox: true,
    async run(context) {
      const outbox = { lane: 'canonical', target: 'projector' }
      const { events } = await context.appendWith({ outbox }, {}, { type: 'paid' })
      const messages = await context.outbox.list()
      assert.deepEqual(messages.map(({ lane, target, status, type, dedupeKey, key }) => (
        { lane, target, status, type, dedupeKey, key })), events.map(({ id }, n) => ({
        lane: 'canonical', target: 'projector', status: 'pending', type: n === 0 ? 'order.placed' : 'paid',
        dedupeKey: `canonical/${id}`, key: STREAM,
      })))
      const pointer = JSON.parse(Buffer.from(messages[1]?.payload ?? []).toString()) as object
      assert.deepEqual(pointer, { eventId: events[1]?.id, stream: STREAM, sequence: '2', type: 'paid' })
    },
  },
  {
    id: 'A-44', title: 'whatever stage of a transaction fails, events, messages and keys are as before',
    withOutbox: true,
    async run(context) {
      await context.appendWith({ idempotencyKey: 'taken' }, {})
      const stages: readonly ((tx: unknown) => Promise<unknown>)[] = [
        (tx) => context.journal.append(tx, [{ stream: STREAM, type: 't', payload: 2 }], { idempotencyKey: 'taken' }),
        (tx) => context.outbox.enqueue(tx, { type: 't', payload: 'x'.repeat(300_000) }),
        async () => { throw new Error('the application failed') },
      ]
      for (const fail of stages) {
        await assert.rejects(context.store.transaction(async (tx) => {
          await context.journal.append(tx, [{ stream: 'new', type: 't', payload: 1 }], {
            idempotencyKey: 'new', outbox: {},
          })
          await fail(tx)
        }))
      }
      assert.deepEqual(sequencesOf((await context.journal.readAll()).events), [1])
      assert.deepEqual(await context.outbox.list(), [])
      assert.equal((await context.appendWith({ idempotencyKey: 'new' }, { stream: 'new' })).created, true)
    },
  },
]
