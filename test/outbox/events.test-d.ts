import * as v from 'valibot'
import { describe, expectTypeOf, test } from 'vitest'
import * as z from 'zod'
import {
  defineEvents, draftOf, type DeliveredMessage, type EventInput, type EventName, type EventNameOfTarget,
  type EventOutput, type HandlerMessage,
} from '../../src/outbox/events.js'
import { Relay, type RelayParts } from '../../src/outbox/relay.js'

const events = defineEvents({
  'order.placed': {
    schema: z.object({ orderId: z.string(), at: z.string().transform((text) => new Date(text)) }),
    lane: 'orders',
    target: 'mailer',
    key: (order) => {
      expectTypeOf(order).toEqualTypeOf<{ orderId: string; at: Date }>()
      return order.orderId
    },
  },
  'order.paid': {
    schema: v.object({ cents: v.number() }), target: 'billing', key: (paid) => String(paid.cents),
  },
  'order.shipped': { schema: v.object({ by: v.string() }), target: 'mailer' },
  'order.seen': { schema: v.pipe(v.string(), v.transform(Number)) },
})
type Events = typeof events
declare const parts: RelayParts<Events>
declare const untyped: RelayParts

describe('definitions', () => {
  test('names and payloads are inferred, with zod and with valibot', () => {
    expectTypeOf<EventName<Events>>()
      .toEqualTypeOf<'order.placed' | 'order.paid' | 'order.shipped' | 'order.seen'>()
    expectTypeOf<EventInput<Events, 'order.placed'>>().toEqualTypeOf<{ orderId: string; at: string }>()
    expectTypeOf<EventOutput<Events, 'order.placed'>>().toEqualTypeOf<{ orderId: string; at: Date }>()
    expectTypeOf<EventInput<Events, 'order.seen'>>().toEqualTypeOf<string>()
    expectTypeOf<EventOutput<Events, 'order.seen'>>().toEqualTypeOf<number>()
    expectTypeOf<EventOutput<Events, 'order.paid'>>().toEqualTypeOf<{ cents: number }>()
  })

  test('targets are known, and default', () => {
    expectTypeOf<EventNameOfTarget<Events, 'mailer'>>().toEqualTypeOf<'order.placed' | 'order.shipped'>()
    expectTypeOf<EventNameOfTarget<Events, 'default'>>().toEqualTypeOf<'order.seen'>()
    expectTypeOf<EventNameOfTarget<Events, 'nobody'>>().toBeNever()
  })

  test('a target that is a mere string may be any', () => {
    const target: string = 'mailer'
    const _loose = defineEvents({
      a: { schema: z.string(), target }, b: { schema: z.number(), target: 'billing' },
    })
    expectTypeOf<EventNameOfTarget<typeof _loose, 'mailer'>>().toEqualTypeOf<'a'>()
    expectTypeOf<EventNameOfTarget<typeof _loose, 'billing'>>().toEqualTypeOf<'a' | 'b'>()
  })

  test('drafts take the input of their event only', () => {
    expectTypeOf(draftOf<Events, 'order.placed'>).parameter(2)
      .toEqualTypeOf<{ orderId: string; at: string }>()
    // @ts-expect-error: the output is not the input.
    void draftOf(events, 'order.placed', { orderId: 'a', at: new Date() })
    // @ts-expect-error: not an event.
    void draftOf(events, 'order.lost', {})
  })

  test('wrong definitions do not compile', () => {
    // @ts-expect-error: a key is text.
    defineEvents({ a: { schema: z.object({ n: z.number() }), key: (payload) => payload.n } })
    // @ts-expect-error: no schema.
    defineEvents({ a: { target: 'mailer' } })
    // @ts-expect-error: not a schema.
    defineEvents({ a: { schema: 5 } })
  })
})

describe('handlers', () => {
  test('receive a union on type of the events of their target', () => {
    expectTypeOf<HandlerMessage<Events, 'mailer'>>().toEqualTypeOf<
      | DeliveredMessage<'order.placed', { orderId: string; at: Date }>
      | DeliveredMessage<'order.shipped', { by: string }>
    >()
    void new Relay(parts, {
      handlers: {
        mailer: (message, { signal, claimToken }) => {
          if (message.type === 'order.placed') expectTypeOf(message.payload.at).toEqualTypeOf<Date>()
          else expectTypeOf(message.payload).toEqualTypeOf<{ by: string }>()
          expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
          expectTypeOf(claimToken).toEqualTypeOf<string>()
        },
        billing: async ({ payload }) => expectTypeOf(payload).toEqualTypeOf<{ cents: number }>(),
        default: ({ payload }) => expectTypeOf(payload).toEqualTypeOf<number>(),
        elsewhere: ({ payload }) => expectTypeOf(payload).toEqualTypeOf<unknown>(),
      },
    })
  })

  test('by type receive their own event', () => {
    void new Relay(parts, {
      handlers: {
        mailer: {
          'order.placed': ({ payload }) =>
            expectTypeOf(payload).toEqualTypeOf<{ orderId: string; at: Date }>(),
          'order.shipped': ({ type, payload }) => {
            expectTypeOf(type).toEqualTypeOf<'order.shipped'>()
            expectTypeOf(payload).toEqualTypeOf<{ by: string }>()
          },
        },
        elsewhere: { anything: ({ payload }) => expectTypeOf(payload).toEqualTypeOf<unknown>() },
      },
    })
    // @ts-expect-error: that event goes to another target.
    void new Relay(parts, { handlers: { mailer: { 'order.paid': () => {} } } })
  })

  test('without definitions receive unknown payloads', () => {
    expectTypeOf<HandlerMessage<Record<string, never>, 'mailer'>>().toEqualTypeOf<DeliveredMessage>()
    void new Relay(untyped, {
      handlers: {
        mailer: (message) => expectTypeOf(message).toEqualTypeOf<DeliveredMessage>(),
        billing: { 'order.paid': ({ payload }) => expectTypeOf(payload).toEqualTypeOf<unknown>() },
      },
    })
  })

  test('a transport needs its target, and excludes handlers', () => {
    const transport = { name: 'a', deliver: async () => {} }
    void new Relay(parts, { target: 'a', transport })
    // @ts-expect-error: no target.
    void new Relay(parts, { transport })
    // @ts-expect-error: both.
    void new Relay(parts, { target: 'a', transport, handlers: { a: () => {} } })
  })
})
