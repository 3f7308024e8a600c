import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { memory } from '../../src/memory.js'
import { sqlite } from '../../src/sqlite.js'
import { postgres } from '../../src/postgres.js'
import type { FeedHandler } from '../../src/feeds/http-handler.js'
import type { Store } from '../../src/store.js'
import { createWaybill } from '../../src/waybill.js'
import { temporaryFolder } from '../cli/program.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-outbox.js'
import { EventReader } from './event-reader.js'

interface Order { readonly id: number; readonly total: number }

const HOUR_MS = 3_600_000

function handlerTests(open: () => Store): void {
  let waybill: ReturnType<typeof createWaybill>
  let handler: FeedHandler
  const orders = (of = waybill): ReturnType<typeof waybill.feed> => of.feed('orders', { capacity: 100_000, key: ({ id }: Order) => id })
  const follow = async (): Promise<EventReader> =>
    new EventReader(await handler(new Request('http://f/', { headers: { accept: 'text/event-stream' } })))

  beforeAll(async () => {
    waybill = createWaybill({ store: open() })
    await waybill.migrate()
    // Only wake-ups can tell within the test's time.
    handler = orders().handler({ pollMaxMs: HOUR_MS })
  })
  afterAll(async () => {
    await handler?.close()
    await waybill?.close()
  })

  test('a commit wakes streams when its transaction has committed, and not when it was rolled back', async () => {
    await orders().commitAlone([{ op: 'add', after: { id: 1, total: 1 } }])
    const reader = await follow()
    expect((await reader.until('snapshot-end')).map(({ document }) => document)).toMatchObject([
      { sequence: '1' }, [{ value: { id: 1, total: 1 } }], { sequence: '1' },
    ])
    await expect(waybill.transaction(async (tx) => {
      await orders().commit(tx, [{ op: 'add', after: { id: 2, total: 2 } }])
      throw new Error('no')
    })).rejects.toThrow('no')
    await waybill.transaction((tx) => orders().commit(tx, [{ op: 'add', after: { id: 3, total: 3 } }]))
    expect((await reader.next())?.document).toMatchObject({ sequence: '2', changes: [{ op: 'add', after: { id: 3, total: 3 } }] })
    await reader.leave()
  })

  test('a snapshot is of one moment with its sequence, whoever commits meanwhile', async () => {
    await waybill.transaction((tx) => orders().bootstrap(tx, Array.from({ length: 5_000 }, (_, id) => ({ value: { id, total: 0 } }))))
    const { sequence } = (await orders().state())!
    let isDone = false
    const writing = (async () => {
      for (let id = 0; !isDone; id = (id + 1) % 5_000) {
        await orders().commitAlone([{ op: 'update', after: { id, total: id + 1 } }])
        await setImmediate()
      }
    })()
    const reader = await follow()
    const rows = new Map<string, Order>()
    let at = 0n
    for (const { name, document } of await reader.until('snapshot-end')) {
      if (name === 'snapshot-rows') for (const row of document as { signature: string; value: Order }[]) rows.set(row.signature, row.value)
      if (name === 'snapshot-end') at = BigInt((document as { sequence: string }).sequence)
    }
    isDone = true
    await writing
    // Each result since has set one row's total.
    expect([...rows.values()].filter(({ total }) => total > 0).length).toBe(Number(at - sequence))
    const { sequence: last } = await orders().commitAlone([{ op: 'delete', key: 0 }])
    for (let number = at + 1n; number <= last!; number += 1n) {
      expect((await reader.next())?.document).toMatchObject({ sequence: String(number) })
    }
    await reader.leave()
  })
}

describe('on memory', () => handlerTests(() => memory()))

describe('on SQLite', () => {
  const folder = temporaryFolder()
  afterAll(() => folder.remove())
  handlerTests(() => sqlite({ path: join(folder.path, 'shop.db') }))
})

// reason: there is no server and none could be started; the run's first lines say why
describe.skipIf(postgresUrl === null)('on PostgreSQL [skipped without a server]', () => {
  const schema = freshSchema()
  const open = (): Store => postgres({ url: postgresUrl!, schema })
  afterAll(() => dropSchema(schema))
  handlerTests(open)

  test('streams of another process hear of commits', async () => {
    const here = createWaybill({ store: open() })
    const there = createWaybill({ store: open() })
    await here.migrate()
    const feed = (of: typeof here): ReturnType<typeof here.feed> => of.feed('elsewhere', { key: ({ id }: Order) => id })
    await feed(here).commitAlone([{ op: 'add', after: { id: 1, total: 1 } }])
    const handler = feed(there).handler({ pollMaxMs: 1_000 })
    const reader = new EventReader(await handler(new Request('http://f/?stream')))
    await reader.until('snapshot-end')
    await feed(here).commitAlone([{ op: 'add', after: { id: 2, total: 2 } }])
    expect((await reader.next())?.document).toMatchObject({ sequence: '2' })
    await handler.close()
    await here.close()
    await there.close()
  })
})
