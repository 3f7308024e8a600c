/** `T-*` and `pointer-*`: the journal and the outbox in one transaction. */
import assert from 'node:assert/strict'
import type { JournalCase } from './case.js'
import { eventOf, idsOf, only, rejectsWith, STREAM, type JournalContext } from './context.js'

export const pointerCases: readonly JournalCase[] = [
  {
    id: 'T-1', title: 'a commit makes both the event and the message', withOutbox: true,
    async run(context) {
      const transaction = await context.begin()
      const places = await writeBoth(context, transaction.tx)
      await transaction.commit()
      assert.deepEqual(idsOf(await context.journal.read(STREAM)), idsOf(places))
      assert.equal((await context.outbox.list()).length, 2)
    },
  },
  {
    id: 'T-2', title: 'a transaction whose work fails makes neither', withOutbox: true,
    async run(context) {
      await assert.rejects(context.store.transaction(async (tx) => {
        await writeBoth(context, tx)
        throw new Error('the application failed')
      }), /the application failed/)
      await assertNeither(context)
    },
  },
  {
    id: 'T-3', title: 'a rollback makes neither', withOutbox: true,
    async run(context) {
      const transaction = await context.begin()
      await writeBoth(context, transaction.tx)
      await transaction.rollback()
      await assertNeither(context)
    },
  },
  {
    id: 'pointer-1', title: 'a repeated append enqueues nothing again', withOutbox: true,
    async run(context) {
      const options = { idempotencyKey: 'k', outbox: {} }
      await context.appendWith(options, {}, {})
      await context.appendWith(options, {}, {})
      assert.equal((await context.outbox.list()).length, 2)
    },
  },
  {
    id: 'pointer-2', title: 'a copy carries the bytes, content type and headers of the event', withOutbox: true,
    async run(context) {
      const payload = Uint8Array.of(0, 255)
      const event = { payload, contentType: 'image/png', headers: { h: '1' } }
      await context.appendWith({ outbox: { payload: 'copy' } }, event)
      const message = only(await context.outbox.list())
      const { contentType, headers, lane, target } = message
      assert.deepEqual({ payload: Buffer.from(message.payload), contentType, headers, lane, target },
        { ...event, payload: Buffer.from(payload), lane: 'default', target: 'default' })
    },
  },
  {
    id: 'pointer-3', title: 'a pointer leads to its event', withOutbox: true,
    async run(context) {
      await context.appendWith({ outbox: {} }, { payload: 'there' })
      const message = only(await context.outbox.list())
      assert.equal(message.contentType, 'application/json')
      const { eventId } = JSON.parse(Buffer.from(message.payload).toString()) as { eventId: string }
      assert.equal(context.journal.decode(await context.journal.get(eventId) as never), 'there')
    },
  },
  {
    id: 'pointer-4', title: 'a refused append enqueues nothing, and bad names are refused before anything is written',
    withOutbox: true,
    async run(context) {
      const transaction = await context.begin()
      await rejectsWith('SEQUENCE_CONFLICT', () => context.journal.append(transaction.tx, [eventOf({})],
        { expectedSequence: 4, outbox: {} }))
      for (const outbox of [{ lane: '' }, { target: ' ' }, { payload: 'other' as never }]) {
        await rejectsWith('VALIDATION', () => context.journal.append(transaction.tx, [eventOf({})], { outbox }))
      }
      await transaction.commit()
      await assertNeither(context)
    },
  },
]

async function writeBoth(context: JournalContext, tx: unknown): Promise<readonly { readonly id: string }[]> {
  const { events } = await context.journal.append(tx, [eventOf({})], { outbox: {} })
  await context.outbox.enqueue(tx, { type: 'by.hand', payload: 1 })
  return events
}

async function assertNeither(context: JournalContext): Promise<void> {
  assert.deepEqual((await context.journal.readAll()).events, [])
  assert.deepEqual(await context.outbox.list(), [])
}
