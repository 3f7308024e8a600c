import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifyWebhook, webhook, type WebhookOptions } from '../../src/webhook.js'
import { answer, context, envelope, failureOf, Receiver, type Behaviour } from './receiver.js'

// Planted wherever something secret can be; none may be met again.
const canary = (name: string): string => `CANARY${name}`
const KEY = Buffer.from(`${canary('KEY')}${'x'.repeat(24)}`).toString('base64')
const SECRET = `whsec_${KEY}`
const CANARIES = ['CANARY', KEY, KEY.slice(0, 10), SECRET, inspect(Buffer.from(canary('KEY'))).slice(8, 30)]

const receivers: Receiver[] = []
let http: Receiver
let tls: Receiver
let h2: Receiver

beforeAll(async () => {
  [http, tls, h2] = [await Receiver.start('http'), await Receiver.start('https'), await Receiver.start('h2')]
  receivers.push(http, tls, h2)
})

afterAll(async () => {
  for (const receiver of receivers) await receiver.close()
})

const echo = (status: number, headers: Record<string, string> = {}): Behaviour => (reply, arrival) => {
  const text = `${JSON.stringify(arrival.headers)} ${arrival.path} ${arrival.body.toString()} ${SECRET}`
  answer(status, { 'x-echo': text.replace(/[^\x20-\x7e]/g, ''), location: `http://${canary('LOCATION')}/`, ...headers }, text)(reply, arrival)
}

function secretOptions(receiver: Receiver, changes: Partial<WebhookOptions> = {}): WebhookOptions {
  const url = receiver.url.replace('/hook?key=1', `/${canary('PATH')}?token=${canary('QUERY')}`)
  return receiver.options({
    url, secrets: [SECRET], headers: { authorization: `Bearer ${canary('HEADER')}` }, timeoutMs: 2_000, ...changes,
  })
}

const message = envelope({ headers: { note: canary('NOTE') }, payload: Buffer.from(canary('PAYLOAD')) })

function reveals(shown: unknown): string[] {
  const error = shown as Error & { toJSON?: () => object }
  const texts = [String(error), JSON.stringify(error) ?? '', inspect(error, { depth: null, showHidden: true, getters: true }), error.stack ?? '']
  return CANARIES.filter((each) => texts.some((text) => text.includes(each)))
}

const thrower = (): never => {
  throw Object.assign(new Error(canary('THROWN')), { secret: canary('THROWN') })
}

const PATHS: readonly [string, Behaviour | undefined, (() => Partial<WebhookOptions>)?][] = [
  ...[301, 307, 400, 401, 404, 408, 410, 429, 500, 503].map((status) => [`status ${status}`, echo(status)] as [string, Behaviour]),
  ['a Retry-After of nonsense', echo(503, { 'retry-after': canary('RETRY') })],
  ['a timeout', () => undefined, () => ({ timeoutMs: 30 })],
  ['a reset', () => receivers.forEach(({ sockets }) => sockets.forEach((socket) => socket.destroy()))],
  ['an endless error', (reply) => { reply.writeHead(500); reply.write(canary('BODY').repeat(20_000)) }],
  ['a refused connection', undefined, () => ({ lookup: async () => [{ address: '127.0.0.9', family: 4 }] })],
  ['a refused address', undefined, () => ({ allowAddresses: [] })],
  ['a resolver that fails', undefined, () => ({ lookup: thrower })],
  ['a resolver that answers nonsense', undefined, () => ({ lookup: async () => [{ address: canary('LOOKUP'), family: 4 }] })],
  ['a request that is too large', undefined, () => ({ maxRequestBytes: 10 })],
  ['a url with a password', undefined, () => ({ url: () => `https://${canary('USER')}:${canary('PASSWORD')}@hooks.test/` })],
  ['a malformed url', undefined, () => ({ url: () => `https://[${canary('URL')}` })],
  ['a url of another kind', undefined, () => ({ url: () => `ftp://${canary('URL')}` })],
  ['a url function that throws', undefined, () => ({ url: thrower })],
  ['a secrets function that throws', undefined, () => ({ secrets: thrower })],
  ['a secrets function with a bad secret', undefined, () => ({ secrets: () => [`whsec_${canary('SECRET')}!`] })],
  ['a secrets function with a short secret', undefined, () => ({ secrets: () => [`whsec_${Buffer.from(canary('KEY')).toString('base64')}`] })],
  ['a secrets function with another prefix', undefined, () => ({ secrets: () => [canary('SECRET')] })],
  ['a headers function that throws', undefined, () => ({ headers: thrower })],
  ['a headers function with a bad value', undefined, () => ({ headers: () => ({ authorization: `${canary('HEADER')}\r\n` }) })],
  ['a client key that is none', undefined, () => ({ url: `https://hooks.test:${tls.port}/`, tls: { key: canary('PEM'), cert: canary('PEM') } })],
  ['a certificate authority that is none', undefined, () => ({ url: `https://hooks.test:${tls.port}/`, tls: { ca: canary('PEM') } })],
  ['another name on the certificate', undefined, () => ({ url: `https://elsewhere.test:${tls.port}/${canary('PATH')}` })],
]

describe.each([['http', () => http], ['https', () => tls], ['h2', () => h2]] as const)('%s', (_scheme, receiverOf) => {
  test.each(PATHS)('%s reveals nothing', async (_title, behaviour, changes) => {
    const receiver = receiverOf()
    if (behaviour) receiver.behaviour = behaviour
    const transport = webhook(secretOptions(receiver, changes?.()))
    expect(reveals(await failureOf(transport.deliver(message, context())))).toEqual([])
    expect(reveals(transport)).toEqual([])
    await transport.close()
    expect(reveals(transport)).toEqual([])
  })
})

test.each<[string, Partial<WebhookOptions>]>([
  ['a url with a password', { url: `https://${canary('USER')}:${canary('PASSWORD')}@hooks.test/` }],
  ['a malformed url', { url: `https://[${canary('URL')}` }],
  ['a malformed secret', { secrets: [`whsec_${canary('SECRET')}!`] }],
  ['a secret without prefix', { secrets: [canary('SECRET')] }],
  ['a bad header', { headers: { authorization: `${canary('HEADER')}\n` } }],
])('options: %s reveals nothing', (_title, changes) => {
  let thrown: unknown
  try {
    webhook(secretOptions(http, changes))
  } catch (error) {
    thrown = error
  }
  expect(thrown).toMatchObject({ code: 'VALIDATION' })
  expect(reveals(thrown)).toEqual([])
})

test('a transport prints as its name, also while it has connections', async () => {
  http.behaviour = answer(204)
  const transport = webhook(secretOptions(http))
  await transport.deliver(message, context())
  expect(JSON.stringify(transport)).toBe('{"name":"webhook"}')
  expect(reveals(transport)).toEqual([])
  await transport.close()
})

test('what the receiver refuses reveals neither secret nor signature', () => {
  const headers = { 'webhook-id': canary('ID'), 'webhook-timestamp': '1', 'webhook-signature': `v1,${KEY}` }
  for (const changes of [{}, { now: () => 1_000 }, { secrets: [canary('SECRET')] }, { secrets: [`whpk_${KEY}`] }, { headers: { ...headers, 'webhook-id': `${canary('ID')}.` } }]) {
    let thrown: unknown
    try {
      verifyWebhook({ secrets: [SECRET], headers, body: canary('BODY'), ...changes })
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(Error)
    expect(reveals(thrown)).toEqual([])
  }
})
