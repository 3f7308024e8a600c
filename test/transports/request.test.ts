import { afterEach, describe, expect, test } from 'vitest'
import { seededRandom } from '../../src/testkit/index.js'
import { verifyWebhook, webhook, type WebhookOptions } from '../../src/webhook.js'
import { context, envelope, failureOf, Receiver, SECRET, type Arrival } from './receiver.js'

const closers: (() => Promise<void>)[] = []
const OTHER = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function sent(options: Partial<WebhookOptions>, changes: Parameters<typeof envelope>[0] = {}): Promise<Arrival> {
  const receiver = await Receiver.start('http')
  const transport = webhook(receiver.options(options))
  closers.push(() => receiver.close(), () => transport.close())
  await transport.deliver(envelope(changes), context())
  return receiver.arrivals[0]!
}

describe('a request', () => {
  test('is a POST of the payload with the headers of the standard', async () => {
    const { method, path, headers, body } = await sent({ now: () => 1_700_000_000_999 }, { attempt: 3 })
    expect([method, path, body.toString()]).toEqual(['POST', '/hook?key=1', '{"orderId":"o-7"}'])
    expect(headers).toMatchObject({
      'content-type': 'application/json', 'content-length': '17', 'user-agent': 'waybill', 'accept-encoding': 'identity',
      'webhook-id': 'abcdefgh-0000000000001', 'webhook-timestamp': '1700000000', 'waybill-type': 'order.placed', 'waybill-attempt': '3',
    })
    const now = (): number => 1_700_000_000_000
    expect(verifyWebhook({ secrets: [SECRET], headers, body, now })).toEqual({
      id: 'abcdefgh-0000000000001', timestamp: 1_700_000_000_000, attempt: 3, type: 'order.placed',
    })
  })

  test('has the dedupe key where the message has one, whatever is in it', async () => {
    for (const dedupeKey of ['order-7', ' ü\r\nx-injected: 1', '%', 'x'.repeat(1_024)]) {
      const { headers, body } = await sent({}, { dedupeKey, headers: { 'Waybill-Dedupe-Key': 'not this' } })
      expect(headers).not.toHaveProperty('x-injected')
      expect(verifyWebhook({ secrets: [SECRET], headers, body }).dedupeKey).toBe(dedupeKey)
    }
  })

  test('is signed with every secret', async () => {
    const { headers, body } = await sent({ secrets: [SECRET, OTHER] })
    expect(String(headers['webhook-signature']).split(' ')).toHaveLength(2)
    for (const secret of [SECRET, OTHER]) expect(verifyWebhook({ secrets: [secret], headers, body }).id).toBe(headers['webhook-id'])
  })

  test('gets url, secrets and headers from its message', async () => {
    const receiver = await Receiver.start('http')
    closers.push(() => receiver.close())
    const transport = webhook(receiver.options({
      url: async ({ headers }) => `${receiver.url}&tenant=${headers['tenant']}`,
      secrets: ({ headers }) => headers['tenant'] === 'a' ? [SECRET] : [OTHER],
      headers: async ({ headers }) => ({ Authorization: `Bearer ${headers['tenant']}`, 'User-Agent': 'shop/1' }),
    }))
    closers.push(() => transport.close())
    for (const tenant of ['a', 'b']) await transport.deliver(envelope({ headers: { tenant } }), context())
    receiver.arrivals.forEach(({ path, headers, body }, index) => {
      const tenant = 'ab'[index]
      expect(path).toBe(`/hook?key=1&tenant=${tenant}`)
      expect(headers).toMatchObject({ authorization: `Bearer ${tenant}`, 'user-agent': 'shop/1', 'waybill-header-tenant': tenant })
      expect(verifyWebhook({ secrets: [tenant === 'a' ? SECRET : OTHER], headers, body }).attempt).toBe(1)
    })
  })

  test('carries trace context as it is, when it can', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    const { headers } = await sent({}, { headers: { traceparent, tracestate: 'bad\r\nvalue: 1' } })
    expect(headers['traceparent']).toBe(traceparent)
    expect(headers).not.toHaveProperty('tracestate')
  })

  test('has no header that a message has smuggled in', async () => {
    const random = seededRandom(3)
    const names = ['host', 'Host', 'content-length', 'transfer-encoding', 'connection', 'webhook-signature', 'webhook-id', 'waybill-type',
      'waybill-attempt', 'authorization', ':path', 'x\r\ny', 'x: y', '', ' ', 'ü', '\u0000', 'te', 'upgrade', '__proto__', 'constructor']
    const values = ['', ' ', '\r\nx-injected: 1\r\n\r\n', 'chunked', '\u0000', '\u2028', '\ud800', 'é', '%', '\t', 'a'.repeat(500), '0']
    for (let round = 0; round < 100; round += 1) {
      const headers = Object.fromEntries(Array.from({ length: 5 }, () => [random.pick(names), random.pick(values) + random.pick(values)]))
      const type = random.pick(values) + random.pick(values)
      const contentType = random.pick(['text/plain', '', 'a\r\nb: c', 'é', ' x', random.pick(values)])
      const arrival = await sent({}, { headers, type, contentType })
      await Promise.all(closers.splice(0).reverse().map((close) => close()))
      const fixed = ['accept-encoding', 'connection', 'content-length', 'content-type', 'host', 'user-agent', 'waybill-attempt', 'waybill-type',
        'webhook-id', 'webhook-signature', 'webhook-timestamp']
      const received = arrival.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
      expect(received.filter((name) => !name.startsWith('waybill-header-')).sort()).toEqual(fixed)
      expect(new Set(received).size).toBe(received.length)
      expect(arrival.body.toString()).toBe('{"orderId":"o-7"}')
      expect(verifyWebhook({ secrets: [SECRET], headers: arrival.headers, body: arrival.body }).attempt).toBe(1)
    }
  })

  test('over the limit is not sent', async () => {
    const receiver = await Receiver.start('http')
    const transport = webhook(receiver.options({ maxRequestBytes: 1_000 }))
    closers.push(() => receiver.close(), () => transport.close())
    const { details } = await failureOf(transport.deliver(envelope({ payload: Buffer.alloc(1_000) }), context()))
    const room = 2_000 - Number(details?.['bytes'])
    // Three digits of content-length in place of four.
    await transport.deliver(envelope({ payload: Buffer.alloc(room + 1) }), context())
    expect(await failureOf(transport.deliver(envelope({ payload: Buffer.alloc(room + 2) }), context()))).toMatchObject({ code: 'PERMANENT' })
    expect(receiver.arrivals).toHaveLength(1)
  })

  test('with an id that cannot be signed is not sent', async () => {
    for (const id of ['', 'a.b', 'a,b', 'a b', 'a\n', 'ü', 'a'.repeat(256)]) {
      expect(await failureOf(sent({}, { id }))).toMatchObject({ code: 'PERMANENT', details: { reason: 'id' } })
    }
  })
})

describe('options', () => {
  const base: WebhookOptions = { url: 'https://hooks.test/', secrets: [SECRET] }

  test.each<[string, Partial<Record<keyof WebhookOptions, unknown>>]>([
    ['url', { url: 'http://hooks.test/' }], ['url', { url: 'nothing' }], ['url', { url: undefined }], ['url', { url: 'https://10.0.0.1/' }],
    ['secrets', { secrets: [] }], ['secrets', { secrets: SECRET }], ['secrets', { secrets: undefined }], ['secrets', { secrets: Array(9).fill(SECRET) }],
    ['secrets[0]', { secrets: ['secret'] }], ['secrets[1]', { secrets: [SECRET, 'whsec_'] }], ['secrets[0]', { secrets: ['whsec_%%%'] }],
    ['secrets[0]', { secrets: [`whsec_${Buffer.alloc(23).toString('base64')}`] }], ['secrets[0]', { secrets: [`whsec_${Buffer.alloc(65).toString('base64')}`] }],
    ['secrets[0]', { secrets: [`whsk_${Buffer.alloc(31).toString('base64')}`] }], ['secrets[0]', { secrets: [`whsk_${Buffer.alloc(64).toString('base64')}`] }],
    ['secrets[0]', { secrets: [`whpk_${Buffer.alloc(32).toString('base64')}`] }], ['secrets[0]', { secrets: [7] }],
    ['headers', { headers: { host: 'x' } }], ['headers', { headers: { 'Content-Length': '1' } }], ['headers', { headers: { 'webhook-id': 'x' } }],
    ['headers', { headers: { 'Waybill-Type': 'x' } }], ['headers', { headers: { 'a b': 'x' } }], ['headers', { headers: { a: 'x\r\ny: z' } }],
    ['headers', { headers: { a: 7 } }], ['headers', { headers: { a: 'é' } }], ['headers', { headers: null }], ['headers', { headers: { a: ' x' } }],
    ['timeoutMs', { timeoutMs: 0 }], ['timeoutMs', { timeoutMs: 2 ** 31 }], ['maxRequestBytes', { maxRequestBytes: 0 }],
    ['maxResponseBytes', { maxResponseBytes: -1 }], ['maxSockets', { maxSockets: 0 }], ['idleTimeoutMs', { idleTimeoutMs: 0.5 }],
    ['http2', { http2: true }], ['allowHttp', { allowHttp: 'yes' }], ['allowAddresses', { allowAddresses: ['x'] }],
    ['allowAddresses', { allowAddresses: '10.0.0.0/8' }],
  ])('%s: %o is refused', (field, changes) => {
    expect(() => webhook({ ...base, ...changes } as WebhookOptions))
      .toThrow(expect.objectContaining({ code: 'VALIDATION', details: expect.objectContaining({ field }) }))
  })

  test.each<[string, Partial<Record<keyof WebhookOptions, unknown>>, string]>([
    ['a url that is none', { url: () => 7 }, 'PERMANENT'], ['no secret', { secrets: () => [] }, 'DELIVERY_FAILED'],
    ['a bad secret', { secrets: async () => ['x'] }, 'DELIVERY_FAILED'], ['a reserved header', { headers: () => ({ host: 'x' }) }, 'DELIVERY_FAILED'],
    ['no headers', { headers: () => undefined }, 'DELIVERY_FAILED'],
    ['a url function that throws', { url: () => { throw new Error('x') } }, 'DELIVERY_FAILED'],
    ['a secrets function that never answers', { secrets: () => new Promise(() => {}), timeoutMs: 20 }, 'TIMEOUT'],
  ])('%s from a function fails the delivery', async (_title, changes, code) => {
    const transport = webhook({ ...base, ...changes } as WebhookOptions)
    expect(await failureOf(transport.deliver(envelope(), context()))).toMatchObject({ code, retryable: code !== 'PERMANENT' })
    await transport.close()
  })
})
