import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { FrontendMessages } from '../../chaos/faults/frontend-messages.js'
import { ReplyProxy } from '../../chaos/faults/reply-proxy.js'

const STARTUP = Buffer.from([0, 0, 0, 8, 0, 3, 0, 0])
const query = (text: string): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(5 + text.length)
  return Buffer.concat([Buffer.from('Q'), length, Buffer.from(`${text}\0`)])
}

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

/** Answers every packet with its own bytes, and keeps what it was sent. */
async function echo(): Promise<{ server: Server; received: () => string }> {
  const chunks: Buffer[] = []
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      socket.write(chunk)
    })
  })
  open.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, received: () => Buffer.concat(chunks).toString('latin1') }
}

async function proxyTo(server: Server): Promise<{ proxy: ReplyProxy; client: Socket }> {
  const proxy = await ReplyProxy.listen((server.address() as AddressInfo).port, () => new FrontendMessages())
  open.push(proxy)
  const client = connect(proxy.port, '127.0.0.1')
  await once(client, 'connect')
  client.write(STARTUP)
  await once(client, 'data')
  return { proxy, client }
}

test('passes everything on, a COMMIT too, until it is told to lose a reply', async () => {
  const { server } = await echo()
  const { client } = await proxyTo(server)
  client.write(query('commit'))
  const [answer] = await once(client, 'data') as [Buffer]
  expect(answer).toEqual(query('commit'))
})

test('a COMMIT reaches the server, its answer does not reach the client, whose connection is reset', async () => {
  const { server, received } = await echo()
  let lost = 0
  const { proxy, client } = await proxyTo(server)
  proxy.loseReply(() => { lost += 1 })
  client.write(query('begin'))
  await once(client, 'data')
  client.on('data', () => expect.unreachable())
  const failed = once(client, 'error') as Promise<[NodeJS.ErrnoException]>
  client.write(query('commit'))
  const [error] = await failed
  expect(error.code).toBe('ECONNRESET')
  expect(lost).toBe(1)
  expect(received()).toContain('commit')
})

test('only one reply is lost each time', async () => {
  const { server } = await echo()
  const { proxy, client } = await proxyTo(server)
  proxy.loseReply(() => undefined)
  const failed = once(client, 'error')
  client.write(query('commit'))
  await failed
  const next = connect(proxy.port, '127.0.0.1')
  await once(next, 'connect')
  next.write(Buffer.concat([STARTUP, query('commit')]))
  const [answer] = await once(next, 'data') as [Buffer]
  expect(answer.length).toBeGreaterThan(0)
  next.destroy()
})
