/** `waybill.subscribers` on every store: listed, forgotten, and what they set aside. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { permanentError, type AnyFeed, type Result, type Subscribers } from '../../src/index.js'
import { memory, type MemoryTransaction } from '../../src/memory.js'
import { redis } from '../../src/redis.js'
import { createWaybill, type Waybill } from '../../src/waybill.js'
import { redisMissing, RedisServer } from '../support/redis-server.js'
import { onEveryStore, type OpenedStore } from '../support/whole-stores.js'

type Shop = Pick<Waybill<unknown, unknown, Record<never, never>, boolean>, 'subscribers' | 'subscriber'>

interface OpenFeed {
  readonly feed: AnyFeed
  commit(value: unknown): Promise<unknown>
}

interface OpenShop {
  readonly view: Shop
  open(name: string): OpenFeed
}

/** Gives up what is in `bad`, and answers what was handled. */
async function follow({ subscriber }: Shop, id: string, feeds: readonly AnyFeed[], bad: readonly unknown[] = []): Promise<unknown[]> {
  const seen: unknown[] = []
  await using running = subscriber({
    id, feeds, start: 'earliest', onFailure: 'dead_letter', consumer: 'host:1',
    onResult: ({ changes: [change] }) => {
      if (bad.includes(change?.after)) throw permanentError(`bad: ${String(change?.after)}`)
      seen.push(change?.after)
    },
  })
  await running.drain()
  return seen
}

const valuesOf = (results: readonly (Result | undefined)[]): unknown[] => results.map((result) => result?.changes[0]?.after)
const numbersOf = async (subscribers: Subscribers, id: string): Promise<bigint[]> =>
  (await subscribers.deadLetters(id)).map(({ number }) => number)

function suite(shop: () => Promise<OpenShop>): void {
  test('listed: who, where in each feed, when, and how far behind', async () => {
    const { view, open } = await shop()
    expect([await view.subscribers.list(), await view.subscribers.get('cache')]).toEqual([[], undefined])
    const [orders, stock] = [open('orders'), open('stock')]
    for (const each of [orders, orders, stock]) await each.commit('x')
    await follow(view, 'cache', [orders.feed, stock.feed])
    await follow(view, 'mails', [stock.feed])
    await orders.commit('y')
    const listed = await view.subscribers.list()
    const { incarnation, configHash } = (await orders.feed.state())!
    const [cache, mails] = listed
    expect(cache).toMatchObject({ key: 'cache', id: 'cache', scope: 'default', owner: undefined, leaseMs: 0, feeds: [
      { key: 'orders', name: 'orders', scope: 'default', sequence: 2n, incarnation, configHash, behind: 1n },
      { key: 'stock', sequence: 1n, behind: 0n },
    ] })
    expect(cache!.term > 0n && cache!.feeds[0]!.savedAt > 1.7e12).toBe(true)
    expect([mails?.id, listed.length]).toEqual(['mails', 2])
    expect(await view.subscribers.get('cache')).toEqual(cache)
    expect([await view.subscribers.get('cach'), await view.subscribers.get('cachee')]).toEqual([undefined, undefined])
    expect(await view.subscribers.list({ after: 'cache', limit: 5 })).toEqual([mails])
    expect(await view.subscribers.list({ limit: 1 })).toEqual([cache])
    expect(await view.subscribers.list({ limit: 0 })).toEqual([])
  })

  test('who is at work is told with its lease; forgotten, it begins anew, as when one of its feeds is', async () => {
    const { view, open } = await shop()
    const [orders, stock] = [open('orders'), open('stock')]
    const seen: string[] = []
    await using running = view.subscriber({
      id: 'cache', feeds: [orders.feed, stock.feed], start: 'earliest', consumer: 'host:1', saveEvery: 1,
      onResult: ({ sequence }, { feed }) => void seen.push(`${feed.name} ${sequence}`),
    })
    for (const each of [orders, orders, stock]) await each.commit('x')
    await running.drain()
    expect(seen.toSorted()).toEqual(['orders 1', 'orders 2', 'stock 1'])
    const before = (await view.subscribers.get('cache'))!
    expect([before.owner, before.leaseMs > 0]).toEqual(['host:1', true])
    expect(await view.subscribers.forget('cache', 'unknown')).toBe(false)
    expect(await view.subscribers.forget('cache', 'orders')).toBe(true)
    const forgotten = await view.subscribers.get('cache')
    expect([forgotten?.owner, forgotten?.feeds.map(({ name }) => name)]).toEqual([undefined, ['stock']])
    // Its next save fails, so what it has now is given again, with all of the feed.
    const lost = new Promise((resolve) => void running.on('standby', resolve))
    await stock.commit('x')
    await running.drain()
    await lost
    await running.drain()
    expect(seen.slice(3).toSorted()).toEqual(['orders 1', 'orders 2', 'stock 2', 'stock 2'])
    const again = (await view.subscribers.get('cache'))!
    expect([again.owner, again.term > before.term, again.feeds.map(({ sequence }) => sequence)]).toEqual(['host:1', true, [2n, 2n]])
    expect(await view.subscribers.forget('cache', again.feeds[1])).toBe(true)
    expect([await view.subscribers.forget('cache'), await view.subscribers.forget('cache')]).toEqual([true, false])
    expect(await view.subscribers.list()).toEqual([])
  })

  test('what was set aside is listed with its changes, discarded by number, and gone with its feed', async () => {
    const { view, open } = await shop()
    const [orders, stock] = [open('orders'), open('stock')]
    for (const value of ['a', 'b', 'c', 'd']) await orders.commit(value)
    await stock.commit('b')
    expect(await follow(view, 'cache', [orders.feed], ['b', 'c', 'd'])).toEqual(['a'])
    expect(await follow(view, 'cache', [stock.feed], ['b'])).toEqual([])
    const letters = await view.subscribers.deadLetters('cache')
    expect(letters).toMatchObject([
      { feed: 'orders', scope: 'default', sequence: 2n, attempts: 1, error: expect.stringContaining('bad: b') as string },
      { feed: 'orders', sequence: 3n }, { feed: 'orders', sequence: 4n }, { feed: 'stock', sequence: 1n },
    ])
    expect(valuesOf(letters.map(({ result }) => result))).toEqual(['b', 'c', 'd', 'b'])
    expect(letters.every(({ data, diedAt }) => data.byteLength > 0 && diedAt > 1.7e12)).toBe(true)
    expect(await view.subscribers.deadLetters('cache', { after: letters[0]!.number, limit: 1 })).toEqual([letters[1]])
    expect(await view.subscribers.deadLetters('cache', { limit: 0 })).toEqual([])
    expect(await view.subscribers.discard('cache', [letters[1]!.number, letters[1]!.number, 0])).toBe(1)
    expect(await view.subscribers.discard('unknown', [letters[0]!.number])).toBe(0)
    expect(await view.subscribers.forget('cache', 'stock')).toBe(true)
    expect(await numbersOf(view.subscribers, 'cache')).toEqual([letters[0]!.number, letters[2]!.number])
  })

  test('redriven, each goes to the handler in turn: what it takes is discarded, what it throws at stays', async () => {
    const { view, open } = await shop()
    const orders = open('orders')
    for (const value of ['a', 'b', 'c', 'd']) await orders.commit(value)
    await follow(view, 'cache', [orders.feed], ['a', 'b', 'c', 'd'])
    const [first, second, third, fourth] = await numbersOf(view.subscribers, 'cache')
    const given: unknown[] = []
    const handle = (result: Result, letter: { readonly number: bigint; readonly feed: string }): unknown => {
      given.push([letter.feed, letter.number, valuesOf([result])[0]])
      return letter.number === second ? Promise.reject(new Error('still bad')) : undefined
    }
    const part = await view.subscribers.redrive('cache', handle, { limit: 3 })
    expect(part).toEqual({ handled: 2, failed: [{ number: second, error: new Error('still bad') }], next: third })
    expect(given).toEqual([['orders', first, 'a'], ['orders', second, 'b'], ['orders', third, 'c']])
    expect(await numbersOf(view.subscribers, 'cache')).toEqual([second, fourth])
    const rest = await view.subscribers.redrive('cache', handle, { after: part.next })
    expect([rest, await numbersOf(view.subscribers, 'cache')]).toEqual([{ handled: 1, failed: [], next: undefined }, [second]])
    expect((await view.subscribers.redrive('cache', () => undefined)).handled).toBe(1)
    expect(await numbersOf(view.subscribers, 'cache')).toEqual([])
    // The checkpoint is as it was, so the subscriber goes on behind them.
    await orders.commit('e')
    expect(await follow(view, 'cache', [orders.feed])).toEqual(['e'])
  })
}

async function shopOn(opened: OpenedStore): Promise<OpenShop> {
  onTestFinished(() => opened.close())
  const waybill = createWaybill({ store: opened.store })
  return {
    view: viewOf(waybill),
    open: (name) => {
      const feed = waybill.feed(name)
      return { feed: feed, commit: (after) => feed.commitAlone([{ op: 'update', key: 1, after }]) }
    },
  }
}

type AnyShop = Pick<ReturnType<typeof createWaybill<unknown, unknown>>, 'subscribers' | 'subscriber'>

function viewOf(waybill: AnyShop): Shop {
  return { subscribers: waybill.subscribers, subscriber: (options) => waybill.subscriber(options) }
}

onEveryStore((open) => suite(async () => shopOn(await open())))

// reason: there is no redis-server; a printed line says why. WAYBILL_CI requires one.
describe.skipIf(redisMissing() !== undefined)('Redis [skipped without a server]', () => suite(async () => {
  const server = await RedisServer.create()
  onTestFinished(() => server[Symbol.asyncDispose]())
  const store = redis({ url: server.url })
  onTestFinished(() => store.close())
  return {
    view: store,
    open: (name) => {
      const feed = store.feed(name)
      return { feed: feed, commit: (after) => feed.commit([{ op: 'update', key: 1, after }]) }
    },
  }
}))

describe('scopes', () => {
  const IDS = ['a', 'scope:', 'scope:8:tenant-7:a', 'zz', 'é'] as const

  async function tenants(): Promise<ReturnType<typeof createWaybill<MemoryTransaction, MemoryTransaction>>> {
    const waybill = createWaybill({ store: memory() })
    for (const view of [waybill, waybill.scoped('tenant-7'), waybill.scoped('tenant-70')]) {
      const feed = view.feed('orders')
      await feed.commitAlone([{ op: 'update', key: 1, after: 'bad' }])
      for (const id of IDS) await follow(viewOf(view), id, [feed], ['bad'])
    }
    return waybill
  }

  test('a view has its own, by any size of page; the waybill itself those of all, with their scopes', async () => {
    const waybill = await tenants()
    for (const scope of ['default', 'tenant-7', 'tenant-70']) {
      const { subscribers } = waybill.scoped(scope)
      for (const limit of [1, 2, 100]) {
        const ids: string[] = []
        for (let after = ''; ;) {
          const page = await subscribers.list({ after, limit })
          if (page.length === 0) break
          expect(page.every((each) => each.scope === scope && each.feeds[0]?.scope === scope)).toBe(true)
          ids.push(...page.map(({ id }) => id))
          after = page.at(-1)!.key
        }
        expect(ids.toSorted(), `${scope} ${limit}`).toEqual([...IDS].toSorted())
      }
      expect(await subscribers.list({ after: '\u{10ffff}' })).toEqual([])
      for (const id of IDS) expect(await subscribers.get(id)).toMatchObject({ id, scope, feeds: [{ name: 'orders', scope }] })
    }
    const all = await waybill.subscribers.list()
    expect(all.length).toBe(3 * IDS.length)
    expect(new Set(all.map(({ scope, id }) => `${scope}/${id}`)).size).toBe(all.length)
  })

  test('what is done in a view is done to nobody else', async () => {
    const waybill = await tenants()
    const { subscribers } = waybill.scoped('tenant-7')
    const [number] = await numbersOf(subscribers, 'a')
    expect(await waybill.subscribers.discard('a', [number!])).toBe(0)
    expect(await subscribers.discard('a', [number!])).toBe(1)
    expect([await subscribers.forget('a', 'orders'), await subscribers.forget('zz')]).toEqual([true, true])
    expect((await subscribers.list()).map(({ id, feeds }) => [id, feeds.length])).toContainEqual(['a', 0])
    expect((await waybill.subscribers.list()).filter(({ feeds }) => feeds.length === 0).map(({ key }) => key)).toEqual(['scope:8:tenant-7:a'])
    expect((await waybill.subscribers.list()).length).toBe(3 * IDS.length - 1)
    expect((await waybill.subscribers.redrive('a', () => undefined)).handled).toBe(1)
    expect((await numbersOf(waybill.scoped('tenant-70').subscribers, 'a')).length).toBe(1)
  })
})

test('a feed that began anew, went away or is elsewhere is behind nobody knows how much', async () => {
  const store = memory()
  const waybill = createWaybill({ store })
  const feed = waybill.feed('orders')
  await feed.commitAlone([{ op: 'update', key: 1, after: 'x' }])
  await follow(viewOf(waybill), 'cache', [feed])
  const behind = async (of: Subscribers): Promise<unknown> => (await of.get('cache'))?.feeds.map((each) => each.behind)
  expect(await behind(waybill.subscribers)).toEqual([0n])
  expect(await behind(createWaybill({ store: { ...store, feeds: undefined } }).subscribers)).toEqual([undefined])
  await waybill.transaction((tx) => feed.reset(tx))
  expect(await behind(waybill.subscribers)).toEqual([undefined])
  await waybill.transaction((tx) => feed.delete(tx))
  expect(await behind(waybill.subscribers)).toEqual([undefined])
})

test('bytes that cannot be read are listed as they are, and fail to be redriven', async () => {
  const store = memory()
  const { subscribers } = createWaybill({ store })
  const { term } = (await store.checkpoints!.take({ subscriber: 'cache', owner: 'a', leaseMs: 1_000 }))!
  const data = Buffer.from('no frame')
  await store.checkpoints!.save({ subscriber: 'cache', term, checkpoints: [],
    dead: [{ feed: 'orders', incarnation: 'i', sequence: 1n, data, attempts: 1, error: 'refused' }] })
  const [letter] = await subscribers.deadLetters('cache')
  expect([letter?.result, Buffer.from(letter!.data).toString()]).toEqual([undefined, 'no frame'])
  let calls = 0
  const redriven = await subscribers.redrive('cache', () => { calls += 1 })
  expect(redriven).toMatchObject({ handled: 0, failed: [{ number: letter!.number, error: { code: 'CORRUPT' } }] })
  expect([calls, (await numbersOf(subscribers, 'cache')).length]).toEqual([0, 1])
})

test('bad arguments, and a store without checkpoints, are refused', async () => {
  const store = memory()
  const { subscribers } = createWaybill({ store })
  const calls: readonly (() => Promise<unknown>)[] = [
    () => subscribers.list({ limit: -1 }), () => subscribers.list({ limit: 1_001 }), () => subscribers.list({ after: '\0' }),
    () => subscribers.get(''), () => subscribers.forget(' '), () => subscribers.forget('x'.repeat(256)),
    () => subscribers.forget('a', ''), () => subscribers.forget('a', {} as never),
    () => subscribers.deadLetters('a', { limit: 1.5 }), () => subscribers.deadLetters('a', { after: -1 }),
    () => subscribers.discard('a', [-1]), () => subscribers.discard('a', 7 as never),
    () => subscribers.discard('a', Array.from({ length: 1_001 }, () => 1)),
    () => subscribers.redrive('a', undefined as never), () => subscribers.redrive('a', () => undefined, { limit: 2_000 }),
  ]
  for (const call of calls) await expect(call(), String(call)).rejects.toMatchObject({ code: 'VALIDATION' })
  const bare = createWaybill({ store: { ...store, checkpoints: undefined } })
  expect(() => bare.subscribers).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
})
