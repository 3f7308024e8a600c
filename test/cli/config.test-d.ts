import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { defineConfig } from '../../src/config.js'
import { defineEvents } from '../../src/index.js'
import { postgres } from '../../src/postgres.js'
import { sqlite } from '../../src/sqlite.js'

const events = defineEvents({
  'order.placed': { schema: z.object({ orderId: z.string() }), target: 'mailer' },
  'order.paid': { schema: z.object({ cents: z.number() }), target: 'billing' },
})

test('handlers are typed by the events of their target', () => {
  defineConfig({
    url: 'sqlite:shop.db',
    events,
    relays: [{
      handlers: {
        mailer: (message) => expectTypeOf(message.payload).toEqualTypeOf<{ orderId: string }>(),
        billing: { 'order.paid': ({ payload }) => expectTypeOf(payload).toEqualTypeOf<{ cents: number }>() },
      },
    }],
  })
})

test('without events a payload is unknown', () => {
  defineConfig({ relays: [{ handlers: { any: ({ payload }) => expectTypeOf(payload).toEqualTypeOf<unknown>() } }] })
})

test('any store, and a transport', () => {
  defineConfig({ store: sqlite({ path: 'shop.db' }) })
  defineConfig({
    store: postgres({ url: 'postgres://localhost/shop' }),
    events,
    relays: [{ target: 'mailer', transport: { name: 'none', deliver: async () => undefined } }],
  })
})

test('what is wrong does not compile', () => {
  // @ts-expect-error no such field
  defineConfig({ relay: [] })
  // @ts-expect-error no event goes there
  defineConfig({ events, relays: [{ handlers: { nowhere: () => undefined } }] })
  // @ts-expect-error a relay needs handlers or a transport
  defineConfig({ relays: [{ lane: 'orders' }] })
})
