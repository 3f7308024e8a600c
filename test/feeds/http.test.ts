import { afterEach, expect, test, vi } from 'vitest'
import { jsonCodec } from '../../src/core/codec.js'
import { feedSettings } from '../../src/feeds/feed-options.js'
import type { FeedHandlerOptions } from '../../src/feeds/http-options.js'
import type { FeedHandler } from '../../src/feeds/http-handler.js'
import { SoloFeed } from '../../src/feeds/solo-feed.js'
import { WakeHub } from '../../src/runner/wake.js'
import { EventReader, RowKeeper } from './event-reader.js'
import { fakeFeedStore, type FakeFeedOptions, type FakeFeedStore } from './fake-feed-store.js'

interface Order { readonly id: string; readonly total: number; readonly secret?: string }

const ended: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ended.splice(0)) await end()
})

interface Stand {
  readonly feed: SoloFeed
  readonly store: FakeFeedStore
  readonly hub: WakeHub
  readonly errors: unknown[]
  serve(options?: FeedHandlerOptions): FeedHandler
  get(handler: FeedHandler, query?: string, headers?: Record<string, string>, signal?: AbortSignal): Promise<Response>
  follow(handler: FeedHandler, lastEventId?: string): Promise<EventReader>
}

/** With `isWoken: false` only polls find what is new. */
function stand({ capacity = 1_000, isWoken = true, ...fake }: FakeFeedOptions & { capacity?: number; isWoken?: boolean } = {}): Stand {
  const store = fakeFeedStore(fake)
  const hub = new WakeHub()
  const errors: unknown[] = []
  const feed = new SoloFeed({
    store, codec: jsonCodec, now: () => 1_700_000_000_000,
    onCommit: () => { if (isWoken) hub.wake('feed') }, onNews: (listener) => hub.subscribe('feed', listener),
  }, feedSettings({ name: 'orders', capacity, key: (order: Order) => order.id }, undefined))
  const get: Stand['get'] = (handler, query = '', headers = {}, signal) =>
    handler(new Request(`http://feeds.test/orders${query}`, { headers, ...(signal !== undefined && { signal }) }))
  return {
    feed, store, hub, errors, get,
    serve(options = {}) {
      const handler = feed.handler({ onError: (error) => errors.push(error), pollMaxMs: isWoken ? 60_000 : 5, ...options })
      ended.push(async () => {
        await handler.close()
        expect([handler.connections, store.openSnapshots, hub.size]).toEqual([0, 0, 0])
      })
      return handler
    },
    async follow(handler, lastEventId) {
      const response = await get(handler, '', { accept: 'text/event-stream', ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) })
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
      return new EventReader(response)
    },
  }
}

const add = (id: string, total = 1): { op: 'add'; after: Order } => ({ op: 'add', after: { id, total } })

test('a snapshot in bounded events, then each result; ids, names and documents', async () => {
  const { feed, serve, follow } = stand()
  await feed.commit(Array.from({ length: 1_200 }, (_, index) => add(`o-${index}`)))
  const reader = await follow(serve())
  const [begin, ...others] = await reader.until('snapshot-end')
  const { incarnation, configHash } = (await feed.state())!
  expect(begin).toEqual({ name: 'snapshot-begin', lastEventId: '', document: { incarnation, configHash, sequence: '1' } })
  expect(others.map(({ name, document, lastEventId }) => [name, lastEventId, Array.isArray(document) ? document.length : document])).toEqual([
    ['snapshot-rows', '', 500], ['snapshot-rows', '', 500], ['snapshot-rows', '', 200],
    ['snapshot-end', `${incarnation}:1`, { incarnation, sequence: '1' }],
  ])
  await feed.commit([{ op: 'update', before: { id: 'o-1', total: 1 }, after: { id: 'o-1', total: 2 } }, { op: 'delete', key: 'o-2' }])
  const next = await reader.next()
  expect(next).toMatchObject({ name: 'result', lastEventId: `${incarnation}:2`, document: {
    sequence: '2', createdAt: 1_700_000_000_000,
    changes: [{ op: 'update', before: { total: 1 }, after: { total: 2 } }, { op: 'delete' }],
  } })
  expect(reader.parser.retryMs).toBe(2_000)
})

test('a place is gone on from: what is behind it, once, also where only polls tell of news', async () => {
  const { feed, serve, follow } = stand({ isWoken: false })
  for (const id of ['a', 'b', 'c']) await feed.commit([add(id)])
  const { incarnation } = (await feed.state())!
  const handler = serve()
  const reader = await follow(handler, `${incarnation}:1`)
  expect((await reader.next())?.lastEventId).toBe(`${incarnation}:2`)
  expect((await reader.next())?.lastEventId).toBe(`${incarnation}:3`)
  await feed.commit([add('d')])
  expect((await reader.next())?.lastEventId).toBe(`${incarnation}:4`)
  const fromAddress = await handler(new Request(`http://f/?stream&lastEventId=${encodeURIComponent(`${incarnation}:3`)}`))
  expect((await new EventReader(fromAddress).next())?.lastEventId).toBe(`${incarnation}:4`)
})

test('evicted, another incarnation, a restored database, a deleted feed: the reason, then all rows', async () => {
  const { feed, store, serve, follow } = stand({ capacity: 2 })
  for (const id of ['a', 'b', 'c', 'd', 'e']) await feed.commit([add(id)])
  const { incarnation } = (await feed.state())!
  const handler = serve()
  const evicted = await follow(handler, `${incarnation}:1`)
  const [reset, begin] = await evicted.until('snapshot-end')
  expect(reset).toEqual({ name: 'reset', lastEventId: '', document: { reason: 'evicted', lost: { from: '2', to: '3' } } })
  expect(begin?.name).toBe('snapshot-begin')
  const other = await follow(handler, 'other:4')
  expect((await other.next())?.document).toEqual({ reason: 'reset', lost: null })
  const ahead = await follow(handler, `${incarnation}:9`)
  expect((await ahead.next())?.document).toEqual({ reason: 'rewound', lost: null })
  const live = await follow(handler, `${incarnation}:5`)
  await feed.commit([add('f')])
  expect((await live.next())?.name).toBe('result')
  store.rewind('orders', 4n)
  await feed.reset()
  await feed.commit([add('g')])
  expect((await live.until('snapshot-end')).map(({ document }) => document)).toMatchObject([
    { reason: 'reset' }, { sequence: '1' }, [{ value: { id: 'g' } }], { sequence: '1' },
  ])
  await feed.delete()
  await feed.bootstrap([{ value: { id: 'h', total: 1 } }])
  expect((await live.until('snapshot-end')).at(0)?.name).toBe('reset')
})

test('a snapshot that the log does not keep up with: the reason, then all rows; given up after some, and JSON lines cut off', async () => {
  const { feed, store, serve, follow, get, errors } = stand({ capacity: 2, rowsOfPage: 10, snapshots: 'corrected' })
  await feed.commit(Array.from({ length: 15 }, (_, index) => add(`o-${index}`)))
  let overruns = 1
  store.beforePage = async () => {
    for (let n = 0; overruns > 0 && n < 3; n += 1) await feed.commit([add('o-0', n)])
    overruns -= 1
  }
  const handler = serve()
  const reader = await follow(handler)
  const events = await reader.until('snapshot-end')
  expect(events.map(({ name }) => name)).toEqual(['snapshot-begin', 'reset', 'snapshot-begin', 'snapshot-rows', 'snapshot-end'])
  expect(events[1]).toEqual({ name: 'reset', lastEventId: '', document: { reason: 'overrun', lost: null } })
  const keeper = new RowKeeper()
  for (const event of events) keeper.apply(event)
  expect([keeper.rows.size, (events[4]?.document as { sequence: string }).sequence]).toEqual([15, '4'])
  overruns = Infinity
  const givenUp = await follow(handler)
  const names: string[] = []
  await expect((async () => {
    for (;;) names.push((await givenUp.next())!.name)
  })()).rejects.toMatchObject({ code: 'FEED_OVERRUN', retryable: true })
  expect(names.filter((name) => name === 'reset')).toHaveLength(2)
  await expect((await get(handler)).text()).rejects.toMatchObject({ code: 'FEED_OVERRUN' })
  expect(errors).toHaveLength(2)
})

test('a feed that is not there: streams wait for it, the others are answered 404', async () => {
  const { feed, serve, follow, get } = stand({ isWoken: false })
  const handler = serve()
  expect([(await get(handler)).status, (await get(handler, '?after=0')).status]).toEqual([404, 404])
  const reader = await follow(handler)
  const deleted = await follow(handler, 'gone:7')
  expect((await deleted.next())?.document).toEqual({ reason: 'deleted', lost: null })
  await feed.commit([add('a')])
  for (const each of [reader, deleted]) {
    expect((await each.until('snapshot-end')).map(({ name }) => name)).toEqual(['snapshot-begin', 'snapshot-rows', 'snapshot-end'])
  }
})

test('JSON lines of a snapshot; pages of results; gaps as 409 and 410', async () => {
  const { feed, serve, get } = stand({ capacity: 2 })
  for (const id of ['a', 'b', 'c']) await feed.commit([add(id)])
  const handler = serve()
  const { incarnation, configHash } = (await feed.state())!
  const response = await get(handler)
  expect(response.headers.get('content-type')).toBe('application/x-ndjson')
  const lines = (await response.text()).trimEnd().split('\n').map((line) => JSON.parse(line) as unknown)
  expect(lines).toMatchObject([
    { incarnation, configHash, sequence: '3' }, { value: { id: 'a' } }, { value: { id: 'b' } }, { value: { id: 'c' } },
    { end: true, sequence: '3', rows: 3 },
  ])
  const page = await get(handler, `?after=1&limit=1&incarnation=${incarnation}`)
  expect([page.status, await page.json()]).toMatchObject([200, { incarnation, latest: '3', hasMore: true, results: [{ sequence: '2' }] }])
  const gone = await get(handler, '?after=0')
  expect([gone.status, await gone.json()]).toMatchObject([410, { error: { code: 'GAP' }, gap: { reason: 'evicted', requested: '0', earliest: '2', latest: '3' } }])
  expect((await get(handler, '?after=3&incarnation=other')).status).toBe(409)
  expect(await (await get(handler, '?after=18446744073709551615')).json()).toMatchObject({ results: [], latest: '3' })
})

test('what is not acceptable: methods, ids, numbers, strangers, too many; the headers of the caller', async () => {
  const { feed, serve, follow, get, errors } = stand()
  await feed.commit([add('a')])
  const handler = serve({
    maxConnections: 1, headers: { 'Access-Control-Allow-Origin': '*' },
    authorize: ({ headers }) => {
      if (headers.get('who') === 'broken') throw new Error('hunter2')
      return headers.get('who') === 'moved' ? new Response(null, { status: 302 }) : headers.get('who') !== 'nobody'
    },
  })
  for (const method of ['HEAD', 'POST', 'OPTIONS']) {
    const { status, headers } = await handler(new Request('http://f/', { method }))
    expect([status, headers.get('allow'), headers.get('access-control-allow-origin')]).toEqual([405, 'GET', '*'])
  }
  const events = { accept: 'text/event-stream' }
  for (const id of ['7', ':7', 'a:', 'a:-1', 'a:18446744073709551616', 'a:1x']) {
    const answer = await get(handler, '', { ...events, 'last-event-id': id })
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: 'VALIDATION' } }])
  }
  for (const query of ['?after=', '?after=x', '?after=1&limit=0', '?after=1&limit=1001']) expect((await get(handler, query)).status).toBe(400)
  expect((await get(handler, '', { who: 'nobody' })).status).toBe(403)
  expect((await get(handler, '', { who: 'moved' })).status).toBe(302)
  const broken = await get(handler, '', { who: 'broken' })
  expect([broken.status, await broken.text()]).toEqual([500, expect.not.stringContaining('hunter2')])
  expect(errors.map(String)).toEqual(['Error: hunter2'])
  const reader = await follow(handler)
  expect([handler.connections, (await get(handler, '', events)).status, (await get(handler)).status]).toEqual([1, 503, 503])
  await reader.leave()
  expect(handler.connections).toBe(0)
  await follow(handler)
  expect(() => feed.handler({ heartbeatMs: 0 })).toThrow(/heartbeatMs/)
  expect(() => feed.handler({ authorize: 'x' as never })).toThrow(/authorize/)
})

test('map decides what goes out, before and after too; one that throws cuts the stream, and other streams live', async () => {
  const { feed, serve, follow, get, errors } = stand()
  const handler = serve({ map: ({ id, total }: Order) => {
    if (total < 0) throw new Error('no such total')
    return { id }
  } })
  await feed.commit([{ op: 'add', after: { id: 'a', total: 1, secret: 'x' } }])
  const reader = await follow(handler)
  expect((await reader.until('snapshot-end'))[1]?.document).toMatchObject([{ value: { id: 'a' } }])
  await feed.commit([{ op: 'update', before: { id: 'a', total: 1 }, after: { id: 'a', total: 2 } }])
  const { document } = (await reader.next())!
  expect((document as { changes: object[] }).changes).toMatchObject([{ before: { id: 'a' }, after: { id: 'a' } }])
  expect(JSON.stringify([document, await (await get(handler)).text()])).not.toMatch(/total|secret/)
  await feed.commit([add('bad', -1)])
  await expect(reader.next()).rejects.toThrow('no such total')
  expect(errors.length).toBeGreaterThan(0)
  await feed.commit([{ op: 'delete', key: 'bad' }])
  const later = await follow(handler, `${(await feed.state())!.incarnation}:3`)
  expect((await later.next())?.document).toMatchObject({ sequence: '4' })
})

test('rows are read as they are taken: a reader that stops holds one page, and one that leaves frees the snapshot', async () => {
  let pages = 0
  const { feed, store, serve, get } = stand({ rowsOfPage: 500 })
  store.beforePage = async () => { pages += 1 }
  await feed.bootstrap(Array.from({ length: 10_000 }, (_, index) => ({ value: { id: `o-${index}`, total: 0 } })))
  const handler = serve()
  const response = await get(handler)
  const reader = response.body!.getReader()
  await reader.read()
  // Whatever could read on by itself would have by now.
  await new Promise((resolve) => setImmediate(resolve))
  expect([pages, store.openSnapshots]).toEqual([0, 1])
  await reader.cancel()
  expect([handler.connections, store.openSnapshots]).toEqual([0, 0])
  const stop = new AbortController()
  const aborted = await get(handler, '', { accept: 'text/event-stream' }, stop.signal)
  const events = new EventReader(aborted)
  await events.next()
  await events.next()
  stop.abort()
  while (await events.next() !== undefined);
  await vi.waitFor(() => expect([handler.connections, store.openSnapshots]).toEqual([0, 0]))
})

test('a reader that takes nothing is cut off; one that waits for news is not, and hears heartbeats', async () => {
  const { feed, store, serve, follow, get } = stand({ rowsOfPage: 500 })
  await feed.bootstrap(Array.from({ length: 2_000 }, (_, index) => ({ value: { id: `o-${index}`, total: 0 } })))
  const handler = serve({ stallMs: 20, heartbeatMs: 30 })
  const stalled = (await get(handler)).body!.getReader()
  await stalled.read()
  await vi.waitFor(() => expect([handler.connections, store.openSnapshots]).toEqual([0, 0]))
  await expect(stalled.read()).rejects.toMatchObject({ code: 'TIMEOUT' })
  const unread = await get(handler, '', { accept: 'text/event-stream' })
  await vi.waitFor(() => expect(handler.connections).toBe(0))
  await expect(unread.text()).rejects.toMatchObject({ code: 'TIMEOUT' })
  const reader = await follow(handler)
  await reader.until('snapshot-end')
  expect([await reader.piece(), await reader.piece()]).toEqual([':\n\n', ':\n\n'])
  await feed.commit([add('a')])
  await reader.until('result')
  const waiting = reader.next()
  // Its heartbeat has been asked for, and behind it nothing but news can come.
  await vi.waitFor(() => expect(reader.parser.comments).toBeGreaterThan(0))
  await reader.leave()
  expect([await waiting, handler.connections]).toEqual([undefined, 0])
})

test('any number of streams that wait cost one look; a slow one catches up from the log', async () => {
  const { feed, store, serve, follow } = stand()
  await feed.commit([add('a')])
  const handler = serve()
  const readers = await Promise.all(Array.from({ length: 50 }, () => follow(handler)))
  const keepers = readers.map(() => new RowKeeper())
  for (const [at, reader] of readers.entries()) for (const event of await reader.until('snapshot-end')) keepers[at]!.apply(event)
  // All wait for news, and what brought them there is read.
  const reads = store.pageReads
  const [slow, ...quick] = readers.map((reader, at) => ({ reader, keeper: keepers[at]! }))
  const take = async ({ reader, keeper }: { reader: EventReader; keeper: RowKeeper }, last: string): Promise<void> => {
    while (keeper.sequences.at(-1) !== last) keeper.apply((await reader.next())!)
  }
  for (let number = 2; number <= 11; number += 1) {
    await feed.commit([add(`o-${number}`, number)])
    await Promise.all(quick.map((each) => take(each, String(number))))
  }
  expect(store.pageReads - reads).toBeLessThan(readers.length * 3)
  await take(slow!, '11')
  for (const { sequences, rows } of keepers) {
    expect(sequences).toEqual(Array.from({ length: 10 }, (_, index) => String(index + 2)))
    expect(rows.size).toBe(11)
  }
})

test('a store that fails: a stream inside a read is cut, those that wait go on when it is back', async () => {
  const { feed, store, serve, follow, get, errors } = stand({ isWoken: false })
  await feed.commit([add('a')])
  const handler = serve()
  const waiting = await follow(handler)
  await waiting.until('snapshot-end')
  store.failure = new Error('down')
  await vi.waitFor(() => expect(errors.length).toBeGreaterThan(2))
  const cut = await follow(handler)
  await expect(cut.next()).rejects.toThrow('down')
  expect((await get(handler)).status).toBe(500)
  store.failure = undefined
  await feed.commit([add('b')])
  expect((await waiting.next())?.document).toMatchObject({ sequence: '2' })
})

test('close and the signal end all streams: events to their end, rows cut off; later requests get 503', async () => {
  const { feed, serve, follow, get, store } = stand({ rowsOfPage: 500 })
  await feed.bootstrap(Array.from({ length: 2_000 }, (_, index) => ({ value: { id: `o-${index}`, total: 0 } })))
  const stop = new AbortController()
  const handler = serve({ signal: stop.signal })
  const waiting = await follow(handler)
  await waiting.until('snapshot-end')
  const rows = (await get(handler)).body!.getReader()
  await rows.read()
  stop.abort()
  await handler.close()
  expect([handler.connections, store.openSnapshots]).toEqual([0, 0])
  expect(await waiting.next()).toBeUndefined()
  await expect(rows.read()).rejects.toMatchObject({ code: 'CLOSED' })
  expect((await get(handler, '', { accept: 'text/event-stream' })).status).toBe(503)
})
