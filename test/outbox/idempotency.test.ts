/** Strategies as applications set them: on the waybill, and on an event. What each does is in the suite: `idempotent-*`. */
import { describe, expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { newUuidV7 } from '../../src/core/environment.js'
import { memory } from '../../src/memory.js'
import { defineEvents } from '../../src/outbox/events.js'
import type { Store } from '../../src/store.js'
import { sqlite } from '../../src/sqlite.js'
import { createWaybill } from '../../src/waybill.js'
import { temporaryFile } from '../stores/sqlite-support.js'

const schema = z.object({ id: z.string().transform((id) => id.toUpperCase()) })
const seen: unknown[] = []
const events = defineEvents({
  'order.placed': {
    schema, lane: 'orders', target: 'mailer', key: ({ id }) => id,
    idempotency: { derived: (draft) => `${draft.type}/${draft.payload.id}/${seen.push(draft)}` },
  },
  'order.paid': { schema, idempotency: 'provided' },
  'order.seen': { schema },
})
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7/

describe('of an event', () => {
  test('its own strategy goes before that of the outbox; a draft without a definition has the outbox\'s', async () => {
    const waybill = createWaybill({ store: memory(), events, idempotency: 'uuid' })
    await waybill.transaction(async (tx) => {
      await waybill.outbox.enqueue(tx, 'order.placed', { id: 'o-7' }, { headers: { a: 'b' } })
      await waybill.outbox.enqueue(tx, 'order.paid', { id: 'o-7' }, { dedupeKey: 'mine' })
      await waybill.outbox.enqueue(tx, 'order.seen', { id: 'o-7' })
      await waybill.outbox.enqueue(tx, { type: 'order.placed', payload: { id: 'o-7' }, dedupeKey: 'not this' })
      await waybill.outbox.enqueueMany(tx, [{ type: 'order.paid', payload: { id: 'o-7' }, dedupeKey: 'not this' }])
    })
    await waybill.outbox.enqueueAlone({ type: 'order.paid', payload: 1, dedupeKey: 'not this' })
    const keys = (await waybill.outbox.list()).map(({ dedupeKey }) => dedupeKey)
    expect(keys.slice(0, 2)).toEqual(['order.placed/O-7/1', 'mine'])
    for (const key of keys.slice(2)) expect(key).toMatch(UUID)
    expect(keys).toHaveLength(6)
    expect(seen).toEqual([{
      type: 'order.placed', lane: 'orders', target: 'mailer', key: 'O-7', payload: { id: 'O-7' }, headers: { a: 'b' },
    }])
    const [first] = await waybill.outbox.list()
    expect(JSON.parse(Buffer.from(first!.payload).toString())).toEqual({ id: 'o-7' })
    await waybill.close()
  })

  test.each([['a name', 'hash'], ['a function', () => 'key'], ['no function', { derived: 5 }]])(
    '%s that is no strategy is refused, naming the event', (_, idempotency) => {
      expect(() => defineEvents({ a: { schema, idempotency: idempotency as never } }))
        .toThrow(expect.objectContaining({ code: 'VALIDATION', details: { field: `events['a'].idempotency` } }))
    })
})

test('the waybill refuses what is no strategy when it is made', () => {
  expect(() => createWaybill({ store: memory(), idempotency: 'hash' as never }))
    .toThrow(expect.objectContaining({ code: 'VALIDATION', details: { field: 'idempotency' } }))
})

test('messages of the journal have the keys of their events, whatever the strategy; also where transactions are synchronous', async () => {
  const file = temporaryFile()
  for (const store of [memory(), sqlite({ path: file.path })] as readonly Store[]) {
    const waybill = createWaybill({ store, idempotency: 'none' })
    await waybill.migrate()
    const outbox = { lane: 'orders', target: 'mailer' }
    const event = { stream: 'orders', type: 'order.placed', payload: { id: 'o-7' } }
    await waybill.transaction(async (tx) => void await waybill.journal.append(tx, [event], { outbox }))
    const [message] = await waybill.outbox.list()
    expect(message?.dedupeKey).toMatch(/^canonical\//)
    await waybill.close()
  }
  file.remove()
})

test('synchronous forms make the same keys', async () => {
  const file = temporaryFile()
  const waybill = createWaybill({ store: sqlite({ path: file.path }), events, idempotency: { derived: ({ type }) => type } })
  await waybill.migrate()
  await waybill.transaction(async (tx) => {
    waybill.outbox.enqueueSync(tx, 'order.seen', { id: 'o-7' })
    waybill.outbox.enqueueSync(tx, 'order.paid', { id: 'o-7' }, { dedupeKey: 'mine' })
    waybill.outbox.enqueueManySync(tx, [{ type: 'plain', payload: 1 }])
    const journal = { outbox: { lane: 'orders', target: 'mailer' } }
    waybill.journal.appendSync(tx, [{ stream: 'orders', type: 'order.placed', payload: 1 }], journal)
  })
  const keys = (await waybill.outbox.list()).map(({ dedupeKey }) => dedupeKey)
  expect(keys).toEqual(['order.seen', 'mine', 'plain', expect.stringMatching(/^canonical\//)])
  await waybill.close()
  file.remove()
})

test('a UUID of version 7 has the time in front, its version and its variant, and is drawn anew', () => {
  const at = 0x0123_4567_89ab
  expect(newUuidV7(() => at)).toMatch(/^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(new Set(Array.from({ length: 1_000 }, () => newUuidV7(() => at))).size).toBe(1_000)
})

test('a function that answers later is refused, and its failure is heard', async () => {
  const unheard: unknown[] = []
  const onUnheard = (error: unknown): void => { unheard.push(error) }
  process.on('unhandledRejection', onUnheard)
  onTestFinished(() => void process.off('unhandledRejection', onUnheard))
  const derived = (async () => { throw new Error('too late') }) as never
  const waybill = createWaybill({ store: memory(), idempotency: { derived } })
  await expect(waybill.outbox.enqueueAlone({ type: 'a', payload: 1 })).rejects.toMatchObject({ code: 'VALIDATION' })
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  expect(unheard).toEqual([])
})
