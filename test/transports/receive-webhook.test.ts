/** `receiveWebhook`: what it answers to whom, and that its effect happens once. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { createWaybill, permanentError, throttledError, toNodeListener } from '../../src/index.js'
import { memory, type MemoryTransaction } from '../../src/memory.js'
import { sqlite } from '../../src/sqlite.js'
import { signedContent, signerOf } from '../../src/transports/webhook/signing.js'
import { receiveWebhook, webhook, type ReceiveWebhookOptions } from '../../src/webhook.js'
import { openHandle, testFile } from '../stores/sqlite-support.js'
import { context, envelope, failureOf, SECRET } from './receiver.js'

const NOW = 1_700_000_000_000

interface Sent {
  readonly id?: string
  readonly body?: string
  readonly secret?: string
  readonly method?: string
}

function requestOf({ id = 'm-1', body = '{"n":1}', secret = SECRET, method = 'POST' }: Sent = {}): Request {
  const timestamp = String(NOW / 1_000)
  const signature = signerOf(secret, 'secret')(signedContent(id, timestamp, Buffer.from(body)))
  return new Request('http://hooks.test/', {
    method, ...method === 'POST' && { body },
    headers: { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature, 'waybill-type': 'order' },
  })
}

type Fn = Parameters<typeof receiveWebhook<MemoryTransaction>>[2]

function service(changes: Partial<ReceiveWebhookOptions<MemoryTransaction>> = {}) {
  const { inbox } = createWaybill({ store: memory() })
  const errors: unknown[] = []
  const options = {
    secrets: [SECRET], inbox, consumer: 'orders', now: () => NOW, onError: (error: unknown) => errors.push(error), ...changes,
  }
  const statusOf = async (sent: Sent, fn: Fn = () => undefined): Promise<number> => (
    (await receiveWebhook(requestOf(sent), options, fn)).status)
  return { inbox, errors, options, statusOf }
}

test('a valid one is done once, with what was sent; the same again is 200 and does nothing', async () => {
  const { options, statusOf, inbox } = service()
  const seen: unknown[] = []
  const response = await receiveWebhook(requestOf({ body: '{"n": 1.0}' }), options, (tx, { id, type, timestamp, body, headers }) => {
    tx.assertOpen()
    seen.push([id, type, timestamp, Buffer.from(body).toString(), headers.get('webhook-id')])
  })
  expect([response.status, await response.text()]).toEqual([200, ''])
  expect(seen).toEqual([['m-1', 'order', NOW, '{"n": 1.0}', 'm-1']])
  expect(await statusOf({}, () => expect.unreachable())).toBe(200)
  expect(await inbox.wasProcessed('orders', 'm-1')).toBe(true)
})

test('a signature that is not valid is 401, and nothing is recorded', async () => {
  const { statusOf, errors, inbox } = service()
  expect(await statusOf({ secret: `whsec_${Buffer.alloc(24, 9).toString('base64')}` }, () => expect.unreachable())).toBe(401)
  expect(errors).toMatchObject([{ code: 'SIGNATURE_INVALID', details: { reason: 'no-match' } }])
  expect(await inbox.wasProcessed('orders', 'm-1')).toBe(false)
})

test('what fn fails with tells the sender what to do, and the next delivery does it', async () => {
  const { statusOf, errors } = service({ onError: undefined })
  const listening = service()
  const outcomes: number[] = []
  for (const error of [new Error('hunter2'), permanentError('no such order'), throttledError('busy', 2_500)]) {
    outcomes.push(await statusOf({}, () => { throw error }))
    await listening.statusOf({}, async () => { throw error })
  }
  expect(outcomes).toEqual([500, 422, 429])
  expect(listening.errors).toHaveLength(3)
  expect(errors).toEqual([])
  const throttled = await receiveWebhook(requestOf(), listening.options, () => { throw throttledError('busy', 2_500) })
  expect(throttled.headers.get('retry-after')).toBe('3')
  expect(await statusOf({})).toBe(200)
  const deaf = service({ onError: () => { throw new Error('deaf') } })
  expect(await deaf.statusOf({}, () => { throw new Error() })).toBe(500)
})

test('while one is doing it, another is 503 at once, or waits', async () => {
  const { options, statusOf } = service()
  let [finish, begin] = [(): void => undefined, (): void => undefined]
  const end = new Promise<void>((resolve) => { finish = resolve })
  const begun = new Promise<void>((resolve) => { begin = resolve })
  const first = statusOf({}, () => {
    begin()
    return end
  })
  await begun
  const second = await receiveWebhook(requestOf(), options, () => expect.unreachable())
  expect([second.status, second.headers.get('retry-after')]).toEqual([503, '1'])
  const third = receiveWebhook(requestOf(), { ...options, onConcurrent: 'wait' }, () => expect.unreachable())
  finish()
  expect([await first, (await third).status]).toEqual([200, 200])
})

test('a transaction of another layer is used where it is given', async () => {
  const store = memory()
  const { inbox } = createWaybill({ store })
  let begun = 0
  const { statusOf } = service({ inbox, transaction: (work) => {
    begun += 1
    return store.transaction(work)
  } })
  expect([await statusOf({}), await statusOf({}), begun]).toEqual([200, 200, 2])
})

test('methods and sizes that are not taken; options that cannot be are thrown', async () => {
  const { statusOf, options } = service({ maxBodyBytes: 7 })
  expect([await statusOf({ method: 'GET' }), await statusOf({ body: '{"n":10}' }), await statusOf({})]).toEqual([405, 413, 200])
  for (const wrong of [{ secrets: ['x'] }, { maxBodyBytes: 0 }, { toleranceMs: -1 }]) {
    await expect(receiveWebhook(requestOf(), { ...options, ...wrong }, () => undefined))
      .rejects.toMatchObject({ code: 'VALIDATION' })
  }
  await expect(receiveWebhook(requestOf(), options, undefined as unknown as Fn)).rejects.toMatchObject({ code: 'VALIDATION' })
})

test('behind node:http the body arrives, of any length, in pieces or not at all', async () => {
  const { options } = service({ now: undefined, maxBodyBytes: 300_000 })
  const seen: number[] = []
  const server = createServer(toNodeListener((request) => (
    receiveWebhook(request, options, (_tx, { body }) => { seen.push(body.byteLength) })))).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const transport = webhookTo((server.address() as AddressInfo).port)
  onTestFinished(async () => {
    await transport.close()
    server.close()
  })
  for (const size of [0, 1, 250_000]) {
    await transport.deliver(envelope({ id: `m-${size}`, payload: Buffer.alloc(size, 65) }), context())
  }
  expect(seen).toEqual([0, 1, 250_000])
  const short = createServer(toNodeListener((request) => receiveWebhook(request, { ...options, maxBodyBytes: 100 }, () => undefined)))
  await once(short.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void short.close())
  const answer = await fetch(`http://127.0.0.1:${(short.address() as AddressInfo).port}`, {
    method: 'POST', body: new Blob([Buffer.alloc(200_000)]).stream(), duplex: 'half',
  })
  expect(answer.status).toBe(413)
})

function webhookTo(port: number): ReturnType<typeof webhook> {
  return webhook({
    url: `http://127.0.0.1:${port}/hook`, secrets: [SECRET], allowHttp: true, allowAddresses: ['127.0.0.1'],
  })
}

async function startService(path: string, diesAt = ''): Promise<{ readonly port: number; readonly child: ChildProcess }> {
  const script = fileURLToPath(new URL('webhook-child.mjs', import.meta.url))
  const child = spawn(process.execPath, [script, path, SECRET, diesAt], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = await once(child.stdout, 'data') as [Buffer]
  return { port: Number(line.toString()), child }
}

test('a receiver that is killed before its commit has done nothing, after it has done it; redelivered, it is once', async () => {
  const path = testFile()
  const waybill = createWaybill({ store: sqlite({ path }) })
  await waybill.migrate()
  const { exec, query } = openHandle(path)
  exec('create table applied (id text, body text)')
  const post = async ({ port, child }: Awaited<ReturnType<typeof startService>>, dies: boolean): Promise<unknown> => {
    const transport = webhookTo(port)
    const exit = dies ? once(child, 'exit') : undefined
    const delivery = transport.deliver(envelope(), context())
    const code = dies ? (await failureOf(delivery)).code : await delivery
    expect(exit === undefined ? 'SIGKILL' : (await exit)[1]).toBe('SIGKILL')
    await transport.close()
    return code
  }
  const applied = (): number => query('select * from applied').length
  // All at once, because a process takes its time to start.
  const [first, second, last] = await Promise.all([
    startService(path, 'effect'), startService(path, 'answer'), startService(path),
  ])
  expect(await post(first, true)).toBe('DELIVERY_FAILED')
  expect([applied(), await waybill.inbox.wasProcessed('orders', envelope().id)]).toEqual([0, false])
  expect(await post(second, true)).toBe('DELIVERY_FAILED')
  expect([applied(), await waybill.inbox.wasProcessed('orders', envelope().id)]).toEqual([1, true])
  for (let time = 0; time < 2; time += 1) await post(last, false)
  expect(applied()).toBe(1)
  await waybill.close()
}, 120_000)
