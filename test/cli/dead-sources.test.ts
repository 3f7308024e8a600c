/** `waybill dead` beyond the outbox: events of publishers, entries of heaps, results of subscribers. */
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { permanentError } from '../../src/index.js'
import { redis } from '../../src/redis.js'
import { redisMissing, RedisServer } from '../support/redis-server.js'
import { openMemoryShop, type MemoryShop } from './memory-shop.js'
import { runCli } from './program.js'

let shop: MemoryShop
beforeEach(() => {
  shop = openMemoryShop()
})
afterEach(() => shop.remove())

interface Listed {
  readonly deadLetters: readonly { readonly id: string; readonly source: string }[]
  readonly next: string | null
}

const idsOf = async (...argv: string[]): Promise<string[]> =>
  (await shop.json<Listed>('dead', 'list', ...argv)).deadLetters.map(({ id }) => id)

/** A dead letter of each source, and a heap's entry that has failed once. */
async function fill(): Promise<void> {
  const { waybill } = shop
  await shop.enqueueDead({ key: 'o-7' }, ['HTTP 500'])
  await waybill.journal.appendAlone([{ stream: 'order-7', type: 'order.placed', payload: { total: 42 } }])
  const publisher = waybill.publisher({
    name: 'search', onFailure: 'dead_letter', publish: () => { throw permanentError('refused https://u:hunter2@shop.example') },
  })
  await publisher.drain()
  await publisher.stop()
  const heap = waybill.heap('mails')
  for (let n = 0; n < 10; n += 1) await heap.recordFailure('user/1', 'mailbox is full')
  await heap.recordFailure('once')
  const feed = waybill.feed('orders')
  await feed.commitAlone([{ op: 'update', key: 1, after: 'x' }])
  const subscriber = waybill.subscriber({
    id: 'cache', feeds: [feed], start: 'earliest', onFailure: 'dead_letter', onResult: () => { throw permanentError('too large') },
  })
  await subscriber.drain()
  await subscriber.stop()
}

test('list: a row of each source, pages that go on, filters by source and name', async () => {
  await fill()
  const { stdout } = await shop.cli(['dead', 'list'])
  const rows = stdout.trim().split('\n').slice(1).map((line) => line.split(/ {2,}/).slice(1))
  expect(rows).toEqual([
    ['outbox', 'default/mailer', 'order.placed o-7', '1', expect.stringMatching(/ago$/), 'HTTP 500'],
    ['publisher', 'search', 'order.placed order-7 #1', '1', expect.stringMatching(/ago$/), expect.stringContaining('https://u:***@shop.example')],
    ['heap', 'mails', 'user/1', '10', expect.stringMatching(/ago$/), 'mailbox is full'],
    ['subscriber', 'cache', 'orders #1', '1', expect.stringMatching(/ago$/), expect.stringContaining('too large')],
  ])
  const all = await idsOf()
  const found: string[] = []
  for (let next: string | null = ''; next !== null;) {
    const page: Listed = await shop.json<Listed>('dead', 'list', '--limit', '1', ...(next === '' ? [] : ['--after', next]))
    found.push(...page.deadLetters.map(({ id }) => id))
    next = page.next
  }
  expect(found).toEqual(all)
  expect(await idsOf('--source', 'heap', '--failures', '1')).toEqual(['heap:mails:user%2F1', 'heap:mails:once'])
  expect(await idsOf('--source', 'publisher', '--name', 'search')).toEqual([all[1]])
  expect(await idsOf('--source', 'publisher', '--name', 'other')).toEqual([])
  expect(await shop.cli(['dead', 'list', '--source', 'inbox'])).toMatchObject({ code: 2 })
  expect(await shop.cli(['dead', 'list', '--name', 'x'])).toMatchObject({ code: 2, stderr: expect.stringContaining('name is of a publisher') as string })
  expect(await shop.json('dead', 'list', '--group', '--source', 'heap')).toMatchObject({ groups: [{ error: 'mailbox is full', count: 1 }], scanned: 1 })
})

test('show: what is kept of each, without secrets; the payload alone', async () => {
  await fill()
  const [, event = '', entry = '', result = ''] = await idsOf()
  const { stdout } = await shop.cli(['dead', 'show', event])
  expect(stdout).toMatch(/^id +publisher:search:\d+\nsource +publisher\npublisher +search\n[^]*Z {2}failure 1 {2}.*u:\*\*\*@shop[^]*\n\{\n {2}"total": 42\n\}\n$/)
  expect(await shop.json('dead', 'show', event)).toMatchObject({
    id: event, stream: 'order-7', sequence: '1', failures: [{ attempt: 1 }], payload: { total: 42 },
  })
  expect((await shop.cli(['dead', 'show', event, '--raw'])).stdout).toBe('{"total":42}')
  expect((await shop.cli(['dead', 'show', entry])).stdout).toMatch(/\nfailures +10\n\n\S+Z {2}failure 10 {2}mailbox is full\n$/)
  expect(await shop.json('dead', 'show', entry)).not.toHaveProperty('payload')
  expect(await shop.json('dead', 'show', result)).toMatchObject({ source: 'subscriber', feed: 'orders', sequence: '1' })
  expect(await shop.cli(['dead', 'show', entry, '--raw'])).toMatchObject({ code: 1, stderr: expect.stringContaining('has no payload') as string })
  for (const id of ['publisher:search:99', 'heap:mails:nobody']) {
    expect(await shop.cli(['dead', 'show', id])).toMatchObject({ code: 1, stderr: expect.stringMatching(/no dead letter[^]*waybill dead list/) as string })
  }
  expect(await shop.cli(['dead', 'show', 'publisher:search'])).toMatchObject({ code: 2, stderr: expect.stringContaining('take it from a list') as string })
})

test('redrive and discard: by id, and all of a source; what cannot be done says what can', async () => {
  await fill()
  const [, event = '', entry = '', result = ''] = await idsOf()
  const said = async (...argv: string[]): Promise<object> => {
    const { code, stdout, stderr } = await shop.cli(['dead', ...argv])
    return { code, said: stdout + stderr }
  }
  for (const [id, text] of [[entry, 'discard the entry'], [result, 'in your application: waybill.deadLetters.redrive']] as const) {
    expect(await said('redrive', id)).toEqual({ code: 1, said: expect.stringContaining(text) as string })
  }
  expect(await said('redrive', event, '--payload', '1', '--note', 'n'))
    .toEqual({ code: 1, said: expect.stringMatching(/append another[^]*next: /) as string })
  expect(await said('redrive', '--all', '--source', 'publisher', '--rate', '1000')).toEqual({ code: 0, said: '1 redriven\n' })
  expect(await said('redrive', event)).toEqual({ code: 1, said: `${event}  not dead\n` })
  expect(await said('discard', result)).toEqual({ code: 0, said: `${result}  discarded\n` })
  expect(await said('discard', '--all', '--source', 'heap', '--failures', '1', '--yes')).toEqual({ code: 0, said: '2 discarded\n' })
  expect((await idsOf()).length).toBe(1)
  for (const argv of [['--all'], ['--all', '--source', 'outbox'], ['x', '--source', 'heap']]) {
    expect(await said('redrive', ...argv)).toMatchObject({ code: 2 })
  }
})

test('an event that the journal has no more stays, and the exit code says so', async () => {
  await fill()
  const [event = ''] = await idsOf('--source', 'publisher')
  await shop.store.journal!.removeTo({ scope: 'default' as never, stream: 'order-7' }, 1n)
  expect(await shop.cli(['dead', 'redrive', event])).toMatchObject({ code: 1, stdout: expect.stringContaining('discard it') as string })
  expect(await shop.cli(['dead', 'redrive', '--all', '--source', 'publisher'])).toMatchObject({
    code: 1, stdout: '0 redriven, 1 stay: the journal has their events no more\n',
  })
})

test('purge: until there is no more, of all sources or one', async () => {
  await fill()
  await shop.enqueueDead({})
  expect(await shop.cli(['dead', 'purge'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--older-than 30d') as string })
  expect(await shop.json('dead', 'purge', '--older-than', '1d')).toMatchObject({ removed: { outbox: 0, heap: 0 }, interrupted: false })
  expect(await shop.json('dead', 'purge', '--older-than', '0s', '--source', 'heap')).toEqual({ removed: { heap: 2 }, interrupted: false })
  expect((await shop.cli(['dead', 'purge', '--older-than', '0s', '--limit', '1'])).stdout).toMatch(/^2 outbox, .*removed\n$/)
  expect(await idsOf('--source', 'outbox')).toEqual([])
})

const missing = redisMissing()

// reason: there is no redis-server; the run's first lines say why
test.skipIf(missing !== undefined)('on Redis: heaps and subscribers [skipped without a server]', async () => {
  await using server = await RedisServer.create()
  const store = redis({ url: server.url })
  onTestFinished(() => store.close())
  for (let n = 0; n < 10; n += 1) await store.heap('mails').recordFailure('a', 'full')
  const cli = (...argv: string[]): ReturnType<typeof runCli> => runCli(['dead', ...argv, '--url', server.url])
  expect((await cli('list')).stdout).toMatch(/\nheap:mails:a +heap +mails +a +10 /)
  expect(await cli('list', '--scope', 'tenant-7')).toMatchObject({ code: 2 })
  expect(await cli('list', '--lane', 'default')).toMatchObject({ code: 2 })
  expect(await cli('discard', 'heap:mails:a')).toMatchObject({ code: 0, stdout: 'heap:mails:a  discarded\n' })
  expect(await cli('list')).toMatchObject({ code: 0, stdout: 'no dead letters\n' })
})
