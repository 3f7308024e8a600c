/** Events, as `enqueue` and the handlers of a relay see them. */
import { expectTypeOf, test } from 'vitest'
import * as z from 'zod'
import { memory, type MemoryTransaction } from '../../src/memory.js'
import { defineEvents, type DeliveredMessage } from '../../src/outbox/events.js'
import { createWaybill } from '../../src/waybill.js'

declare const tx: MemoryTransaction

const events = defineEvents({
  'order.placed': {
    schema: z.object({ orderId: z.string(), at: z.string().transform((text) => new Date(text)) }),
    lane: 'orders', target: 'mailer',
  },
  'order.paid': { schema: z.object({ cents: z.number() }), lane: 'orders', target: 'mailer' },
  'order.billed': { schema: z.object({ invoice: z.string() }), lane: 'orders', target: 'billing' },
})
const waybill = createWaybill({ store: memory(), events })

test('enqueue takes the input of the event it names', () => {
  const { outbox } = waybill
  void outbox.enqueue(tx, 'order.placed', { orderId: 'o-7', at: '2026-01-01' }, { dedupeKey: 'o-7' })
  void outbox.enqueue(tx, 'order.paid', { cents: 5 })
  // @ts-expect-error the output, not the input
  void outbox.enqueue(tx, 'order.placed', { orderId: 'o-7', at: new Date() })
  // @ts-expect-error the payload of another event
  void outbox.enqueue(tx, 'order.paid', { orderId: 'o-7', at: '2026-01-01' })
  // @ts-expect-error no such event
  void outbox.enqueue(tx, 'order.lost', {})
  // @ts-expect-error no payload
  void outbox.enqueue(tx, 'order.paid')
  // @ts-expect-error no transaction
  void outbox.enqueue('order.paid', { cents: 5 })
  // @ts-expect-error the event says where it goes
  void outbox.enqueue(tx, 'order.paid', { cents: 5 }, { lane: 'other' })
})

test('an event that makes its key takes none, and derives it from the parsed payload', () => {
  const schema = z.object({ id: z.string(), at: z.string().transform((text) => new Date(text)) })
  const keyed = defineEvents({
    own: { schema }, provided: { schema, idempotency: 'provided' }, none: { schema, idempotency: 'none' },
    uuid: { schema, idempotency: 'uuid' },
    derived: {
      schema,
      idempotency: {
        derived: (draft) => {
          expectTypeOf(draft.payload).toEqualTypeOf<{ id: string; at: Date }>()
          expectTypeOf(draft).not.toHaveProperty('dedupeKey')
          return draft.payload.id
        },
      },
    },
  })
  const { outbox } = createWaybill({ store: memory(), events: keyed, idempotency: { derived: ({ type }) => type } })
  const payload = { id: 'o-7', at: '2026-01-01' }
  void outbox.enqueue(tx, 'own', payload, { dedupeKey: 'o-7' })
  void outbox.enqueue(tx, 'provided', payload, { dedupeKey: 'o-7' })
  void outbox.enqueue(tx, 'derived', payload, { delayMs: 5 })
  // @ts-expect-error its messages have no key
  void outbox.enqueue(tx, 'none', payload, { dedupeKey: 'o-7' })
  // @ts-expect-error its key is drawn
  void outbox.enqueue(tx, 'uuid', payload, { dedupeKey: 'o-7' })
  // @ts-expect-error its key is derived
  void outbox.enqueue(tx, 'derived', payload, { dedupeKey: 'o-7' })
  // @ts-expect-error no such strategy
  void defineEvents({ a: { schema, idempotency: 'hash' } })
  // @ts-expect-error a key is text
  void defineEvents({ a: { schema, idempotency: { derived: (draft) => draft.payload.at } } })
  // @ts-expect-error and comes at once
  void createWaybill({ store: memory(), idempotency: { derived: async () => 'key' } })
})

test('untyped drafts are taken beside events, and alone without any', () => {
  void waybill.outbox.enqueue(tx, { type: 'anything', payload: 1 })
  void waybill.scoped('tenant-7').outbox.enqueue(tx, 'order.paid', { cents: 5 })
  const untyped = createWaybill({ store: memory() })
  void untyped.outbox.enqueue(tx, { type: 'anything', payload: 1 })
  // @ts-expect-error no events are defined
  void untyped.outbox.enqueue(tx, 'order.paid', { cents: 5 })
})

test('the handler of a target receives the events that go there', () => {
  waybill.relay({
    lane: 'orders',
    handlers: {
      mailer: (message) => {
        expectTypeOf(message.type).toEqualTypeOf<'order.placed' | 'order.paid'>()
        if (message.type === 'order.placed') {
          expectTypeOf(message.payload).toEqualTypeOf<{ orderId: string; at: Date }>()
        } else expectTypeOf(message.payload).toEqualTypeOf<{ cents: number }>()
      },
      billing: {
        'order.billed': (message) => {
          expectTypeOf(message.payload).toEqualTypeOf<{ invoice: string }>()
        },
      },
    },
  })
})

test('handlers by type are those of the target, and of nothing else', () => {
  waybill.relay({
    lane: 'orders',
    // @ts-expect-error this event goes to billing
    handlers: { mailer: { 'order.billed': () => undefined } },
  })
})

test('a target of no known event, and a relay without events, receive unknown payloads', () => {
  waybill.relay({
    lane: 'orders',
    handlers: { printer: (message) => { expectTypeOf(message).toEqualTypeOf<DeliveredMessage>() } },
  })
  createWaybill({ store: memory() }).relay({
    handlers: { mailer: (message) => { expectTypeOf(message.payload).toEqualTypeOf<unknown>() } },
  })
})

test('a relay has handlers or a transport, not both', () => {
  const transport = { name: 'webhook', deliver: async () => undefined }
  waybill.relay({ lane: 'orders', target: 'mailer', transport })
  // @ts-expect-error both
  waybill.relay({ lane: 'orders', target: 'mailer', transport, handlers: { mailer: () => undefined } })
  // @ts-expect-error a transport delivers for a target
  waybill.relay({ lane: 'orders', transport })
  // @ts-expect-error neither
  waybill.relay({ lane: 'orders' })
})
