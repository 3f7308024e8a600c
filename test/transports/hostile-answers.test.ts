/** Destinations that answer badly on purpose: bytes, time and memory stay bounded, and every end is a WaybillError. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { webhook, type WebhookOptions } from '../../src/webhook.js'
import { context, envelope, failureOf, Receiver } from './receiver.js'

/** Answers a request with bytes as they are. Resolves when the server has no connection any more. */
async function against(
  reply: (socket: Socket) => void, options: Partial<WebhookOptions> = {}, payload = Buffer.from('{}'),
): Promise<Error | undefined> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.once('readable', () => {
      socket.resume()
      reply(socket)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const transport = webhook({
    url: `http://127.0.0.1:${port}/`, secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'], allowHttp: true,
    allowAddresses: ['127.0.0.1'], timeoutMs: 500, ...options,
  })
  const error = await transport.deliver(envelope({ payload }), context()).then(() => undefined, (thrown: Error) => thrown)
  await transport.close()
  await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => {
    if (socket.destroyed) resolve()
    else socket.on('close', () => resolve()).resume()
  })))
  server.close()
  return error
}

const OK = 'HTTP/1.1 200 OK\r\n'
const endless = (start: string) => (socket: Socket): void => {
  const more = (): void => {
    while (!socket.destroyed && socket.write(Buffer.alloc(16_384, 97)));
  }
  socket.on('drain', more)
  socket.write(start)
  more()
}

describe('delivered all the same', () => {
  test.each<[string, (socket: Socket) => void]>([
    ['a body without end', endless(`${OK}\r\n`)],
    ['a body longer than it said', (socket) => socket.write(`${OK}content-length: 2\r\n\r\nabcdef`)],
    ['a body shorter than it said', (socket) => socket.end(`${OK}content-length: 99\r\n\r\nab`)],
    ['a body that never ends', (socket) => socket.write(`${OK}content-length: 99\r\n\r\nab`)],
    ['a broken chunk', (socket) => socket.write(`${OK}transfer-encoding: chunked\r\n\r\nzz\r\n`)],
    ['a gzip bomb', (socket) => socket.end(Buffer.concat([Buffer.from(`${OK}content-encoding: gzip\r\n\r\n`), gzipSync(Buffer.alloc(5_000_000))]))],
    ['a hundred 1xx before', (socket) => socket.write(`${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(100)}${OK}content-length: 0\r\n\r\n`)],
    ['100 Continue before', (socket) => socket.write(`HTTP/1.1 100 Continue\r\n\r\n${OK}content-length: 0\r\n\r\n`)],
  ])('%s', async (_title, reply) => {
    expect(await against(reply)).toBeUndefined()
  })
})

describe('an error to be retried', () => {
  test.each<[string, (socket: Socket) => void, string]>([
    ['nothing', () => undefined, 'TIMEOUT'],
    ['an end', (socket) => socket.end(), 'DELIVERY_FAILED'],
    ['half a head', (socket) => socket.write('HTTP/1.1 200'), 'TIMEOUT'],
    ['no HTTP', (socket) => socket.write('220 smtp.test ESMTP\r\n'), 'DELIVERY_FAILED'],
    ['a head without end', endless(`${OK}x: `), 'DELIVERY_FAILED'],
    ['100,000 headers', (socket) => socket.write(`${OK}${'a: b\r\n'.repeat(100_000)}\r\n`), 'DELIVERY_FAILED'],
    ['1xx without end', (socket) => {
      const more = (): void => {
        while (!socket.destroyed && socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(50)));
      }
      socket.on('drain', more)
      more()
    }, 'TIMEOUT'],
    ['a change of protocol', (socket) => socket.write('HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'), 'DELIVERY_FAILED'],
    ['two lengths', (socket) => socket.write(`${OK}content-length: 1\r\ncontent-length: 2\r\n\r\nab`), 'DELIVERY_FAILED'],
    ['a length and chunks', (socket) => socket.write(`${OK}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n`), 'DELIVERY_FAILED'],
    ['status 999', (socket) => socket.write('HTTP/1.1 999 X\r\ncontent-length: 0\r\n\r\n'), 'DELIVERY_FAILED'],
  ])('%s', async (_title, reply, code) => {
    expect(await against(reply)).toMatchObject({ code, retryable: true })
  })
})

test('at most maxResponseBytes are taken, then the connection is given up', async () => {
  let written = 0
  await against((socket) => {
    socket.write(`${OK}\r\n`)
    const more = (): void => {
      while (!socket.destroyed && socket.write(Buffer.alloc(1_024))) written += 1_024
    }
    socket.on('drain', more)
    more()
  }, { maxResponseBytes: 100, timeoutMs: 10_000 })
  // The rest is what the kernel holds.
  expect(written).toBeLessThan(32 * 1_024 * 1_024)
})

test('h2: an oversized answer counts by its status, and the session goes on', async () => {
  const receiver = await Receiver.start('h2')
  const transport = webhook(receiver.options({ maxResponseBytes: 1_000 }))
  receiver.behaviour = (reply) => {
    reply.writeHead(200)
    reply.end('x'.repeat(200_000))
  }
  for (let round = 0; round < 5; round += 1) await transport.deliver(envelope(), context())
  expect(receiver.connections).toBe(1)
  receiver.behaviour = (reply) => {
    reply.writeHead(410)
    reply.end('x'.repeat(200_000))
  }
  expect(await failureOf(transport.deliver(envelope(), context()))).toMatchObject({ code: 'PERMANENT' })
  await transport.close()
  await receiver.close()
})

test('h2: an answer without end is cut off', async () => {
  const receiver = await Receiver.start('h2')
  const transport = webhook(receiver.options({ maxResponseBytes: 1_000 }))
  const cutOff = new Promise<number>((resolve) => {
    receiver.behaviour = (reply) => {
      let written = 0
      let open = true
      const more = (): void => {
        do written += 1_024
        while (open && written % 1_048_576 !== 0 && reply.write(Buffer.alloc(1_024)))
        if (open && written % 1_048_576 === 0) setImmediate(more)
      }
      reply.on('close', () => {
        open = false
        resolve(written)
      })
      reply.on('drain', more)
      reply.writeHead(200)
      more()
    }
  })
  await transport.deliver(envelope(), context())
  expect(await cutOff).toBeLessThan(32 * 1_024 * 1_024)
  await transport.close()
  await receiver.close()
})

test('an answer before the request was read does not hold the connection', async () => {
  const error = await against((socket) => {
    socket.pause()
    socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n')
  }, { maxRequestBytes: 60_000_000, timeoutMs: 20_000 }, Buffer.alloc(50_000_000))
  expect(error).toMatchObject({ code: 'PERMANENT' })
})

test('an abort after a 2xx has arrived leaves it delivered', async () => {
  const controller = new AbortController()
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('readable', () => {
      socket.resume()
      socket.write(`${OK}content-length: 5\r\n\r\na`, () => setImmediate(() => controller.abort()))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const transport = webhook({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    allowHttp: true, allowAddresses: ['127.0.0.1'], timeoutMs: 200,
  })
  // The abort may also come first; then it is an abort, and never anything else.
  const outcome = await transport.deliver(envelope(), { signal: controller.signal }).then(() => 'delivered', (error: { code: string }) => error.code)
  expect(['delivered', 'DELIVERY_FAILED']).toContain(outcome)
  await transport.close()
  server.close()
})
