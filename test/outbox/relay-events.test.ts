import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defineEvents, draftOf, draftOfSync } from '../../src/outbox/events.js'

const events = defineEvents({
  'order.placed': {
    schema: z.object({ orderId: z.number().transform((id) => `order-${id}`) }),
    lane: 'orders', target: 'mailer', maxAttempts: 7, key: ({ orderId }) => orderId,
  },
  'order.seen': { schema: z.string().refine(async (text) => text !== 'bad') },
})

describe('draftOf', () => {
  test('keeps the payload as given and makes the key from what the schema made of it', async () => {
    const payload = { orderId: 7 }
    const expected = {
      type: 'order.placed', payload, lane: 'orders', target: 'mailer', key: 'order-7', maxAttempts: 7,
    }
    const draft = await draftOf(events, 'order.placed', payload)
    expect(draft).toEqual(expected)
    expect(draft.payload).toBe(payload)
    expect(draftOfSync(events, 'order.placed', payload)).toEqual(expected)
  })

  test('options go into the draft, before what the definition says', async () => {
    const options = {
      key: 'own', headers: { h: 'v' }, dedupeKey: 'd', delayMs: 5, maxAttempts: 2, scope: 'tenant',
      availableAt: 0,
    }
    const draft = await draftOf(events, 'order.placed', { orderId: 7 }, options)
    expect(draft).toMatchObject(options)
  })

  test('refuses what does not match, and what is not defined', async () => {
    await expect(draftOf(events, 'order.placed', { orderId: 'x' } as never)).rejects
      .toMatchObject({ code: 'VALIDATION', details: { field: 'payload' } })
    expect(() => draftOfSync(events, 'order.placed', { orderId: 'x' } as never))
      .toThrow(/does not match its schema/)
    await expect(draftOf(events, 'order.seen', 'bad')).rejects.toMatchObject({ code: 'VALIDATION' })
    for (const type of ['nothing', 'constructor', '__proto__']) {
      await expect(draftOf(events, type as never, {} as never)).rejects
        .toMatchObject({ code: 'VALIDATION', details: { field: 'type' } })
    }
  })

  test('a schema that answers later cannot be used synchronously', async () => {
    expect(() => draftOfSync(events, 'order.seen', 'good'))
      .toThrow(expect.objectContaining({ code: 'ASYNC_SCHEMA' }))
    expect(await draftOf(events, 'order.seen', 'good')).toEqual({ type: 'order.seen', payload: 'good' })
  })
})

describe('defineEvents', () => {
  const schema = z.string()
  test.each([
    ['event', { '': { schema } }],
    [`events['a'].schema`, { a: {} }],
    [`events['a'].schema`, { a: undefined }],
    [`events['a'].lane`, { a: { schema, lane: '' } }],
    [`events['a'].target`, { a: { schema, target: 5 } }],
    [`events['a'].key`, { a: { schema, key: 'orderId' } }],
    [`events['a'].maxAttempts`, { a: { schema, maxAttempts: 0 } }],
    [`events['a'].taget`, { a: { schema, taget: 'mailer' } }],
  ])('refuses %s', (field, definitions) => {
    expect(() => defineEvents(definitions as never))
      .toThrow(expect.objectContaining({ code: 'VALIDATION', details: expect.objectContaining({ field }) }))
  })

  test('is frozen, and a copy', () => {
    const given = { a: { schema } }
    const defined = defineEvents(given)
    expect([defined, defined.a, given.a].map(Object.isFrozen)).toEqual([true, true, false])
  })
})
