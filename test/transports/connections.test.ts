import { afterEach, describe, expect, test } from 'vitest'
import { WaybillError } from '../../src/core/errors.js'
import { webhook, type WebhookOptions, type WebhookTransport } from '../../src/webhook.js'
import { accept, answer, context, envelope, failureOf, Receiver, type Scheme } from './receiver.js'

const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function pair(scheme: Scheme, options: Partial<WebhookOptions> = {}): Promise<[WebhookTransport, Receiver]> {
  const receiver = await Receiver.start(scheme)
  const transport = webhook(receiver.options(options))
  closers.push(() => receiver.close(), () => transport.close())
  return [transport, receiver]
}

const deliver = (transport: WebhookTransport, id = 'one'): Promise<void> => transport.deliver(envelope({ id }), context())

describe('connections', () => {
  test.each([['http', '1.1'], ['https', '1.1'], ['h2', '2.0']] as const)('%s: twenty requests share one', async (scheme, version) => {
    const [transport, receiver] = await pair(scheme)
    for (let round = 0; round < 20; round += 1) await deliver(transport)
    expect(receiver.arrivals.map(({ httpVersion }) => httpVersion)).toEqual(Array(20).fill(version))
    expect(receiver.connections).toBe(1)
  })

  test.each([['http', 3], ['https', 3], ['h2', 1]] as const)('%s: fifty at a time use at most %i', async (scheme, most) => {
    const [transport, receiver] = await pair(scheme, { maxSockets: 3 })
    await Promise.all(Array.from({ length: 50 }, (_, index) => deliver(transport, `m${index}`)))
    expect(receiver.arrivals).toHaveLength(50)
    expect(receiver.connections).toBeLessThanOrEqual(most)
  })

  test('http2: false speaks HTTP/1.1 to a server that has both', async () => {
    const [transport, receiver] = await pair('h2', { http2: false })
    // This server has HTTP/2 only, and so declines the handshake.
    expect(await failureOf(deliver(transport))).toMatchObject({ code: 'DELIVERY_FAILED', retryable: true })
    expect(receiver.arrivals).toHaveLength(0)
  })

  test('while one waits for room, its abort takes it out of the line', async () => {
    const [transport, receiver] = await pair('http', { maxSockets: 1 })
    receiver.behaviour = () => undefined
    const first = new AbortController()
    const hung = failureOf(transport.deliver(envelope({ id: 'first' }), { signal: first.signal }))
    await receiver.untilArrived(1)
    const second = new AbortController()
    const waiting = failureOf(transport.deliver(envelope({ id: 'second' }), { signal: second.signal }))
    const third = deliver(transport, 'third')
    second.abort(new WaybillError('TIMEOUT', 'over', { retryable: true }))
    expect(await waiting).toMatchObject({ code: 'TIMEOUT' })
    receiver.behaviour = accept
    first.abort()
    expect(await hung).toMatchObject({ code: 'DELIVERY_FAILED', details: { reason: 'aborted' } })
    await third
    expect(receiver.arrivals.map(({ headers }) => headers['webhook-id'])).toEqual(['first', 'third'])
  })

  test.each(['http', 'https', 'h2'] as const)('%s: an unused connection is given up after idleTimeoutMs', async (scheme) => {
    const [transport, receiver] = await pair(scheme, { idleTimeoutMs: 20 })
    await deliver(transport)
    await receiver.untilDisconnected()
    await deliver(transport)
    expect(receiver.connections).toBe(2)
  })

  test.each(['http', 'https', 'h2'] as const)('%s: a connection that the server drops at the next request is replaced', async (scheme) => {
    const [transport, receiver] = await pair(scheme)
    await deliver(transport)
    receiver.behaviour = () => {
      receiver.behaviour = accept
      for (const socket of receiver.sockets) socket.destroy()
    }
    await deliver(transport)
    expect(receiver.arrivals).toHaveLength(3)
    expect(receiver.connections).toBe(2)
  })

  test.each(['http', 'https', 'h2'] as const)('%s: a first connection that breaks is an error, to be retried', async (scheme) => {
    const [transport, receiver] = await pair(scheme)
    receiver.behaviour = () => {
      for (const socket of receiver.sockets) socket.destroy()
    }
    expect(await failureOf(deliver(transport))).toMatchObject({ code: 'DELIVERY_FAILED', retryable: true })
    expect(receiver.arrivals).toHaveLength(1)
  })

  test('GOAWAY: what is under way ends well, the next request gets a new session', async () => {
    const [transport, receiver] = await pair('h2')
    await deliver(transport)
    const [session] = receiver.sessions
    receiver.behaviour = (reply) => {
      session?.goaway()
      answer(204)(reply, receiver.arrivals[0]!)
    }
    await deliver(transport)
    receiver.behaviour = accept
    await deliver(transport)
    expect(receiver.connections).toBe(2)
    expect(receiver.arrivals).toHaveLength(3)
  })

  test('GOAWAY before the request was taken: it is sent on a new session', async () => {
    const [transport, receiver] = await pair('h2')
    await deliver(transport)
    const [session] = receiver.sessions
    session?.goaway(0, 1)
    await Promise.all([deliver(transport, 'two'), deliver(transport, 'three')])
    expect(receiver.arrivals.map(({ headers }) => headers['webhook-id']).sort()).toEqual(['one', 'three', 'two'])
  })

  test('GOAWAY with an error on a session that was used: a new session', async () => {
    const [transport, receiver] = await pair('h2')
    await deliver(transport)
    receiver.behaviour = () => {
      receiver.behaviour = accept
      for (const session of receiver.sessions) session.destroy(undefined, 11)
    }
    await deliver(transport)
    expect(receiver.connections).toBe(2)
  })

  test('a session that does not answer is left, so that others do not wait for it', async () => {
    const [transport, receiver] = await pair('h2', { timeoutMs: 300 })
    await deliver(transport)
    receiver.behaviour = () => undefined
    expect(await failureOf(deliver(transport))).toMatchObject({ code: 'TIMEOUT', retryable: true })
    receiver.behaviour = accept
    await deliver(transport)
    expect(receiver.connections).toBe(2)
  })

  test('a certificate of a stranger is refused before anything is sent', async () => {
    const [transport, receiver] = await pair('https', { tls: {} })
    expect(await failureOf(deliver(transport))).toMatchObject({ code: 'DELIVERY_FAILED', retryable: true })
    const other = webhook(receiver.options({ url: `https://elsewhere.test:${receiver.port}/` }))
    expect(await failureOf(deliver(other))).toMatchObject({ details: { reason: 'ERR_TLS_CERT_ALTNAME_INVALID' } })
    const address = webhook(receiver.options({ url: `https://127.0.0.1:${receiver.port}/` }))
    await deliver(address)
    expect(receiver.arrivals).toHaveLength(1)
    await Promise.all([other.close(), address.close()])
  })

  test('a later address is tried when an earlier one refuses', async () => {
    const receiver = await Receiver.start()
    const addresses = ['127.0.0.9', '127.0.0.1'].map((address) => ({ address, family: 4 }))
    const transport = webhook(receiver.options({ lookup: async () => addresses }))
    await deliver(transport)
    await transport.close()
    await receiver.close()
  })

  test('refused, unknown and unanswered names are errors to be retried', async () => {
    const receiver = await Receiver.start()
    const options = receiver.options()
    await receiver.close()
    await using refused = webhook(options)
    expect(await failureOf(deliver(refused))).toMatchObject({ retryable: true, details: { reason: 'ECONNREFUSED' } })
    const unknown = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' })
    await using lost = webhook({ ...options, lookup: () => Promise.reject(unknown) })
    expect(await failureOf(deliver(lost))).toMatchObject({ retryable: true, details: { reason: 'ENOTFOUND' } })
    await using slow = webhook({ ...options, lookup: () => new Promise(() => {}), timeoutMs: 30 })
    expect(await failureOf(deliver(slow))).toMatchObject({ code: 'TIMEOUT', retryable: true })
  })

  test('close calls off a lookup, a handshake and a wait for room, and leaves no connection', async () => {
    const [transport, receiver] = await pair('http', { maxSockets: 1 })
    receiver.behaviour = () => undefined
    const ends = [failureOf(deliver(transport, 'a')), failureOf(deliver(transport, 'b'))]
    await receiver.untilArrived(1)
    const [looking] = await pair('http', { lookup: () => new Promise(() => {}) })
    const [shaking, mute] = await pair('http', {})
    const tls = webhook(mute.options({ url: `https://hooks.test:${mute.port}/` }))
    mute.on('error', () => undefined)
    ends.push(failureOf(deliver(looking)), failureOf(deliver(tls)))
    await Promise.all([transport.close(), looking.close(), shaking.close(), tls.close()])
    for (const error of await Promise.all(ends)) expect(error.message).toMatch(/closed|exchange failed/)
    await receiver.untilDisconnected()
    await mute.untilDisconnected()
  })

})
