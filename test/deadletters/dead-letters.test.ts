/** `waybill.deadLetters` on every store: real failures of every source, and what becomes of them. */
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  permanentError, scopedKey, scopeId, type DeadLetter, type DeadLetters, type DeadLetterSource,
} from '../../src/index.js'
import { memory } from '../../src/memory.js'
import { redis } from '../../src/redis.js'
import { createWaybill, type Waybill } from '../../src/waybill.js'
import { redisMissing, RedisServer } from '../support/redis-server.js'
import { onEveryStore, type OpenedStore } from '../support/whole-stores.js'

type View = Waybill<unknown, unknown, Record<never, never>, boolean>

const ids = (letters: readonly DeadLetter[]): string[] => letters.map(({ id }) => id)
const sources = (letters: readonly DeadLetter[]): DeadLetterSource[] => letters.map(({ source }) => source)

async function all(deadLetters: DeadLetters, limit = 100, filter: Parameters<DeadLetters['list']>[0] = {}): Promise<DeadLetter[]> {
  const found: DeadLetter[] = []
  for (let cursor: string | undefined; ;) {
    const page = await deadLetters.list({ ...filter, limit, cursor })
    expect(page.deadLetters.length).toBeLessThanOrEqual(limit)
    found.push(...page.deadLetters)
    if (page.next === undefined) return found
    cursor = page.next
  }
}

/** Delivers, and gives up whatever `bad` says. Answers what was handled. */
async function relay(view: View, bad: (payload: unknown) => boolean): Promise<unknown[]> {
  const seen: unknown[] = []
  const running = view.relay({
    lane: 'default', handlers: { mailer: (message) => {
      if (bad(message.payload)) throw permanentError(`no such order: ${JSON.stringify(message.payload)}`)
      seen.push(message.payload)
    } },
  })
  await running.drain()
  await running.stop()
  return seen
}

async function publish(view: View, bad: (sequence: bigint) => boolean): Promise<string[]> {
  const seen: string[] = []
  const running = view.publisher({
    name: 'search: all', saveEveryMs: 0, onFailure: 'dead_letter', publish: ({ stream, sequence }) => {
      if (bad(sequence)) throw permanentError(`refused ${sequence}`)
      seen.push(`${stream} ${sequence}`)
    },
  })
  await running.drain()
  await running.stop()
  return seen
}

async function subscribe(view: View, bad: boolean): Promise<unknown[]> {
  const feed = view.feed('orders')
  const seen: unknown[] = []
  await using running = view.subscriber({
    id: 'cache', feeds: [feed], start: 'earliest', onFailure: 'dead_letter', onResult: ({ changes: [change] }) => {
      if (bad) throw permanentError('too large')
      seen.push(change?.after)
    },
  })
  await running.drain()
  return seen
}

/** Two dead letters of every source. */
async function fill(view: View): Promise<void> {
  for (const key of ['a', 'b']) {
    await view.outbox.enqueueAlone({ type: 'order.placed', target: 'mailer', key, payload: { order: key } })
  }
  await relay(view, () => true)
  await view.journal.appendAlone([1, 2, 3, 4].map((n) => ({ stream: 'order-7', type: 'order.placed', payload: { n } })))
  expect(await publish(view, (sequence) => sequence === 2n || sequence === 3n)).toEqual(['order-7 1', 'order-7 4'])
  const heap = view.heap('mails')
  for (let n = 0; n < 10; n += 1) await heap.recordFailure('user/1', 'mailbox is full')
  for (let n = 0; n < 12; n += 1) await heap.recordFailure("o'7", 'no answer')
  await heap.recordFailure('once')
  await view.feed('orders').commitAlone([{ op: 'update', key: 1, after: 'x' }])
  await view.feed('orders').commitAlone([{ op: 'update', key: 1, after: 'y' }])
  expect(await subscribe(view, true)).toEqual([])
}

function suite(open: () => Promise<OpenedStore>): void {
  async function opened(): Promise<View> {
    const { store, close } = await open()
    onTestFinished(close)
    return createWaybill({ store })
  }

  test('list and get: those of all sources, pages of any size, ids that tell where each is', async () => {
    const view = await opened()
    expect(await view.deadLetters.list()).toEqual({ deadLetters: [], next: undefined })
    await fill(view)
    const found = await all(view.deadLetters)
    expect(sources(found)).toEqual([
      'outbox', 'outbox', 'publisher', 'publisher', 'heap', 'heap', 'subscriber', 'subscriber',
    ])
    for (const limit of [1, 2, 3, 8]) expect(await all(view.deadLetters, limit)).toEqual(found)
    const [message, , event, , entry, , result] = found
    expect(message).toMatchObject({ lane: 'default', target: 'mailer', type: 'order.placed', key: 'a', attempts: 1 })
    expect(event).toMatchObject({
      id: expect.stringMatching(/^publisher:search%3A%20all:\d+$/) as string, publisher: 'search: all', stream: 'order-7',
      sequence: 2n, type: 'order.placed', attempts: 1, error: expect.stringContaining('refused 2') as string,
    })
    expect(entry).toMatchObject({ id: 'heap:mails:o%277', heap: 'mails', entry: "o'7", attempts: 12, error: 'no answer' })
    expect(result).toMatchObject({ subscriber: 'cache', feed: 'orders', sequence: 1n })
    for (const letter of found) {
      const details = (await view.deadLetters.get(letter.id))!
      expect(details.letter).toEqual(letter)
      expect(details.failures.at(-1)).toMatchObject({ attempt: letter.attempts, error: letter.error })
      expect(letter.diedAt).toBeGreaterThan(1.7e12)
    }
    const payloads = await Promise.all(found.map(async ({ id }) => (await view.deadLetters.get(id))?.payload))
    expect(payloads.map((payload) => payload && Buffer.from(payload).toString().slice(0, 13)).slice(0, 5))
      .toEqual(['{"order":"a"}', '{"order":"b"}', '{"n":2}', '{"n":3}', undefined])
  })

  test('filters: of one source, of one name, of messages, of heaps from a threshold on', async () => {
    const view = await opened()
    await fill(view)
    const { deadLetters } = view
    for (const source of ['outbox', 'publisher', 'heap', 'subscriber'] as const) {
      for (const limit of [1, 2, 5]) expect(sources(await all(deadLetters, limit, { source }))).toEqual([source, source])
    }
    const count = async (filter: object): Promise<number> => (await all(deadLetters, 1, filter)).length
    expect(await count({ source: 'publisher', name: 'search: all' })).toBe(2)
    expect(await count({ source: 'publisher', name: 'unknown' })).toBe(0)
    expect(await count({ source: 'subscriber', name: 'cache' })).toBe(2)
    expect(await count({ source: 'heap', name: 'mails', threshold: 1 })).toBe(3)
    expect(await count({ source: 'heap', name: 'other', threshold: 1 })).toBe(0)
    expect(await count({ threshold: 11 })).toBe(7)
    expect([await count({ key: 'b' }), await count({ lane: 'other' }), await count({ target: 'mailer' })]).toEqual([1, 0, 2])
  })

  test('groups count all sources by what went wrong', async () => {
    const view = await opened()
    await fill(view)
    const { groups, scanned } = await view.deadLetters.groups()
    expect(groups.map(({ error, count }) => [error.replace(/^WaybillError: /, ''), count])).toEqual(expect.arrayContaining([
      ['no such order: {<text>:<text>}', 2], ['refused <n>', 2], ['too large', 2], ['no answer', 1], ['mailbox is full', 1],
    ]))
    expect([scanned, groups.length]).toEqual([8, 5])
    expect(await view.deadLetters.groups({ source: 'heap', scan: 1 })).toMatchObject({ scanned: 1, isPartial: true })
  })

  test('redriven, each source tries again: a message, an event alone, a result by its handler', async () => {
    const view = await opened()
    await fill(view)
    const { deadLetters } = view
    const [first, second, event, , , , result] = ids(await all(deadLetters)) as [string, ...string[]]
    expect(await deadLetters.redrive(first, { payload: { order: 'a2' }, note: 'typo, #12', by: 'ada' })).toEqual(['redriven'])
    const seen: unknown[] = []
    expect(await deadLetters.redrive([result!], { handle: ({ changes: [change] }) => void seen.push(change?.after) })).toEqual(['redriven'])
    expect(await deadLetters.redrive([event!, second!, event!, 'nothing', 'publisher:x:7'])).toEqual(
      ['redriven', 'redriven', 'not_dead', 'not_dead', 'not_dead'])
    expect(seen).toEqual(['x'])
    expect(await relay(view, () => false)).toEqual(expect.arrayContaining([{ order: 'a2' }, { order: 'b' }]))
    expect(await view.outbox.edits(first)).toMatchObject([{ by: 'ada', note: 'typo, #12' }])
    expect(await publish(view, () => false)).toEqual(['order-7 2'])
    expect(sources(await all(deadLetters))).toEqual(['publisher', 'heap', 'heap', 'subscriber'])
    expect(await deadLetters.get(first)).toBeUndefined()
    expect(await deadLetters.get(event!)).toBeUndefined()
  })

  test('an event that is given up again is another dead letter; its former id does nothing', async () => {
    const view = await opened()
    await fill(view)
    const [event = ''] = ids(await all(view.deadLetters, 9, { source: 'publisher' }))
    await view.deadLetters.redrive(event)
    expect(await publish(view, () => true)).toEqual([])
    const again = await all(view.deadLetters, 9, { source: 'publisher' })
    expect([again.length, ids(again).includes(event)]).toEqual([2, false])
    expect(await view.deadLetters.discard(event)).toEqual(['not_dead'])
    expect((await all(view.deadLetters, 9, { source: 'publisher' })).length).toBe(2)
  })

  test('an id that is none is refused before anything is done with the others', async () => {
    const { deadLetters } = await opened().then(async (view) => {
      await fill(view)
      return view
    })
    const before = ids(await all(deadLetters))
    for (const bad of ['publisher:p:first', 'subscriber:s:0']) {
      await expect(deadLetters.discard([before[0] ?? '', bad])).rejects.toMatchObject({ code: 'VALIDATION' })
      await expect(deadLetters.redrive([before[0] ?? '', bad], {})).rejects.toMatchObject({ code: 'VALIDATION' })
    }
    expect(ids(await all(deadLetters))).toEqual(before)
  })

  test('discarded, they are gone, and nothing tries them again', async () => {
    const view = await opened()
    await fill(view)
    const found = ids(await all(view.deadLetters))
    expect(await view.deadLetters.discard([...found, ...found, 'heap:mails:nobody'])).toEqual([
      ...found.map(() => 'discarded'), ...found.map(() => 'not_dead'), 'not_dead',
    ])
    expect(await all(view.deadLetters)).toEqual([])
    expect([await relay(view, () => false), await publish(view, () => false), await subscribe(view, false)]).toEqual([[], [], []])
    expect(await view.heap('mails').get("o'7")).toBeUndefined()
    expect(await view.heap('mails').get('once')).toMatchObject({ failures: 1 })
  })

  test('all of a source, in its order, a page at a time', async () => {
    const view = await opened()
    await fill(view)
    const { deadLetters } = view
    const progress: number[] = []
    const onProgress = ({ done }: { readonly done: number }): void => void progress.push(done)
    const result = await deadLetters.redriveAll({ source: 'outbox', ratePerSecond: 1_000, onProgress })
    expect([result, progress]).toEqual([{ done: 2, notDead: 0, left: 0, isInterrupted: false }, [2]])
    expect(await relay(view, () => false)).toEqual([{ order: 'a' }, { order: 'b' }])
    expect(await deadLetters.redriveAll({ source: 'publisher', name: 'search: all' })).toMatchObject({ done: 2 })
    expect(await publish(view, () => false)).toEqual(['order-7 2', 'order-7 3'])
    let calls = 0
    const handle = (): void => { if ((calls += 1) === 1) throw new Error('not yet') }
    expect(await deadLetters.redriveAll({ source: 'subscriber', handle })).toMatchObject({ done: 1, left: 1 })
    expect(await deadLetters.discardAll({ source: 'heap', threshold: 12 })).toMatchObject({ done: 1 })
    expect(sources(await all(deadLetters))).toEqual(['heap', 'subscriber'])
    const stopped = await deadLetters.discardAll({ source: 'heap', signal: AbortSignal.abort() })
    expect(stopped).toEqual({ done: 0, notDead: 0, left: 0, isInterrupted: true })
  })

  test('of a publisher each is met once, though what is redriven dies again meanwhile', async () => {
    const view = await opened()
    await fill(view)
    const stop = new AbortController()
    let publishing = Promise.resolve<unknown>(undefined)
    const result = await view.deadLetters.redriveAll({
      source: 'publisher', ratePerSecond: 4, signal: stop.signal,
      onProgress: ({ done }) => {
        publishing = publishing.then(() => publish(view, () => true))
        if (done > 3) stop.abort()
      },
    })
    await publishing
    expect(result).toMatchObject({ done: 2, notDead: 0, left: 0, isInterrupted: false })
    expect((await view.publishers.get('search: all'))?.deadLetters).toBe(2)
  })

  test('purged by age, those of each source are counted', async () => {
    const view = await opened()
    await fill(view)
    const { deadLetters } = view
    expect(await deadLetters.purge({ olderThanMs: 3_600_000 }))
      .toEqual({ outbox: 0, publisher: 0, heap: 0, subscriber: 0 })
    expect(await deadLetters.purge({ olderThanMs: 0, limit: 1 }))
      .toEqual({ outbox: 1, publisher: 1, heap: 1, subscriber: 1 })
    expect(await deadLetters.purge({ olderThanMs: 0, source: 'outbox' })).toEqual({ outbox: 1 })
    expect(await deadLetters.purge({ olderThanMs: 0, source: 'publisher' })).toEqual({ publisher: 1 })
    expect(await deadLetters.purge({ olderThanMs: 0 })).toEqual({ outbox: 0, publisher: 0, heap: 2, subscriber: 1 })
    expect(await all(deadLetters)).toEqual([])
  })

  test('a scoped view has its own, by the same ids, and cannot touch those of others', async () => {
    const view = await opened()
    const tenant = view.scoped('tenant-7')
    await fill(view)
    await fill(tenant)
    const own = await all(tenant.deadLetters, 3)
    expect(own.length).toBe(8)
    expect(new Set(own.map(({ scope }) => scope))).toEqual(new Set(['tenant-7']))
    const everything = ids(await all(view.deadLetters, 5))
    expect(everything.length).toBe(16)
    for (const { id } of own) expect(everything).toContain(id)
    const others = everything.filter((id) => !ids(own).includes(id))
    expect(await tenant.deadLetters.discard(others)).toEqual(others.map(() => 'not_dead'))
    for (const id of others) expect(await tenant.deadLetters.get(id)).toBeUndefined()
    expect((await view.deadLetters.get(own[2]!.id))?.letter).toEqual(own[2])
    expect(own[2]).toMatchObject({ publisher: scopedKey(scopeId('tenant-7'), 'search: all') })
    expect(await view.deadLetters.discard(ids(own))).toEqual(own.map(() => 'discarded'))
    expect((await all(view.deadLetters)).length).toBe(8)
  })
}

describe('waybill.deadLetters', () => onEveryStore(suite))

describe('what a source cannot do', () => {
  test('is UNSUPPORTED, before anything is done', async () => {
    const view = createWaybill({ store: memory() }) as View
    await fill(view)
    const found = await all(view.deadLetters)
    const of = (source: DeadLetterSource): string => found.find((letter) => letter.source === source)!.id
    const edit = { payload: 1, note: 'n' }
    const handle = (): void => undefined
    for (const [source, options, action] of [
      ['heap', {}, 'redrive'], ['subscriber', {}, 'redrive'], ['publisher', edit, 'edit'],
      ['subscriber', { ...edit, handle }, 'edit'], ['outbox', { handle }, 'handle'], ['publisher', { handle }, 'handle'],
    ] as const) {
      await expect(view.deadLetters.redrive([of('outbox'), of(source)], options), `${source} ${action}`).rejects
        .toMatchObject({ code: 'UNSUPPORTED' })
      await expect(view.deadLetters.redrive(of(source), options)).rejects
        .toMatchObject({ code: 'UNSUPPORTED', details: { source, action } })
    }
    await expect(view.deadLetters.redriveAll({ source: 'heap' })).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    expect(await all(view.deadLetters)).toEqual(found)
  })

  test('bad arguments, and a store that has no such source, are refused', async () => {
    const store = memory()
    const { deadLetters } = createWaybill({ store })
    const calls: readonly (() => Promise<unknown>)[] = [
      () => deadLetters.list({ limit: 1_001 }), () => deadLetters.list({ source: 'inbox' as never }),
      () => deadLetters.list({ name: 'x' }), () => deadLetters.list({ source: 'outbox', name: 'x' }),
      () => deadLetters.list({ source: 'heap', lane: 'x' }), () => deadLetters.list({ source: 'heap', threshold: 0 }),
      () => deadLetters.list({ cursor: 'heap:x' }), () => deadLetters.list({ source: 'outbox', cursor: 'heap:x:y:1' }),
      () => deadLetters.list({ source: 'publisher', cursor: 'publisher:x:-1' }), () => deadLetters.get(''),
      () => deadLetters.get('publisher:x'), () => deadLetters.get('publisher:x:y'), () => deadLetters.get('heap:%:y'),
      () => deadLetters.get(`subscriber:x:${2n ** 63n}`), () => deadLetters.get('subscriber:x:0'),
      () => deadLetters.discard(Array.from({ length: 1_001 }, () => 'x')), () => deadLetters.discard(7 as never),
      () => deadLetters.redrive(['x', 7] as never), () => deadLetters.redriveAll({} as never),
      () => deadLetters.redriveAll({ source: 'outbox', ratePerSecond: 0 }), () => deadLetters.purge({} as never),
      () => deadLetters.purge({ olderThanMs: 0, limit: 0 }), () => deadLetters.groups({ scan: 0 }),
      () => deadLetters.redrive('x', { payload: 1 }), () => deadLetters.redrive(['x', 'y'], { payload: 1, note: 'n' }),
    ]
    for (const call of calls) await expect(call(), String(call)).rejects.toMatchObject({ code: 'VALIDATION' })
    const bare = createWaybill({ store: { ...store, heaps: undefined, progress: undefined, checkpoints: undefined } })
    expect(await bare.deadLetters.list()).toEqual({ deadLetters: [], next: undefined })
    expect(await bare.deadLetters.purge({ olderThanMs: 0 })).toEqual({ outbox: 0 })
    for (const source of ['heap', 'publisher', 'subscriber'] as const) {
      await expect(bare.deadLetters.list({ source })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
      await expect(bare.deadLetters.get(`${source}:x:1`)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    }
  })

  test('an event that the journal has no more is left, and says so', async () => {
    const store = memory()
    const view = createWaybill({ store }) as View
    await fill(view)
    const [gone = '', there = ''] = ids(await all(view.deadLetters, 9, { source: 'publisher' }))
    await store.journal!.removeTo({ scope: scopeId('default'), stream: 'order-7' }, 2n)
    expect((await view.deadLetters.get(gone))?.payload).toBeUndefined()
    expect(await view.deadLetters.redrive([gone, there])).toEqual(['event_gone', 'redriven'])
    expect(await view.deadLetters.redriveAll({ source: 'publisher' })).toMatchObject({ done: 0, left: 1 })
    expect(await view.deadLetters.discard(gone)).toEqual(['discarded'])
  })

  test('what publishers and subscribers gave up is not purged through the view of one scope', async () => {
    const { deadLetters } = createWaybill({ store: memory() }).scoped('t')
    expect(await deadLetters.purge({ olderThanMs: 5 })).toEqual({ outbox: 0, heap: 0 })
    for (const source of ['publisher', 'subscriber'] as const) {
      await expect(deadLetters.purge({ olderThanMs: 5, source })).rejects
        .toMatchObject({ code: 'UNSUPPORTED', details: { source, action: 'purge' } })
    }
  })
})

const missing = redisMissing()

// reason: there is no redis-server; the run's first lines say why
test.skipIf(missing !== undefined)('on Redis: entries of heaps and results [skipped without a server]', async () => {
  await using server = await RedisServer.create()
  const store = redis({ url: server.url })
  onTestFinished(() => store.close())
  const heap = store.heap('mails')
  for (let n = 0; n < 10; n += 1) await heap.recordFailure('a', 'full')
  const feed = store.feed('orders')
  await feed.commit([{ op: 'update', key: 1, after: 'x' }])
  const running = store.subscriber({
    id: 'cache', feeds: [feed], start: 'earliest', onFailure: 'dead_letter', onResult: () => { throw permanentError('bad') },
  })
  await running.drain()
  await running.stop()
  const found = await all(store.deadLetters, 1)
  expect(sources(found)).toEqual(['heap', 'subscriber'])
  expect(await store.deadLetters.redrive(found[1]!.id, { handle: () => undefined })).toEqual(['redriven'])
  expect(await store.deadLetters.discard(ids(found))).toEqual(['discarded', 'not_dead'])
  expect(await all(store.deadLetters)).toEqual([])
  await expect(store.deadLetters.get('abc')).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

test('createWaybill without a store says so', () => {
  for (const options of [{}, { store: undefined }, { store: 'sqlite:x' }, undefined]) {
    expect(() => createWaybill(options as never)).toThrow(
      expect.objectContaining({ code: 'VALIDATION', details: expect.objectContaining({ field: 'store' }) as object }) as Error)
  }
})
