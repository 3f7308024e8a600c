/** The file, its connections and its migrations. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { describe, expect, onTestFinished, test } from 'vitest'
import { SQLITE_ENGINES, sqliteEngine } from '../../src/drivers/sqlite.js'
import { openSqlite } from '../../src/stores/sqlite/database.js'
import { migrations } from '../../src/stores/sqlite/schema.js'
import {
  availableEngine, idsOf, message, migratedStore, openHandle, openStore, put, take, testFile,
} from './sqlite-support.js'

describe('prefix', () => {
  test.each([
    ['"; drop table x; --'], [`a'b`], ['?1 $1 :x'], ['[x]`y`'], ['line\nbreak'], ['é☃😀'], [''], ['x'.repeat(2_000)],
  ])('%j is taken literally', async (prefix) => {
    const path = testFile()
    const [plain, hostile] = [await migratedStore({ path }), await migratedStore({ path, prefix })]
    const ids = await put(hostile, message(), message({ due: { inMs: 60_000 } }))
    expect(idsOf(await take(hostile))).toEqual([ids[0]])
    expect(await take(plain)).toBeNull()
    expect((await hostile.list({ limit: 10 })).length).toBe(2)
    const names = openHandle(path).query(`select name from sqlite_schema where type = 'table' and name like '%meta'`)
    expect(names.map(({ name }) => name).sort()).toEqual([`${prefix}meta`, 'waybill_meta'].sort())
  })

  test('what no identifier can hold, or SQLite reserves, is refused', () => {
    const open = (prefix: string): unknown => openSqlite({ path: 'x.db', engine: sqliteEngine(), prefix })
    expect(() => open('a\u0000b')).toThrowError(expect.objectContaining({ code: 'VALIDATION' }))
    expect(() => open('\ud800')).toThrowError(expect.objectContaining({ code: 'VALIDATION' }))
    expect(() => open('SQLite_x')).toThrowError(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })
})

describe('migration', () => {
  test('of sixteen migrators at once, one applies the steps', async () => {
    const path = testFile()
    const stores = Array.from({ length: 16 }, () => openStore({ path }))
    await Promise.all(stores.map((store) => store.migrate()))
    const { query } = openHandle(path)
    expect(query('select version from waybill_migration')).toHaveLength(migrations('waybill_').length)
    const ids = await Promise.all(stores.map(async (store) => (await put(store, message()))[0]))
    expect(new Set(ids.map((id) => id?.slice(0, 8))).size).toBe(1)
    expect(new Set(ids).size).toBe(16)
  })

  test('a file without the schema is NOT_MIGRATED, for every kind of call', async () => {
    const store = openStore()
    const refused = expect.objectContaining({ code: 'NOT_MIGRATED' })
    await expect(take(store)).rejects.toThrowError(refused)
    await expect(put(store, message())).rejects.toThrowError(refused)
    await expect(store.stats({})).rejects.toThrowError(refused)
    await store.migrate()
    expect(await take(store)).toBeNull()
  })

  test('a changed step and a newer schema are CONFIG_INVALID', async () => {
    const path = testFile()
    await migratedStore({ path })
    const { exec } = openHandle(path)
    const refused = expect.objectContaining({ code: 'CONFIG_INVALID' })
    exec(`update waybill_migration set checksum = 'other'`)
    await expect(take(openStore({ path }))).rejects.toThrowError(refused)
    await expect(openStore({ path }).migrate()).rejects.toThrowError(refused)
    exec(`insert into waybill_migration (version, name, checksum, applied_at) values (1000, 'later', '', 0)`)
    await expect(openStore({ path }).migrate()).rejects.toThrowError(refused)
  })

  test('the printed text makes the same schema as migrate', async () => {
    const [printed, migrated] = [openStore({ prefix: `it's` }), await migratedStore({ prefix: `it's` })]
    await printed.database.write((query) => query('select 1'))
    const text = printed.migratePrint()
    const schemas = []
    for (const store of [printed, migrated]) {
      if (store === printed) await runScript(store.database, text)
      await store.migrate()
      schemas.push(await store.database.read((query) => query('select name, sql from sqlite_schema order by name')))
    }
    expect(schemas[0]).toEqual(schemas[1])
    expect(idsOf(await take(printed))).toEqual([])
  })
})

describe('engine', () => {
  test('the first there is, in the documented order', () => {
    const first = SQLITE_ENGINES.find((name) => availableEngine(name) !== undefined)
    expect(sqliteEngine().name).toBe(first)
  })

  // reason: where it is installed, it is not missing
  test.runIf(availableEngine('better-sqlite3') === undefined)('a missing one is DRIVER_MISSING', () => {
    expect(() => sqliteEngine('better-sqlite3')).toThrowError(expect.objectContaining({
      code: 'DRIVER_MISSING', message: expect.stringContaining('npm install better-sqlite3'),
    }))
  })

  test.each([':memory:', '', 'file::memory:?cache=shared', 'file:x?mode=memory'])('%j is refused', (path) => {
    expect(() => openSqlite({ path, engine: sqliteEngine() })).toThrowError(expect.objectContaining({
      code: 'CONFIG_INVALID', message: expect.stringContaining('memory store'),
    }))
  })

  test('a path that cannot be opened is STORE_UNAVAILABLE, a file that is no database CORRUPT', async () => {
    await expect(openStore({ path: '/nonexistent/x.db' }).migrate())
      .rejects.toThrowError(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }))
    await expect(openStore({ path: import.meta.filename }).migrate())
      .rejects.toThrowError(expect.objectContaining({ code: 'CORRUPT' }))
  })
})

describe('another writer', () => {
  test('is waited for without stopping the event loop, and then TRANSACTION_ABORTED', async () => {
    const path = testFile()
    const store = await migratedStore({ path, busyTimeoutMs: 1_000 })
    await put(store, message())
    const other = openHandle(path)
    other.exec('begin immediate')
    const delay = monitorEventLoopDelay({ resolution: 5 })
    delay.enable()
    const claiming = take(store)
    const aborted = expect.objectContaining({ code: 'TRANSACTION_ABORTED', retryable: true })
    await expect(claiming).rejects.toThrowError(aborted)
    delay.disable()
    expect(delay.count).toBeGreaterThan(10)
    expect(delay.max / 1e6).toBeLessThan(500)
    // Reads wait for nobody.
    expect((await store.list({ limit: 10 })).length).toBe(1)
    other.exec('rollback')
    expect(idsOf(await take(store))).toHaveLength(1)
  })

  test('that ends in time delays only', async () => {
    const path = testFile()
    const store = await migratedStore({ path })
    const other = openHandle(path)
    other.exec('begin immediate')
    const ids = put(store, message())
    await new Promise((resolve) => setImmediate(resolve))
    other.exec('commit')
    expect(await ids).toHaveLength(1)
  })

  test('of this process is waited for as long', async () => {
    const store = await migratedStore({ busyTimeoutMs: 50 })
    await store.transaction(async (tx) => {
      await store.enqueueMany(tx, [message()])
      await expect(put(store, message())).rejects.toThrowError(expect.objectContaining({ code: 'TRANSACTION_ABORTED' }))
      expect(await store.list({ limit: 10 })).toEqual([])
    })
    expect(await store.list({ limit: 10 })).toHaveLength(1)
  })
})

test('dataVersion and watch tell of commits by others only', async () => {
  const path = testFile()
  const [store, other] = [await migratedStore({ path }), await migratedStore({ path })]
  const before = await store.database.dataVersion()
  await put(store, message())
  expect(await store.database.dataVersion()).toBe(before)
  const abort = new AbortController()
  onTestFinished(() => abort.abort())
  const told = new Promise<void>((resolve) => store.database.watch(resolve, 1, abort.signal))
  await new Promise((resolve) => setImmediate(resolve))
  await put(other, message())
  await told
  expect(await store.database.dataVersion()).not.toBe(before)
})

test('close waits for the transaction under way; then every call is CLOSED', async () => {
  const store = await migratedStore()
  const path = store.database
  let closing: Promise<void> | undefined
  await store.transaction(async (tx) => {
    closing = store.close()
    await expect(store.claim({
      lane: 'a', target: 'b', limit: 1, leaseMs: 1, consumer: 'c', scopes: undefined,
    })).rejects.toThrowError(expect.objectContaining({ code: 'CLOSED' }))
    await tx.execute({ text: 'select 1', params: [] })
  })
  await closing
  await store.close()
  const refused = expect.objectContaining({ code: 'CLOSED' })
  await expect(put(store, message())).rejects.toThrowError(refused)
  await expect(path.dataVersion()).rejects.toThrowError(refused)
  await expect(store.migrate()).rejects.toThrowError(refused)
  expect(() => store.enqueueManySync({ executeSync: () => [] }, [])).toThrowError(refused)
})

/** As a person would, with the engine's own shell. */
async function runScript(database: ReturnType<typeof openSqlite>, text: string): Promise<void> {
  const path = await database.read((query) => String(query('pragma database_list')[0]?.['file']))
  openHandle(path).exec(text)
}
