import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CheckpointStore, SubscriberState } from '../../src/feeds/checkpoints.js'
import { openMemoryShop, type MemoryShop } from './memory-shop.js'
import type { RunOptions, RunResult } from './program.js'

interface Order { readonly id: string; readonly note?: string }

let shop: MemoryShop
let subscribers: SubscriberState[] = []
const cli = (argv: readonly string[], options: RunOptions = {}): Promise<RunResult> => shop.cli(['feed', ...argv], options)
const json = <T = object>(...argv: string[]): Promise<T> => shop.json<T>('feed', ...argv)
const lines = (result: RunResult): object[] => result.stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as object)
const feed = (scope?: string): ReturnType<MemoryShop['waybill']['feed']> =>
  (scope === undefined ? shop.waybill : shop.waybill.scoped(scope)).feed('orders', { capacity: 4, config: 'v1', key: ({ id }: Order) => id })
const put = (id: string, note?: string): { op: 'update'; after: Order } => ({ op: 'update', after: { id, ...(note !== undefined && { note }) } })

beforeAll(() => {
  const list: CheckpointStore['list'] = async ({ after, limit }) =>
    subscribers.filter(({ subscriber }) => subscriber > after).slice(0, limit)
  shop = openMemoryShop(() => ({ checkpoints: { list } as CheckpointStore }))
})
afterAll(() => shop.remove())

test('nothing yet', async () => {
  expect([(await cli(['list'])).stdout, (await cli(['subscribers'])).stdout]).toEqual(['no feeds\n', 'no subscribers\n'])
  for (const name of ['snapshot', 'tail']) {
    expect(await cli([name, 'orders'])).toMatchObject({ code: 1, stderr: expect.stringMatching(/no feed orders\n.*feed list/) as string })
  }
  expect(await cli(['reset', 'orders', '--yes'])).toMatchObject({ code: 1 })
})

test('list: names and scopes, how far, what is kept, rows; a page at a time', async () => {
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await feed().commitAlone([put(id)])
  await feed('tenant-7').commitAlone([put('a', 'of tenant 7')])
  const { incarnation, configHash } = (await feed().state())!
  expect(await json('list')).toMatchObject({ next: null, feeds: [
    { scope: 'default', name: 'orders', sequence: '6', first: '3', capacity: 4, rows: 6, incarnation, configHash },
    { scope: 'tenant-7', name: 'orders', sequence: '1', rows: 1 },
  ] })
  expect((await cli(['list'])).stdout).toMatch(/^FEED +SCOPE +SEQUENCE +KEPT FROM +CAPACITY +ROWS\norders +default +6 +3 +4 +6\n/)
  const { next } = await json<{ next: string }>('list', '--limit', '1')
  expect(await json('list', '--after', next)).toMatchObject({ feeds: [{ scope: 'tenant-7' }] })
})

test('snapshot: rows and the sequence they are of, as a table and as JSON lines; whole pages of them', async () => {
  const { stdout } = await cli(['snapshot', 'orders', '--scope', 'tenant-7'])
  expect(stdout).toMatch(/^ +SIGNATURE +VALUE\n *\d+ +{"id":"a","note":"of tenant 7"}\n1 row as of 1\n$/)
  const found = lines(await cli(['snapshot', 'orders', '--json']))
  expect(found[0]).toMatchObject({ sequence: '6', incarnation: expect.any(String) as string })
  expect(found.at(-1)).toEqual({ end: true, sequence: '6', rows: 6 })
  expect(found.slice(1, -1).map((row) => (row as { value: Order }).value.id).toSorted()).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  await shop.waybill.transaction((tx) => shop.waybill.feed('many', { key: ({ id }: Order) => id })
    .bootstrap(tx, Array.from({ length: 1_234 }, (_, index) => ({ value: { id: `o-${index}`, note: '\u001b[31m' } }))))
  const many = await cli(['snapshot', 'many'], { columns: 60, env: { NO_COLOR: '1' } })
  expect(many.stdout.split('\n')).toHaveLength(1_234 + 3)
  expect(many.stdout).not.toContain('\u001b')
  for (const line of many.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(60)
  expect(await cli(['snapshot', 'many', '--json'], { onListen: (send) => send('SIGINT') })).toMatchObject({ code: 130 })
})

test('tail: the last results, those behind a number, and a gap that says what is kept', async () => {
  expect(await json('tail', 'orders')).toMatchObject({ hasMore: false, after: '6', latest: '6', results: [
    { sequence: '3', changes: [{ op: 'update', after: { id: 'c' } }] }, { sequence: '4' }, { sequence: '5' }, { sequence: '6' },
  ] })
  expect(await json('tail', 'orders', '--limit', '2')).toMatchObject({ results: [{ sequence: '5' }, { sequence: '6' }] })
  expect(await json('tail', 'orders', '--after', '2', '--limit', '1')).toMatchObject({ hasMore: true, after: '3', results: [{ sequence: '3' }] })
  const { stdout } = await cli(['tail', 'orders', '--after', '4', '--limit', '1'])
  expect(stdout).toMatch(/^COMMITTED +SEQUENCE +CHANGE +SIGNATURE +VALUE\n\S+Z +5 +update +\d+ +{"id":"e"}\nmore: --after 5\n$/)
  expect((await cli(['tail', 'orders', '--after', '6'])).stdout).toBe('no results\n')
  expect(await cli(['tail', 'orders', '--after', '1'])).toMatchObject({
    code: 1, stderr: expect.stringMatching(/behind 1 is not kept any more; 3 to 6 is\n.*--after 2/) as string,
  })
  expect(await cli(['tail', 'orders', '--after', 'x'])).toMatchObject({ code: 2 })
})

test('tail --follow prints what comes, ends with 130 and its place, and with 1 when the feed begins anew', async () => {
  let send: (signal: 'SIGINT') => void = () => undefined
  let seen = 0
  const { code, stdout } = await cli(['tail', 'orders', '--after', '6', '--follow', '--json'], {
    onListen: (sender) => {
      send = sender
      void feed().commitAlone([put('g')])
    },
    onOutput: () => {
      seen += 1
      if (seen === 1) void feed().commitAlone([{ op: 'delete', key: 'g' }])
      else if (seen === 2) send('SIGINT')
    },
  })
  expect(code).toBe(130)
  expect(stdout.trim().split('\n').map((line) => JSON.parse(line) as object)).toMatchObject([
    { sequence: '7', changes: [{ after: { id: 'g' } }] }, { sequence: '8', changes: [{ op: 'delete' }] }, { after: '8', latest: '8' },
  ])
  expect((await cli(['tail', 'orders', '--follow', '--limit', '2', '--json'])).code).toBe(0)
  const ended = await cli(['tail', 'orders', '--follow'], {
    onOutput: () => void shop.waybill.transaction((tx) => feed().reset(tx)),
  })
  expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('begun anew') as string })
})

test('reset needs --yes, and keeps the configuration and the capacity', async () => {
  await feed().commitAlone([put('a')])
  const before = (await feed().state())!
  expect(await cli(['reset', 'orders'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') as string })
  const done = await json<{ incarnation: string }>('reset', 'orders', '--yes')
  expect(done).toMatchObject({ reset: true, name: 'orders', sequence: '0', capacity: 4, configHash: before.configHash })
  expect(done.incarnation).not.toBe(before.incarnation)
  expect((await cli(['reset', 'orders', '--scope', 'tenant-7', '--yes'])).stdout).toMatch(/^reset orders, now \S+\n$/)
  await feed().commitAlone([put('a')])
  expect((await feed().state())!).toMatchObject({ sequence: 1n, configHash: before.configHash })
})

test('subscribers: who is at it, how far behind each feed is', async () => {
  const { incarnation, configHash } = (await feed().state())!
  const checkpoint = { feed: 'orders', configHash }
  subscribers = [
    { subscriber: 'cache', owner: 'host:1', term: 3n, leaseMs: 12_000, checkpoints: [
      { ...checkpoint, sequence: 0n, incarnation }, { ...checkpoint, feed: 'scope:8:tenant-7:orders', sequence: 4n, incarnation: 'old' },
    ] },
    { subscriber: 'scope:8:tenant-7:mail', owner: undefined, term: 1n, leaseMs: 0, checkpoints: [] },
  ]
  expect(await json('subscribers')).toMatchObject({ next: null, subscribers: [
    { scope: 'default', id: 'cache', owner: 'host:1', term: '3', leaseMs: 12_000, checkpoints: [
      { feed: 'orders', scope: 'default', sequence: '0', behind: '1' }, { feed: 'orders', scope: 'tenant-7', sequence: '4', behind: null },
    ] },
    { scope: 'tenant-7', id: 'mail', owner: null, checkpoints: [] },
  ] })
  const { stdout } = await cli(['subscribers'])
  expect(stdout).toMatch(/^SUBSCRIBER +SCOPE +OWNER +LEASE +FEED +SEQUENCE +BEHIND\ncache +default +host:1 +12 s +orders +0 +1\n/)
  expect(stdout).toMatch(/\ncache +default +host:1 +12 s +orders +4 +began anew\nmail +tenant-7 +- +- +- +- +-\n$/)
  expect(await json('subscribers', '--limit', '1')).toMatchObject({ next: 'cache' })
})

test('a store without feeds or checkpoints says so', async () => {
  const bare = openMemoryShop(() => ({ feeds: undefined, checkpoints: undefined }))
  try {
    for (const argv of [['list'], ['tail', 'x'], ['subscribers']]) {
      expect(await bare.cli(['feed', ...argv])).toMatchObject({ code: 2, stderr: expect.stringMatching(/memory store (?:has no feeds|keeps no checkpoints)/) as string })
    }
  } finally {
    bare.remove()
  }
})
