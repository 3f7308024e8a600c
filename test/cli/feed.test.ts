import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { permanentError } from '../../src/core/transport.js'
import { postgres } from '../../src/postgres.js'
import { sqlite } from '../../src/sqlite.js'
import type { Store } from '../../src/store.js'
import { createWaybill } from '../../src/waybill.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-schemas.js'
import { openMemoryShop, type MemoryShop } from './memory-shop.js'
import { runCli, temporaryFolder, type RunOptions, type RunResult } from './program.js'

interface Order { readonly id: string; readonly note?: string }

const put = (id: string, note?: string): { op: 'update'; after: Order } => ({ op: 'update', after: { id, ...(note !== undefined && { note }) } })

type Shop = Pick<MemoryShop, 'waybill' | 'store' | 'cli'>

function feedTests(open: () => Shop): void {
  let shop: Shop
  const cli = (argv: readonly string[], options: RunOptions = {}): Promise<RunResult> => shop.cli(['feed', ...argv], options)
  const json = async <T = object>(...argv: string[]): Promise<T> => JSON.parse((await cli([...argv, '--json'])).stdout) as T
  const lines = (result: RunResult): object[] => result.stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as object)
  const feed = (scope?: string): ReturnType<MemoryShop['waybill']['feed']> =>
    (scope === undefined ? shop.waybill : shop.waybill.scoped(scope)).feed('orders', { capacity: 4, config: 'v1', key: ({ id }: Order) => id })

  beforeAll(async () => {
    shop = open()
    await shop.waybill.migrate()
  })
  afterAll(() => shop.waybill.close())

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
    const checkpoints = shop.store.checkpoints!
    const mail = { subscriber: 'scope:8:tenant-7:mail' }
    await checkpoints.release({ ...mail, term: (await checkpoints.take({ ...mail, owner: 'host:2', leaseMs: 1_000 }))!.term })
    const cache = { subscriber: 'cache' }
    const { term } = (await checkpoints.take({ ...cache, owner: 'host:1', leaseMs: 3_599_000 }))!
    const checkpoint = { feed: 'orders', configHash, sequence: 0n, incarnation }
    const old = { ...checkpoint, feed: 'scope:8:tenant-7:orders', sequence: 4n, incarnation: 'old' }
    expect(await checkpoints.save({ ...cache, term, dead: [], checkpoints: [checkpoint, old] })).toBe(true)
    expect(await json('subscribers')).toMatchObject({ next: null, subscribers: [
      { scope: 'default', id: 'cache', owner: 'host:1', term: '1', leaseMs: expect.any(Number) as number, checkpoints: [
        { feed: 'orders', scope: 'default', sequence: '0', behind: '1' }, { feed: 'orders', scope: 'tenant-7', sequence: '4', behind: null },
      ] },
      { scope: 'tenant-7', id: 'mail', owner: null, checkpoints: [] },
    ] })
    const { stdout } = await cli(['subscribers'])
    expect(stdout).toMatch(/^SUBSCRIBER +SCOPE +OWNER +LEASE +FEED +SEQUENCE +BEHIND +SAVED\ncache +default +host:1 +59 m +orders +0 +1 .*ago\n/)
    expect(stdout).toMatch(/\ncache +default +host:1 +59 m +orders +4 +began anew .*ago\nmail +tenant-7 +- +- +- +- +- +-\n$/)
    expect(await json('subscribers', '--limit', '1')).toMatchObject({ next: 'cache' })
  })
}

describe('on memory', () => {
  const shop = openMemoryShop()
  afterAll(() => shop.remove())
  feedTests(() => shop)
})

/** Named on the command line. */
function shopOf(store: Store, cwd: string, flags: readonly string[]): Shop {
  return { store, waybill: createWaybill({ store }), cli: (argv, options = {}) => runCli([...argv, ...flags], { cwd, ...options }) }
}

describe('on SQLite', () => {
  const folder = temporaryFolder()
  afterAll(() => folder.remove())
  feedTests(() => shopOf(sqlite({ path: join(folder.path, 'shop.db') }), folder.path, ['--url', 'sqlite:shop.db']))
})

// reason: there is no server and none could be started; the run's first lines say why
describe.skipIf(postgresUrl === null)('on PostgreSQL [skipped without a server]', () => {
  const folder = temporaryFolder()
  const schema = freshSchema()
  const url = postgresUrl ?? ''
  afterAll(async () => {
    await dropSchema(schema)
    folder.remove()
  })
  feedTests(() => shopOf(postgres({ url, schema }), folder.path, ['--url', url, '--schema', schema]))
})

test('one subscriber: itself, what it set aside, and forgotten as a whole or of one feed', async () => {
  const live = openMemoryShop()
  try {
    const own = live.waybill.scoped('tenant-7')
    const feeds = ['orders', 'stock'].map((name) => own.feed(name, { key: ({ id }: Order) => id }))
    for (const each of feeds) for (const id of ['a', 'b']) await each.commitAlone([put(id, 'password=hunter2')])
    await using subscriber = own.subscriber({
      id: 'cache', feeds, start: 'earliest', onFailure: 'dead_letter',
      onResult: ({ sequence }) => { if (sequence === 2n) throw permanentError('password=hunter2') },
    })
    await subscriber.drain()
    const run = (...argv: string[]): Promise<RunResult> => live.cli(['feed', 'subscribers', ...argv])
    const ofTenant = ['cache', '--scope', 'tenant-7']
    expect(await live.json('feed', 'subscribers', ...ofTenant)).toMatchObject({ id: 'cache', scope: 'tenant-7', checkpoints: [
      { feed: 'orders', sequence: '2', behind: '0', savedAt: expect.any(Number) as number }, { feed: 'stock' },
    ] })
    expect((await run(...ofTenant)).stdout).toMatch(/\ncache +tenant-7 +\S+ +\d+ s +orders +2 +0 +\S+ \S+ ago\ncache .*stock/)
    const dead = (await run(...ofTenant, '--dead')).stdout
    expect(dead).toMatch(/^ *NUMBER +FEED +SEQUENCE +CHANGES +TRIES +DIED +ERROR\n +1 +orders +2 +1 +1 +\S+ \S+ ago +.*\*\*\*\n +2 +stock/)
    expect(dead).not.toContain('hunter2')
    expect(await live.json('feed', 'subscribers', ...ofTenant, '--dead', '--limit', '1')).toMatchObject({ next: '1', deadLetters: [
      { number: '1', feed: 'orders', scope: 'tenant-7', sequence: '2', attempts: 1, bytes: expect.any(Number) as number, changes: [{ op: 'update' }] },
    ] })
    expect(await live.json('feed', 'subscribers', ...ofTenant, '--dead', '--after', '1')).toMatchObject({ next: null, deadLetters: [{ number: '2' }] })
    expect((await run(...ofTenant, '--dead', '--after', '2')).stdout).toBe('no dead letters\n')
    for (const [argv, text] of [
      [['--dead'], 'name it'], [['--forget', '--yes'], 'name it'], [['cache', '--forget'], 'add --yes'], [['cache', '--feed', 'x'], 'goes with --forget'],
      [['cache', '--dead', '--forget'], 'exclude each other'], [['cache', '--dead', '--after', 'x'], 'number of a dead letter'],
    ] as const) expect(await run(...argv)).toMatchObject({ code: 2, stderr: expect.stringContaining(text) as string })
    for (const argv of [['cache'], ['cache', '--dead'], ['cache', '--forget', '--yes'], ['cache', '--forget', '--feed', 'orders', '--yes']]) {
      expect(await run(...argv)).toMatchObject({ code: 1, stderr: expect.stringContaining('no subscriber cache') as string })
    }
    expect(await run(...ofTenant, '--forget', '--feed', 'x', '--yes')).toMatchObject({ code: 1, stderr: expect.stringContaining('no checkpoint of feed x') as string })
    expect((await run(...ofTenant, '--forget', '--feed', 'stock', '--yes')).stdout).toBe('forgotten stock of cache\n')
    expect(await live.json('feed', 'subscribers', ...ofTenant)).toMatchObject({ owner: null, checkpoints: [{ feed: 'orders' }] })
    expect(await live.json('feed', 'subscribers', '--forget', ...ofTenant, '--yes')).toEqual({ id: 'cache', forgotten: true })
    expect((await run()).stdout).toBe('no subscribers\n')
  } finally {
    live.remove()
  }
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
