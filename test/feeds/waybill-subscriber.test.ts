/** Subscribers as an application has them: woken by its own transactions, told to a logger, ended with their block. */
import { expect, test } from 'vitest'
import type { Result } from '../../src/feeds/result.js'
import { createWaybill } from '../../src/index.js'
import { memory } from '../../src/memory.js'

test('a commit of this process wakes the subscriber, long before it would look by itself', async () => {
  const waybill = createWaybill({ store: memory() })
  const orders = waybill.feed('orders', { key: (order: { id: number }) => order.id })
  let told = (_result: Result): void => undefined
  const came = new Promise<Result>((resolve) => {
    told = resolve
  })
  await using subscriber = waybill.subscriber({
    id: 'cache', feeds: [orders], pollMaxMs: 3_600_000, onResult: (result) => told(result),
  })
  await subscriber.start()
  await waybill.transaction((tx) => orders.commit(tx, [{ op: 'add', after: { id: 7 } }]))
  const { sequence, changes } = await came
  expect([sequence, changes.map(({ after }) => after)]).toEqual([1n, [{ id: 7 }]])
})

test('a cache kept by snapshot and results is what the feed says, also of several feeds', async () => {
  const waybill = createWaybill({ store: memory() })
  const feeds = ['a', 'b'].map((name) => waybill.feed(name, { capacity: 5 }))
  const cache = new Map<string, unknown>()
  for (const feed of feeds) {
    for (let n = 0; n < 20; n += 1) await feed.commitAlone([{ op: 'update', key: n % 3, after: n }])
  }
  await using subscriber = waybill.subscriber({
    id: 'cache', feeds, start: 'snapshot', recovery: 'auto_reset',
    onSnapshot: async ({ rows }, { feed }) => {
      for (const key of cache.keys()) if (key.startsWith(`${feed.name}:`)) cache.delete(key)
      for await (const { signature, value } of rows) cache.set(`${feed.name}:${signature}`, value)
    },
    onResult: ({ changes }, { feed }) => {
      for (const { op, signature, after } of changes) {
        if (op === 'delete') cache.delete(`${feed.name}:${signature}`)
        else cache.set(`${feed.name}:${signature}`, after)
      }
    },
  })
  await subscriber.drain()
  for (const feed of feeds) await feed.commitAlone([{ op: 'delete', key: 1 }, { op: 'add', key: 9, after: 'new' }])
  expect((await subscriber.lag()).results).toBe(2n)
  await subscriber.drain()
  expect((await subscriber.lag()).results).toBe(0n)
  const wanted = new Map<string, unknown>()
  for (const feed of feeds) {
    for await (const { signature, value } of (await feed.snapshot())?.rows ?? []) {
      wanted.set(`${feed.name}:${signature}`, value)
    }
  }
  expect(new Map([...cache].toSorted())).toEqual(new Map([...wanted].toSorted()))
  expect(subscriber.status().feeds.map(({ state, sequence }) => [state, sequence])).toEqual([
    ['following', 21n], ['following', 21n]])
})

test('tells a logger who is active, what is gone and what failed, and outlives one that fails', async () => {
  const waybill = createWaybill({ store: memory() })
  const feed = waybill.feed('orders', { capacity: 1 })
  const lines: string[] = []
  const note = (level: string) => (message: string, details: object): void => {
    lines.push(`${level} ${message} ${JSON.stringify(details)}`)
    throw new Error('the disk is full')
  }
  const logger = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') }
  const options = { id: 'cache', feeds: [feed], onResult: () => undefined }
  await feed.commitAlone([{ op: 'add', key: 1, after: 1 }])
  const first = waybill.subscriber(options)
  await first.drain()
  await first.stop()
  for (let n = 0; n < 3; n += 1) await feed.commitAlone([{ op: 'update', key: 1, after: n }])
  const second = waybill.subscriber({ ...options, logger })
  await expect(second.start()).rejects.toMatchObject({ code: 'FEED_GAP' })
  expect(lines.map((line) => line.replace(/\{.*/, '').trim())).toEqual([
    'info active', 'warn results are gone', 'error the feed failed', 'error the subscriber stopped',
  ])
  expect(lines[1]).toContain('"requested":"1","earliest":"4","latest":"4"')
})
