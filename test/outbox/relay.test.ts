import * as v from 'valibot'
import { describe, expect, test, vi } from 'vitest'
import * as z from 'zod'
import { jsonCodec } from '../../src/core/codec.js'
import type { StandardSchema } from '../../src/core/standard-schema.js'
import { throttledError, type Envelope, type Transport } from '../../src/core/transport.js'
import { defineEvents, type DeliveredMessage } from '../../src/outbox/events.js'
import { outboxTopic, Relay } from '../../src/outbox/relay.js'
import { HeldDeliveries } from '../runner/fake-source.js'
import { RelayFixture } from '../runner/relay-fixture.js'

describe('handlers', () => {
  test('receive the whole message and its context', async () => {
    const fixture = new RelayFixture()
    const id = await fixture.enqueue({
      type: 'order.placed', payload: { n: 1 }, key: 'k', dedupeKey: 'd', headers: { h: 'v' }, scope: 'tenant',
      maxAttempts: 3,
    })
    let received: DeliveredMessage | undefined
    let claimToken = ''
    const relay = fixture.relay({
      handlers: {
        t: async (message, context) => {
          received = message
          claimToken = context.claimToken
          expect((await fixture.get(id)).claimToken).toBe(context.claimToken)
          expect(context.signal.aborted).toBe(false)
        },
      },
    })
    await relay.runOnce()
    expect(received).toEqual({
      id, type: 'order.placed', payload: { n: 1 }, lane: 'default', target: 't', key: 'k',
      dedupeKey: 'd', headers: { h: 'v' },
      scope: 'tenant', attempt: 1, maxAttempts: 3, createdAt: fixture.now, bytes: expect.any(Uint8Array),
      contentType: 'application/json',
    })
    expect(Buffer.from(received!.bytes).toString()).toBe('{"n":1}')
    expect(claimToken).not.toBe('')
    await relay.stop()
  })

  test('by type; a type without one is a dead letter, whatever it is called', async () => {
    const fixture = new RelayFixture()
    await fixture.enqueue({ type: 'a' })
    const strange = [await fixture.enqueue({ type: 'b' }), await fixture.enqueue({ type: 'constructor' })]
    const received: string[] = []
    const relay = fixture.relay({ handlers: { t: { a: ({ type }) => received.push(type) } } })
    expect(await relay.drain()).toMatchObject({ delivered: 1, deadLettered: 2 })
    expect(received).toEqual(['a'])
    for (const id of strange) {
      expect(await fixture.get(id)).toMatchObject({ status: 'dead_letter', attemptCount: 1 })
      expect((await fixture.get(id)).lastError).toContain(`target 't' has no handler for type`)
    }
    await relay.stop()
  })

  test('receive bytes as they are when they are not the codec’s', async () => {
    const fixture = new RelayFixture()
    await fixture.enqueue({ payload: Uint8Array.of(1, 2, 255), contentType: 'application/protobuf' })
    let payload: unknown
    const relay = fixture.relay({ handlers: { t: (message) => { payload = message.payload } } })
    await relay.runOnce()
    expect(payload).toEqual(Uint8Array.of(1, 2, 255))
    await relay.stop()
  })

  test('never see what does not decode: it is a dead letter', async () => {
    const fixture = new RelayFixture()
    const id = await fixture.enqueue({ payload: Uint8Array.of(123), contentType: 'application/json' })
    const handler = vi.fn()
    const relay = fixture.relay({ handlers: { t: handler } })
    expect(await relay.runOnce()).toMatchObject({ deadLettered: 1 })
    expect((await fixture.get(id)).lastError).toMatch(/not the JSON/)
    const broken = { ...jsonCodec, decode: () => { throw new TypeError('own trouble') } }
    await fixture.enqueue()
    const parts = { store: fixture.store, wake: fixture.wake, codec: broken, events: {} }
    const other = new Relay(parts, { handlers: { t: handler } })
    expect(await other.runOnce()).toMatchObject({ deadLettered: 1 })
    expect(handler).not.toHaveBeenCalled()
    await Promise.all([relay.stop(), other.stop()])
  })

  test('throttled messages keep their attempt, until they are too old by the store’s clock', async () => {
    const fixture = new RelayFixture()
    const id = await fixture.enqueue()
    const relay = fixture.relay({
      handlers: { t: () => Promise.reject(throttledError('later', 500)) }, maxAgeMs: 700,
    })
    expect(await relay.runOnce()).toMatchObject({ released: 1 })
    expect(await fixture.get(id)).toMatchObject(
      { status: 'pending', attemptCount: 0, availableAt: fixture.now + 500 })
    fixture.now += 701
    expect(await relay.runOnce()).toMatchObject({ deadLettered: 1 })
    expect((await fixture.get(id)).lastError).toMatch(/^given up after 700 ms of being throttled: .*later$/)
    await relay.stop()
  })
})

describe('event definitions', () => {
  const events = defineEvents({
    placed: { schema: z.object({ at: z.string().transform((text) => new Date(text)) }), target: 't' },
    paid: { schema: v.object({ cents: v.number() }), target: 't' },
  })

  test('handlers receive the output of the schema; what does not match is a dead letter', async () => {
    const fixture = new RelayFixture()
    await fixture.enqueue({ type: 'placed', payload: { at: '2024-01-01T00:00:00Z' } })
    await fixture.enqueue({ type: 'paid', payload: { cents: 5 } })
    await fixture.enqueue({ type: 'unknown', payload: 'anything' })
    const bad = await fixture.enqueue({ type: 'paid', payload: { cents: 'five' } })
    const received: unknown[] = []
    const relay = fixture.relay({ handlers: { t: ({ payload }) => received.push(payload) } }, events)
    expect(await relay.drain()).toMatchObject({ delivered: 3, deadLettered: 1 })
    expect(received).toEqual(
      expect.arrayContaining([{ at: new Date('2024-01-01T00:00:00Z') }, { cents: 5 }, 'anything']))
    expect((await fixture.get(bad)).lastError).toMatch(/does not match its schema: cents: /)
    await relay.stop()
  })

  test('a schema that itself fails is tried again', async () => {
    const fixture = new RelayFixture()
    const id = await fixture.enqueue({ type: 'checked' })
    const schema: StandardSchema = {
      '~standard': { version: 1, vendor: 'test', validate: () => Promise.reject(new Error('no network')) },
    }
    const relay = fixture.relay({ handlers: { t: () => {} } }, { checked: { schema } })
    expect(await relay.runOnce()).toMatchObject({ requeued: 1 })
    expect((await fixture.get(id)).lastError).toBe('Error: no network')
    await relay.stop()
  })
})

describe('a transport', () => {
  test('receives the bytes as enqueued, with everything a receiver needs', async () => {
    const fixture = new RelayFixture()
    const id = await fixture.enqueue({ payload: { n: 1 }, key: 'k', dedupeKey: 'd', headers: { h: 'v' } })
    const sent: Envelope[] = []
    const transport: Transport = {
      name: 'test',
      async deliver(envelope, { signal }) {
        expect([this, signal.aborted]).toEqual([transport, false])
        sent.push(envelope)
      },
    }
    const relay = fixture.relay({ target: 't', transport })
    expect(await relay.runOnce()).toMatchObject({ delivered: 1 })
    expect(sent).toEqual([{
      id, scope: 'default', lane: 'default', target: 't', type: 'a', key: 'k', dedupeKey: 'd', headers: { h: 'v' },
      payload: expect.any(Uint8Array), contentType: 'application/json', createdAt: fixture.now, attempt: 1,
      claimToken: expect.any(String),
    }])
    expect(Buffer.from(sent[0]!.payload).toString()).toBe('{"n":1}')
    await relay.stop()
  })
})

describe('a relay of several targets', () => {
  test('a slow target does not hold up another', async () => {
    const fixture = new RelayFixture()
    const held = new HeldDeliveries()
    const relay = fixture.relay({ handlers: { slow: held.deliver, quick: () => {} }, concurrency: 1 })
    await fixture.enqueue({ target: 'slow' })
    await relay.start()
    await held.untilStarted(1)
    const delivered = new Promise((resolve) => relay.on('delivered', resolve))
    const id = await fixture.enqueue({ target: 'quick' })
    fixture.wake.wake(outboxTopic('default', 'quick'))
    expect(await delivered).toEqual({ id, type: 'a', attempt: 1, ms: expect.any(Number), target: 'quick' })
    held.endAll()
    await relay.stop()
  })

  test('drain goes on while handlers make work for each other', async () => {
    const fixture = new RelayFixture()
    await fixture.enqueue({ target: 'a', payload: 4 })
    const pass = (target: string) => async ({ payload }: DeliveredMessage) => {
      if (Number(payload) > 0) await fixture.enqueue({ target, payload: Number(payload) - 1 })
    }
    const relay = fixture.relay({ handlers: { a: pass('b'), b: pass('a') } })
    expect(await relay.drain()).toMatchObject({ claimed: 5, delivered: 5 })
    expect(relay.counters()).toMatchObject({ claimed: 5, delivered: 5, inFlight: 0 })
    await relay.stop()
  })

  test('when one target’s claim fails, the others are delivered before runOnce rejects', async () => {
    const fixture = new RelayFixture()
    const id = await fixture.enqueue({ target: 'b' })
    const store = fixture.seenBy({
      claim: (request) =>
        request.target === 'a' ? Promise.reject(new Error('away')) : fixture.store.claim(request),
    })
    const relay = fixture.relay({ handlers: { a: () => {}, b: () => {} } }, {}, store)
    await expect(relay.runOnce()).rejects.toThrow('away')
    expect((await fixture.get(id)).status).toBe('delivered')
    await relay.stop()
  })

  test('stops all by one signal, without a warning, however many they are', async () => {
    const warnings = vi.spyOn(process, 'emitWarning')
    const fixture = new RelayFixture()
    const controller = new AbortController()
    const names = Array.from({ length: 15 }, (_, index) => `t${index}`)
    const handlers = Object.fromEntries(names.map((name) => [name, () => {}]))
    const relay = fixture.relay({ handlers, signal: controller.signal })
    await relay.start()
    expect(fixture.wake.size).toBe(45)
    controller.abort()
    await relay[Symbol.asyncDispose]()
    expect([fixture.wake.size, warnings.mock.calls]).toEqual([0, []])
  })
})

describe('options', () => {
  test.each([
    ['lane', { lane: ' ' }], ['consumer', { consumer: '' }], ['leaseMs', { leaseMs: 0 }],
    ['timeoutMs', { timeoutMs: 0 }], ['concurrency', { concurrency: 0 }],
    ['scopes', { scopes: [] }], ['scope', { scopes: [' '] }],
    ['handlers', { handlers: undefined }], ['handlers', { handlers: {} }],
    ['handlers target', { handlers: { '': () => {} } }],
    [`handlers['t']`, { handlers: { t: 5 } }], [`handlers['t']`, { handlers: { t: {} } }],
    [`handlers['t']['a']`, { handlers: { t: { a: 'b' } } }],
    ['handlers', { transport: { deliver: () => {} }, target: 't' }], ['target', { target: 't' }],
    ['target', { handlers: undefined, transport: { deliver: () => {} } }],
    ['transport', { handlers: undefined, target: 't', transport: {} }],
  ])('%s is refused by name in %j', (field, wrong) => {
    const make = (): unknown => new RelayFixture().relay({ handlers: { t: () => {} }, ...wrong } as never)
    const details = expect.objectContaining({ field })
    expect(make).toThrow(expect.objectContaining({ code: 'VALIDATION', details }))
  })

  test('scopes bound what is claimed; the consumer is shown and differs by default', async () => {
    const fixture = new RelayFixture()
    await fixture.enqueue({ scope: 'mine' })
    const others = await fixture.enqueue({ scope: 'others' })
    const consumers: (string | undefined)[] = []
    const handlers = {
      t: async ({ id }: { id: string }) => void consumers.push((await fixture.get(id)).claimedBy),
    }
    const mine = fixture.relay({ handlers, scopes: ['mine'], consumer: 'me' })
    expect(await mine.drain()).toMatchObject({ delivered: 1 })
    expect((await fixture.get(others)).status).toBe('pending')
    const anybody = fixture.relay({ handlers })
    await anybody.drain()
    expect(consumers).toEqual(['me', expect.stringMatching(new RegExp(`^.+:${process.pid}:[0-9a-z]{6}$`))])
    await Promise.all([mine.stop(), anybody.stop()])
  })

  test('a logger hears of trouble, and its own changes nothing', async () => {
    const fixture = new RelayFixture()
    const id = await fixture.enqueue({ maxAttempts: 1 })
    const lines: unknown[][] = []
    const note = (level: string) => (message: string, details: object): void => {
      lines.push([level, message, details])
      throw new Error('disk full')
    }
    const relay = fixture.relay({
      handlers: { t: () => Promise.reject(new Error('no')) },
      logger: { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') },
    })
    await relay.runOnce()
    expect(lines).toEqual([
      ['debug', 'claimed messages', { lane: 'default', target: 't', count: 1, suspect: false }],
      ['error', 'message became a dead letter',
        { lane: 'default', target: 't', id, type: 'a', attempt: 1, ms: expect.any(Number), error: 'Error: no' }],
    ])
    await relay.stop()
  })

  test.each([[[]], [['default']], [['default', 't']]])('a wake-up of %j is heard', async (topic) => {
    const fixture = new RelayFixture()
    const relay = fixture.relay({ handlers: { t: () => {} }, pollMaxMs: 2 ** 31 - 1 })
    await relay.start()
    await relay.drain()
    const delivered = new Promise((resolve) => relay.on('delivered', resolve))
    await fixture.enqueue()
    fixture.wake.wake(outboxTopic(...topic))
    await delivered
    await relay.stop()
  })
})
