/** Lines: what a claim reads beside long and closed ones, and where the log, times and lines meet. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { scopeId } from '../../src/core/scope.js'
import { sqliteEngine } from '../../src/drivers/sqlite.js'
import type { SettleOutcome } from '../../src/outbox/contract.js'
import type { SqliteEngine } from '../../src/sql/sqlite-connection.js'
import { openSqlite } from '../../src/stores/sqlite/database.js'
import { SqliteOutboxStore } from '../../src/stores/sqlite/outbox.js'
import { idsOf, LANE, message, migratedStore, openStore, put, take, testFile } from './sqlite-support.js'

const MANY = 50_000

/** What the statements of one call did. */
interface Work {
  statements: number
  mostRows: number
  /** Rows written by any of them. */
  written: number
}

/** An engine that counts, so that what is measured is not the machine. */
function countingEngine(work: Work): SqliteEngine {
  const engine = sqliteEngine()
  return {
    ...engine,
    open(path) {
      const connection = engine.open(path)
      return {
        ...connection,
        query(text, ...params) {
          const before = written()
          const rows = connection.query(text, ...params)
          work.statements += 1
          work.mostRows = Math.max(work.mostRows, rows.length)
          work.written += written() - before
          return rows
        },
      }
      function written(): number {
        return Number(connection.query('select total_changes() as n')[0]?.['n'])
      }
    },
  }
}

async function countedStore(): Promise<{ store: SqliteOutboxStore; counted: (work: () => Promise<unknown>) => Promise<Work> }> {
  const work: Work = { statements: 0, mostRows: 0, written: 0 }
  const store = new SqliteOutboxStore(openSqlite({ path: testFile(), engine: countingEngine(work) }))
  onTestFinished(() => store.close())
  await store.migrate({ [LANE]: 'block' })
  return {
    store,
    async counted(call) {
      Object.assign(work, { statements: 0, mostRows: 0, written: 0 })
      await call()
      return { ...work }
    },
  }
}

async function putMany(store: SqliteOutboxStore, count: number, part: Parameters<typeof message>[0]): Promise<string[]> {
  const ids: string[] = []
  while (ids.length < count) ids.push(...await put(store, ...Array.from({ length: 5_000 }, () => message(part))))
  return ids
}

async function settleAll(store: SqliteOutboxStore, claim: Awaited<ReturnType<typeof take>>, kind: 'ack' | 'dead'): Promise<void> {
  const outcomes = idsOf(claim).map((id): SettleOutcome => (kind === 'ack' ? { id, kind } : { id, kind, error: 'gone' }))
  await store.settle({ token: claim?.token ?? '', outcomes, scope: undefined })
}

describe('what a claim reads and writes is bounded', () => {
  test.each(['claimed', 'dead'] as const)('beside 50,000 of a key whose head is %s', async (state) => {
    const { store, counted } = await countedStore()
    const hot = await putMany(store, MANY, { key: 'hot' })
    const head = await take(store, { limit: 1 })
    expect(idsOf(head)).toEqual(hot.slice(0, 1))
    if (state === 'dead') await settleAll(store, head, 'dead')
    expect(await take(store)).toBeNull()
    const others = await put(store, message({ key: 'b' }), message({ key: 'c' }), message())
    let claim: Awaited<ReturnType<typeof take>> = null
    const claiming = await counted(async () => claim = await take(store))
    expect(idsOf(claim)).toEqual(others)
    expect(claiming.mostRows).toBeLessThanOrEqual(3)
    expect(claiming.statements).toBeLessThan(40)
    expect(claiming.written).toBeLessThan(60)
    const settling = await counted(() => settleAll(store, claim, 'ack'))
    expect(settling.mostRows).toBeLessThanOrEqual(3)
    expect(settling.written).toBeLessThan(60)
    const idle = await counted(() => take(store))
    expect(idle).toMatchObject({ written: 0 })
    expect(idle.statements).toBeLessThan(5)
    if (state === 'dead') expect(await store.resolveDead({ ids: hot.slice(0, 1), action: 'discard', scope: undefined })).toEqual(['discarded'])
    else await settleAll(store, head, 'ack')
    const next = await counted(async () => claim = await take(store, { limit: 1_000 }))
    expect(idsOf(claim)).toEqual(hot.slice(1, 101))
    expect(next.mostRows).toBe(100)
    expect(next.written).toBeLessThan(500)
  }, 120_000)

  test('beside the backlog of another scope, once that was passed', async () => {
    const { store, counted } = await countedStore()
    await putMany(store, MANY, { scope: scopeId('giant') })
    await put(store, message({ scope: scopeId('small') }))
    await settleAll(store, await take(store, { limit: 10 }), 'ack')
    const mine = await put(store, message({ scope: scopeId('small') }))
    const claiming = await counted(async () => {
      const claim = await take(store, { limit: 10 })
      expect(claim?.messages).toHaveLength(10)
      expect(idsOf(claim)).toContain(mine[0])
    })
    expect(claiming.mostRows).toBeLessThanOrEqual(10)
    expect(claiming.written).toBeLessThan(100)
  }, 120_000)

  test('with one scope, a claim takes what it has found before it has read all of a long log', async () => {
    const { store, counted } = await countedStore()
    const ids = await putMany(store, MANY, { key: 'hot' })
    const claiming = await counted(async () => expect(idsOf(await take(store, { limit: 1 }))).toEqual(ids.slice(0, 1)))
    expect(claiming.written).toBeLessThan(3_000)
  }, 60_000)
})

test('a scheduled message does not overtake those of its key that no claim has read yet', async () => {
  let now = 1_000
  const store = openStore({ now: () => now })
  await store.migrate({ [LANE]: 'block' })
  const before = await put(store, ...Array.from({ length: 4_500 }, (_, n) => message({ key: n === 4_499 ? 'a' : 'b' })))
  const [scheduled = ''] = await put(store, message({ key: 'a', due: { at: 500 } }))
  const [after = ''] = await put(store, message({ key: 'a' }))
  const order: string[] = []
  for (let claim = await take(store, { limit: 500 }); claim !== null; claim = await take(store, { limit: 500 })) {
    order.push(...idsOf(claim))
    await settleAll(store, claim, 'ack')
    now += 1
  }
  expect(order).toHaveLength(before.length + 2)
  expect(order.filter((id) => [before.at(-1), scheduled, after].includes(id))).toEqual([before.at(-1), scheduled, after])
})

test('lines of one scope that are all older than the first of another do not hide it', async () => {
  const store = await migratedStore()
  await store.migrate({ [LANE]: 'skip' })
  await put(store, ...Array.from({ length: 300 }, (_, n) => message({ scope: scopeId('giant'), key: `key-${n}` })))
  const mine = await put(store, message({ scope: scopeId('small'), key: 'a' }), message({ scope: scopeId('small'), key: 'b' }))
  const claim = await take(store, { limit: 6 })
  expect(claim?.messages.map(({ scope }) => scope).toSorted()).toEqual(['giant', 'giant', 'giant', 'giant', 'small', 'small'])
  expect(idsOf(claim)).toEqual(expect.arrayContaining(mine))
})

test('a scope in the middle of a log is seen, however far behind the first', async () => {
  const store = await migratedStore()
  await put(store, ...Array.from({ length: 5_000 }, () => message({ scope: scopeId('giant') })))
  const [mine] = await put(store, message({ scope: scopeId('small') }))
  await put(store, ...Array.from({ length: 5_000 }, () => message({ scope: scopeId('giant') })))
  expect(idsOf(await take(store, { limit: 2 }))).toContain(mine)
})

test('nothing is left of lines when everything was delivered', async () => {
  const store = await migratedStore({ retainDeliveredMs: 0 })
  await store.migrate({ [LANE]: 'block' })
  for (let n = 0; n < 20; n += 1) {
    await put(store, message({ key: `key-${n % 3}` }), message({ scope: scopeId('other'), due: { inMs: 0 } }))
  }
  const dead = await take(store, { limit: 3 })
  await settleAll(store, dead, 'dead')
  await store.resolveDead({ ids: idsOf(dead), action: 'redrive', scope: undefined })
  for (let claim = await take(store, { limit: 7 }); claim !== null; claim = await take(store, { limit: 7 })) {
    await settleAll(store, claim, 'ack')
  }
  for (const table of ['message', 'due', 'key', 'claim', 'claimed', 'dead', 'redriven', 'failure']) {
    expect(await store.database.read((query) => query(`select * from waybill_outbox_${table}`)), table).toEqual([])
  }
})

test('a lane that changes its ordering keeps what waits in it', async () => {
  let now = 1_000
  const store = await migratedStore({ now: () => now })
  const ids = await put(store, message({ key: 'a', due: { inMs: 5 } }), message({ key: 'a' }), message({ key: 'b' }))
  const claim = await take(store, { limit: 1 })
  await store.settle({ token: claim?.token ?? '', scope: undefined,
    outcomes: idsOf(claim).map((id) => ({ id, kind: 'retry', error: 'busy', retryInMs: 10 })) })
  await store.migrate({ [LANE]: 'block' })
  expect(idsOf(await take(store))).toEqual(ids.slice(2))
  now += 5
  expect(idsOf(await take(store))).toEqual(ids.slice(0, 1))
  now += 10
  expect(await take(store)).toBeNull()
})
