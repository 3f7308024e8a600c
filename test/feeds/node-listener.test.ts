import { once } from 'node:events'
import { createServer, get, request, type IncomingMessage, type Server } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import { jsonCodec } from '../../src/core/codec.js'
import { feedSettings } from '../../src/feeds/feed-options.js'
import { toNodeListener } from '../../src/feeds/node-listener.js'
import { SoloFeed } from '../../src/feeds/solo-feed.js'
import { WakeHub } from '../../src/runner/wake.js'
import { EventParser, RowKeeper } from './event-reader.js'
import { fakeFeedStore } from './fake-feed-store.js'

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function listen(handler: Parameters<typeof toNodeListener>[0]): Promise<{ server: Server; url: string; port: number }> {
  const server = createServer(toNodeListener(handler)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { server, port, url: `http://127.0.0.1:${port}` }
}

function orders(capacity = 1_000): { feed: SoloFeed; store: ReturnType<typeof fakeFeedStore>; hub: WakeHub } {
  const store = fakeFeedStore({ rowsOfPage: 100 })
  const hub = new WakeHub()
  const feed = new SoloFeed({
    store, codec: jsonCodec, onCommit: () => hub.wake('f'), onNews: (listener) => hub.subscribe('f', listener),
  }, feedSettings({ name: 'orders', capacity, key: ({ id }: { id: number }) => id }, undefined))
  return { feed, store, hub }
}

async function answerOf(url: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const [answer] = await once(get(url, { headers, agent: false }), 'response') as [IncomingMessage]
  return answer
}

test('addresses, methods and headers as they came; status, headers and body as answered', async () => {
  const seen: unknown[] = []
  const { url, port } = await listen((asked) => {
    seen.push([asked.method, asked.url, asked.headers.get('x-two')])
    if (asked.url.endsWith('/none')) return new Response(null, { status: 204 })
    if (asked.url.endsWith('/broken')) throw new Error('hunter2')
    return new Response('hello', { status: 201, headers: [['set-cookie', 'a=1'], ['set-cookie', 'b=2']] })
  })
  const answer = await answerOf(`${url}/a?b=c`, { 'x-two': 'x, y' })
  expect([answer.statusCode, answer.headers['set-cookie'], await text(answer)]).toEqual([201, ['a=1', 'b=2'], 'hello'])
  const none = await answerOf(`${url}/none`)
  const broken = await answerOf(`${url}/broken`)
  expect([none.statusCode, broken.statusCode, await text(none), await text(broken)]).toEqual([204, 500, '', ''])
  expect(seen[0]).toEqual(['GET', `${url}/a?b=c`, 'x, y'])
  const trace = request(url, { method: 'TRACE', agent: false }).end()
  const [refused] = await once(trace, 'response') as [IncomingMessage]
  expect(refused.statusCode).toBe(400)
  const raw = connect(port, '127.0.0.1')
  raw.write('GET / HTTP/1.1\r\nHost: [not a host\r\nConnection: close\r\n\r\n')
  expect(await text(raw)).toMatch(/^HTTP\/1.1 400 /)
})

test('a body is asked for no faster than the socket takes it, and ended when its reader has gone', async () => {
  let given = 0
  let cancelled = false
  const signals: AbortSignal[] = []
  const { url } = await listen(({ signal }) => {
    signals.push(signal)
    return new Response(new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        given += 1
        controller.enqueue(new Uint8Array(65_536))
        await setImmediate()
      },
      cancel: () => { cancelled = true },
    }, { highWaterMark: 0 }))
  })
  const answer = await answerOf(url)
  // The reader takes nothing: what is given ends with the buffers between.
  let before = -1
  await vi.waitFor(() => {
    const isStill = before === given
    before = given
    expect(isStill && given > 0).toBe(true)
  }, { interval: 200, timeout: 10_000 })
  expect(given).toBeLessThan(1_000)
  answer.destroy()
  await vi.waitFor(() => expect([cancelled, signals[0]?.aborted]).toEqual([true, true]))
})

test('a body that breaks breaks the answer: it does not look whole', async () => {
  const { url } = await listen(() => new Response(new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(10)),
    pull: (controller) => controller.error(new Error('cut')),
  })))
  await expect(text(await answerOf(url))).rejects.toMatchObject({ code: 'ECONNRESET' })
})

/** Follows a feed over sockets that break after a random count of bytes, wherever in an event that is. */
class Follower {
  readonly keeper = new RowKeeper()
  connects = 0
  #lastEventId = ''
  readonly #url: string
  readonly #random: () => number

  constructor(url: string, random: () => number) {
    this.#url = url
    this.#random = random
  }

  async until(isDone: (keeper: RowKeeper) => boolean): Promise<void> {
    while (!isDone(this.keeper)) {
      this.connects += 1
      const headers = { accept: 'text/event-stream', ...(this.#lastEventId !== '' && { 'last-event-id': this.#lastEventId }) }
      const answer = await answerOf(this.#url, headers)
      let left = Math.floor(this.#random() * 4_000)
      const parser = new EventParser()
      for await (const piece of answer as AsyncIterable<Buffer>) {
        for (const event of parser.read(piece.subarray(0, left))) {
          this.keeper.apply(event)
          this.#lastEventId = event.lastEventId
        }
        left -= piece.byteLength
        if (left <= 0 || isDone(this.keeper)) break
      }
      answer.destroy()
    }
  }
}

const LAST = 999

function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

test.each([[1, 100], [2, 1_000], [3, 5]])('sockets that break anywhere (seed %i, %i results kept): nothing lost, nothing twice', async (seed, capacity) => {
  const random = randomOf(seed)
  const { feed, store, hub } = orders(capacity)
  const model = new Map<number, object>()
  await feed.commit([{ op: 'add', after: { id: 0, total: 0 } }])
  model.set(0, { id: 0, total: 0 })
  const handler = feed.handler({ pollMaxMs: 60_000 })
  const { url } = await listen(handler)
  const follower = new Follower(url, random)
  const following = follower.until(({ rows }) => [...rows.values()].some((row) => (row as { id: number }).id === LAST))
  for (let sequence = 2; sequence <= 400; sequence += 1) {
    const id = Math.floor(random() * 40)
    const after = { id, total: sequence }
    if (random() < 0.3) {
      model.delete(id)
      await feed.commit([{ op: 'delete', key: id }])
    } else {
      model.set(id, after)
      await feed.commit([{ op: 'update', after }])
    }
    if (random() < 0.2) await setImmediate()
  }
  model.set(LAST, { id: LAST, total: 401 })
  await feed.commit([{ op: 'add', after: { id: LAST, total: 401 } }])
  await following
  const { keeper } = follower
  expect([...keeper.rows.values()].toSorted(byId)).toEqual([...model.values()].toSorted(byId))
  // Ascending, each once; with a log that keeps all there is no reset, so none is missing either.
  const numbers = keeper.sequences.map(Number)
  expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b))
  if (capacity === 1_000) {
    expect(keeper.resets).toEqual([])
    expect(numbers.at(-1)! - numbers[0]!).toBe(numbers.length - 1)
  }
  expect(follower.connects).toBeGreaterThan(3)
  await handler.close()
  expect([handler.connections, store.openSnapshots, hub.size]).toEqual([0, 0, 0])
})

function byId(a: unknown, b: unknown): number {
  return (a as { id: number }).id - (b as { id: number }).id
}
