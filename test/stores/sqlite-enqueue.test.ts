/** Enqueue in a caller's transaction: its handle, its conflicts with other writers, its numbers. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { scopeId } from '../../src/core/scope.js'
import type { SqlExecutor } from '../../src/core/sql.js'
import { SQLITE_ENGINES, sqliteDriver, type SqliteHandle } from '../../src/drivers/sqlite.js'
import type { NewMessage } from '../../src/outbox/message.js'
import {
  availableEngine, idsOf, keyed, message, migratedStore, openHandle, put, take, testFile,
} from './sqlite-support.js'

const driver = sqliteDriver()

describe.each(SQLITE_ENGINES.flatMap((name) => availableEngine(name) ?? []))('$name', (engine) => {
  test('takes a handle inside a transaction, and no other', async () => {
    const path = testFile()
    const store = await migratedStore({ path, engine })
    const connection = engine.open(path)
    const handle = connection.handle as SqliteHandle
    const refused = expect.objectContaining({ code: 'NOT_IN_TRANSACTION' })
    expect(() => driver.executor(handle)).toThrowError(refused)
    connection.exec('begin')
    const sent = message({ payload: Buffer.from([0, 255, 1]) })
    const [result] = store.enqueueManySync(driver.executorSync(handle), [sent])
    expect(await take(store)).toBeNull()
    connection.exec('commit')
    expect(() => driver.executorSync(handle)).toThrowError(refused)
    const claim = await take(store)
    expect(idsOf(claim)).toEqual([result?.id])
    expect([...claim?.messages[0]?.payload ?? []]).toEqual([0, 255, 1])
    connection.close()
    expect(() => driver.executor(handle)).toThrowError(refused)
  })

  test('binds every kind of value', async () => {
    const connection = engine.open(testFile())
    onTestFinished(() => connection.close())
    const [row] = connection.query('select ?1 as a, ?2 as b, ?3 as c, ?4 as d, typeof(?5) as e, ?1 as f',
      true, 2n ** 62n, null, 'é', 1.5)
    expect(Object.values(row ?? {}).map(String)).toEqual(['1', String(2n ** 62n), 'null', 'é', 'real', '1'])
  })

  test('keeps numbers beyond 2^53 exact, and says when there are no more', async () => {
    const path = testFile()
    const store = await migratedStore({ path, engine })
    const [small] = await put(store, message())
    await store.database.write((query) => query('update sqlite_sequence set seq = ?1', 2n ** 53n + 1n))
    const ids = await put(store, message(), message({ due: { at: 0 } }), keyed('k'))
    expect(new Set(ids).size).toBe(3)
    expect(ids.toSorted()).toEqual(ids)
    const claim = await take(store)
    expect(idsOf(claim).toSorted()).toEqual([small, ...ids])
    const answers = await store.settle({
      token: claim?.token ?? '', scope: undefined, outcomes: idsOf(claim).map((id) => ({ id, kind: 'ack' })),
    })
    expect(new Set(answers)).toEqual(new Set(['delivered']))
    await store.database.write((query) => query('update sqlite_sequence set seq = ?1', 2n ** 63n - 2n))
    await put(store, message())
    await expect(put(store, message())).rejects.toThrowError(expect.objectContaining({ code: 'RANGE_EXHAUSTED' }))
  })
})

test('a deferred transaction that read before another wrote is TRANSACTION_ABORTED', async () => {
  const path = testFile()
  const store = await migratedStore({ path })
  const { handle, exec, query } = openHandle(path)
  exec('pragma busy_timeout = 0; begin')
  query('select count(*) from waybill_outbox_message')
  await put(store, message())
  const aborted = expect.objectContaining({ code: 'TRANSACTION_ABORTED', retryable: true })
  await expect(store.enqueueMany(driver.executor(handle), [keyed('k')])).rejects.toThrowError(aborted)
  expect(() => store.enqueueManySync(driver.executorSync(handle), [message()])).toThrowError(aborted)
  exec('rollback; begin immediate')
  expect(store.enqueueManySync(driver.executorSync(handle), [keyed('k')])).toMatchObject([{ created: true }])
  exec('commit')
})

test('a number is not assigned again by the process that saw it rolled back', async () => {
  const path = testFile()
  const store = await migratedStore({ path })
  const { handle, exec } = openHandle(path)
  exec('begin')
  const [dropped] = store.enqueueManySync(driver.executorSync(handle), [message()])
  exec('rollback')
  const [kept] = await put(store, message())
  expect(kept).not.toBe(dropped?.id)
  expect(idsOf(await take(store))).toEqual([kept])
})

test('enqueues of one key that run at once in one transaction make one message', async () => {
  const store = await migratedStore()
  const results = await store.transaction((tx) => {
    const slow = slowly(tx)
    return Promise.all([
      store.enqueueMany(slow, [message(), keyed('k'), message({ due: { at: 0 } })]),
      store.enqueueMany(slow, [keyed('k'), message({ due: { at: 0 } })]),
    ])
  })
  expect(results.flat().filter(({ created }) => created)).toHaveLength(4)
  const stored = await store.list({ limit: 100 })
  expect(stored.map(({ id }) => id)).toEqual([...new Set(results.flat().map(({ id }) => id))].toSorted())
  expect(idsOf(await take(store))).toHaveLength(4)
})

test('a batch of any size keeps its order', async () => {
  const store = await migratedStore()
  const messages = Array.from({ length: 1_037 }, (_, n) => (
    n % 3 === 0 ? keyed(`k${n}`)
      : message({ payload: Buffer.from(String(n)), due: n % 5 === 0 ? { at: n } : null })))
  const ids = await put(store, ...messages)
  expect(ids.toSorted()).toEqual(ids)
  const stored = await store.get(ids, undefined)
  const byId = new Map(stored.map((each) => [each.id, Buffer.from(each.payload).toString()]))
  messages.forEach((each, n) => expect(byId.get(ids[n] ?? '')).toBe(Buffer.from(each.payload).toString()))
  expect((await put(store, ...messages.filter(({ dedupe }) => dedupe !== null))).length).toBe(346)
  expect(await store.stats({})).toMatchObject([{ ready: 1_037, delivered: 0 }])
})

test('what neighbours share and what they do not is stored as it was given', async () => {
  const path = testFile()
  const store = await migratedStore({ path })
  // Runs longer than the largest INSERT, of exactly a size, shorter than any, and of single messages.
  const runs = [130, 3, 8, 1, 1, 64, 7, 9]
  const messages = runs.flatMap((length, run) => {
    const shared = {
      scope: scopeId(`scope ${run % 2}`), target: `target ${run}`, type: `type ${run}`, contentType: `text/${run}`,
      headers: { run: String(run) }, maxAttempts: run + 1,
    }
    return Array.from({ length }, (_, n) => message({
      ...shared, key: n % 2 === 0 ? null : `key ${n}`, payload: Buffer.from(`${run} ${n}`), due: n === 2 ? { at: n } : null,
    }))
  })
  const { handle, exec } = openHandle(path)
  exec('begin immediate')
  const ids = store.enqueueManySync(driver.executorSync(handle), messages).map(({ id }) => id)
  exec('commit')
  ids.push(...await put(store, ...messages))
  expect(ids.toSorted()).toEqual(ids)
  const stored = new Map((await store.get(ids, undefined)).map((each) => [each.id, each]))
  ids.forEach((id, n) => {
    const { scope, target, type, key, contentType, headers, maxAttempts, payload } = messages[n % messages.length]!
    expect(stored.get(id)).toMatchObject({
      scope, target, type, key: key ?? undefined, contentType, headers, maxAttempts, payload: new Uint8Array(payload),
    })
  })
})

test('enqueues that run at once in one transaction are each told their own numbers', async () => {
  const store = await migratedStore()
  const batch = (name: string): NewMessage[] =>
    Array.from({ length: 70 }, (_, n) => message({ payload: Buffer.from(`${name} ${n}`) }))
  const batches = [batch('a'), batch('b')]
  const ids = await store.transaction((tx) => Promise.all(batches.map(async (each) => (
    (await store.enqueueMany(slowly(tx), each)).map(({ id }) => id)))))
  const stored = new Map((await store.get(ids.flat(), undefined)).map(({ id, payload }) => [id, payload]))
  batches.flat().forEach(({ payload }, n) => {
    expect(Buffer.from(stored.get(ids.flat()[n] ?? '') ?? []).toString()).toBe(Buffer.from(payload).toString())
  })
})

/** Lets others run between statements, as an asynchronous driver does. */
function slowly(tx: SqlExecutor): SqlExecutor {
  return {
    async execute(statement) {
      await new Promise((resolve) => setImmediate(resolve))
      return tx.execute(statement)
    },
  }
}
