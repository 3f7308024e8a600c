/** Commits of one feed that meet in the database, in an order set by hand, and what snapshots leave behind. */
import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isWaybillError } from '../../src/core/errors.js'
import { pgDriver } from '../../src/drivers/pg.js'
import type { FeedStore, RowMutation } from '../../src/feeds/contract.js'
import type { FeedState } from '../../src/feeds/result.js'
import { postgres } from '../../src/postgres.js'
import type { SqlExecutor } from '../../src/core/sql.js'
import { createWaybill } from '../../src/waybill.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-schemas.js'

const FEED = 'orders'
const HASH = 'hash'

interface Opened {
  readonly schema: string
  readonly pool: pg.Pool
  readonly feeds: FeedStore<SqlExecutor>
}

interface Client {
  readonly client: pg.PoolClient
  readonly pid: number
  readonly tx: SqlExecutor
}

async function opened(capacity = 1): Promise<Opened> {
  const schema = freshSchema()
  onTestFinished(() => dropSchema(schema))
  const pool = new pg.Pool({ connectionString: postgresUrl ?? '', max: 6 })
  pool.on('error', () => undefined)
  onTestFinished(() => pool.end())
  const store = postgres({ pool, schema })
  onTestFinished(() => store.close())
  await store.migrate()
  const feeds = store.feeds!
  await feeds.transaction((tx) => feeds.open(tx, { feed: FEED, incarnation: 'i', configHash: HASH, capacity }))
  return { schema, pool, feeds }
}

async function begun({ pool }: Opened, isolation = 'read committed'): Promise<Client> {
  const client = await pool.connect()
  onTestFinished(() => client.release(true))
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  await client.query(`begin isolation level ${isolation}`)
  return { client, pid: rows[0]!.pid, tx: pgDriver().executor(client) }
}

function commit(
  { feeds }: Opened, tx: SqlExecutor, results: readonly string[], rows: readonly (readonly [number, string | null])[] = [],
  capacity = 1,
): Promise<FeedState | undefined> {
  const mutations = rows.map(([signature, text]): RowMutation => (
    { signature: BigInt(signature), data: text === null ? undefined : Buffer.from(text) }))
  return feeds.commit(tx, {
    feed: FEED, configHash: HASH, capacity, results: results.map((text) => Buffer.from(text)), mutations,
  })
}

/** Resolves when the one waits for a lock of the other. */
async function untilWaits({ pool }: Opened, waiting: Client, holding: Client): Promise<void> {
  for (;;) {
    const { rows } = await pool.query<{ by: number[] }>('select pg_blocking_pids($1) as by', [waiting.pid])
    if (rows[0]?.by.includes(holding.pid) === true) return
  }
}

/** What is stored, past whatever the store would hide. */
async function stored({ pool, schema }: Opened): Promise<{ results: string[]; rows: string[] }> {
  const texts = async (table: string, key: string): Promise<string[]> => {
    const { rows } = await pool.query<{ text: string }>(
      `select convert_from(content, 'UTF8') as text from ${schema}.${table} order by ${key}`)
    return rows.map(({ text }) => text)
  }
  return { results: await texts('feed_result', 'sequence'), rows: await texts('feed_row', 'signature') }
}

// reason: there is no server and none could be started; the run's first lines say why
describe.skipIf(postgresUrl === null)('PostgreSQL [skipped without a server]', () => {
  test('who waited evicts what the one before has logged meanwhile, and deletes the row that it put', async () => {
    const database = await opened()
    const [a, b] = [await begun(database), await begun(database)]
    await commit(database, a.tx, ['first'], [[7, 'seven'], [8, 'eight']])
    const waiting = commit(database, b.tx, ['second'], [[7, null], [8, 'eight again'], [9, 'nine']])
    await untilWaits(database, b, a)
    await a.client.query('commit')
    expect(await waiting).toMatchObject({ sequence: 2n, first: 2n })
    await b.client.query('commit')
    expect(await stored(database)).toEqual({ results: ['second'], rows: ['eight again', 'nine'] })
  })

  test('the same where the one before has changed rows only', async () => {
    const database = await opened()
    const [a, b] = [await begun(database), await begun(database)]
    await commit(database, a.tx, [], [[7, 'seven']])
    const waiting = commit(database, b.tx, [], [[7, null]])
    await untilWaits(database, b, a)
    await a.client.query('commit')
    await waiting
    await b.client.query('commit')
    expect(await stored(database)).toEqual({ results: [], rows: [] })
  })

  test('of three in a line, each evicts and deletes what the one before has left', async () => {
    const database = await opened()
    const [a, b, c] = [await begun(database), await begun(database), await begun(database)]
    await commit(database, a.tx, ['a1', 'a2'], [[1, 'a']])
    const second = commit(database, b.tx, ['b'], [[1, null], [2, 'b']])
    await untilWaits(database, b, a)
    const third = commit(database, c.tx, ['c'], [[2, null], [1, 'c']])
    await untilWaits(database, c, b)
    await a.client.query('commit')
    await second
    await b.client.query('commit')
    expect(await third).toMatchObject({ sequence: 4n, first: 4n })
    await c.client.query('commit')
    expect(await stored(database)).toEqual({ results: ['c'], rows: ['c'] })
  })

  test('who waited for a rollback goes on as if nothing had been', async () => {
    const database = await opened()
    const [a, b] = [await begun(database), await begun(database)]
    await commit(database, a.tx, ['undone'], [[7, 'undone']])
    const waiting = commit(database, b.tx, ['kept'], [[7, null]])
    await untilWaits(database, b, a)
    await a.client.query('rollback')
    expect(await waiting).toMatchObject({ sequence: 1n, first: 1n })
    await b.client.query('commit')
    expect(await stored(database)).toEqual({ results: ['kept'], rows: [] })
  })

  test('who waited for a smaller ring does not keep what that has evicted', async () => {
    const database = await opened(5)
    await database.feeds.transaction((tx) => commit(database, tx, ['1', '2', '3', '4'], [], 5))
    const [a, b] = [await begun(database), await begun(database)]
    await commit(database, a.tx, ['5'], [], 2)
    const waiting = commit(database, b.tx, ['6'], [], 5)
    await untilWaits(database, b, a)
    await a.client.query('commit')
    expect(await waiting).toMatchObject({ sequence: 6n, first: 4n })
    await b.client.query('commit')
    expect((await stored(database)).results).toEqual(['4', '5', '6'])
  })

  test.each(['repeatable read', 'serializable'])('under %s who waited is aborted, retryable', async (isolation) => {
    const database = await opened()
    const [a, b] = [await begun(database), await begun(database, isolation)]
    await b.client.query('select 1')
    await commit(database, a.tx, ['first'])
    const waiting = commit(database, b.tx, ['second']).then(() => undefined, (error: unknown) => error)
    await untilWaits(database, b, a)
    await a.client.query('commit')
    expect(await waiting).toMatchObject({ code: 'TRANSACTION_ABORTED', retryable: true })
    await b.client.query('rollback')
    expect((await stored(database)).results).toEqual(['first'])
  })

  test.each(['repeatable read', 'serializable'])('%s by default: own transactions are not aborted, and callers can run '
    + 'theirs again: dense, and each with what its transaction wrote itself', async (isolation) => {
    const { schema, pool } = await opened()
    await pool.query(`create table ${schema}.own (sequence bigint, worker int, seen bigint)`)
    const options = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`
    const stricter = new pg.Pool({ connectionString: postgresUrl ?? '', max: 8, options })
    onTestFinished(() => stricter.end())
    const waybill = createWaybill({ store: postgres({ pool: stricter, schema }), driver: pgDriver() })
    const feed = waybill.feed('strict', { key: ({ id }: { id: number }) => id })
    await Promise.all(Array.from({ length: 40 }, (_, id) => feed.commitAlone([{ op: 'add', after: { id } }])))
    expect(await feed.state()).toMatchObject({ sequence: 40n })

    let aborted = 0
    const commitOnce = async (worker: number): Promise<boolean> => {
      const client = await stricter.connect()
      try {
        await client.query('begin')
        const { rows: [{ seen }] } = await client.query(`select count(*) as seen from ${schema}.own`)
        const { sequence } = await feed.commit(client, [{ op: 'update', after: { id: worker } }])
        await client.query(`insert into ${schema}.own values ($1, $2, $3)`, [sequence, worker, seen])
        await client.query('commit')
        return true
      } catch (error) {
        expect((error as { code: string }).code).toMatch(/^(?:TRANSACTION_ABORTED|40001)$/)
        if (isWaybillError(error)) expect(error.retryable).toBe(true)
        await client.query('rollback')
        aborted += 1
        return false
      } finally {
        client.release()
      }
    }
    await Promise.all([1, 2, 3, 4].map(async (worker) => {
      for (let done = 0; done < 15;) if (await commitOnce(worker)) done += 1
    }))
    const { rows } = await pool.query<{ sequence: string; worker: number; seen: string }>(
      `select * from ${schema}.own order by sequence`)
    const after = await feed.after(40)
    expect(aborted).toBeGreaterThan(0)
    expect(rows.map(({ sequence }) => Number(sequence))).toEqual(Array.from({ length: 60 }, (_, n) => n + 41))
    expect(rows.map(({ seen }) => Number(seen))).toEqual(rows.map((_, n) => n))
    expect(after.kind === 'results' && after.results.map(({ changes: [change] }) => (change?.after as { id: number }).id))
      .toEqual(rows.map(({ worker }) => worker))
  })

  test('a snapshot holds one connection until it is read, left or closed, and then none', async () => {
    const database = await opened(5)
    const { pool, feeds, schema } = database
    await feeds.transaction((tx) => commit(database, tx, ['1'], [[1, 'a'], [2, 'b'], [3, 'c']], 5))
    const open = async (): Promise<number> => {
      const { rows } = await pool.query(`select from pg_stat_activity where state = 'idle in transaction' and query like $1`,
        [`%"${schema}".%`])
      return rows.length
    }
    const ends = {
      read: async (pages: AsyncIterable<unknown>) => { for await (const _ of pages) expect(await open()).toBe(1) },
      left: async (pages: AsyncIterable<unknown>) => { for await (const _ of pages) break },
      closed: async () => undefined,
    }
    for (const end of Object.values(ends)) {
      const snapshot = (await feeds.snapshot(FEED, 2))!
      expect(await open()).toBe(1)
      await end(snapshot.pages)
      if (end === ends.closed) await snapshot.close()
      expect([await open(), pool.idleCount]).toEqual([0, pool.totalCount])
    }
    for await (const _ of feeds.live.readSnapshot(FEED, 1)) break
    expect([await feeds.snapshot('unknown', 1), await open(), pool.idleCount]).toEqual([undefined, 0, pool.totalCount])
  })

  test('a snapshot whose connection is lost says so, retryable, and its end is quiet', async () => {
    const database = await opened(5)
    const { pool, feeds } = database
    await feeds.transaction((tx) => commit(database, tx, ['1'], [[1, 'a'], [2, 'b'], [3, 'c']], 5))
    const snapshot = (await feeds.snapshot(FEED, 2))!
    const read = async (): Promise<void> => {
      for await (const _ of snapshot.pages) {
        const { rows } = await pool.query(`select pg_terminate_backend(pid) from pg_stat_activity
          where state = 'idle in transaction' and pid <> pg_backend_pid() and query like $1`, [`%"${database.schema}".%`])
        expect(rows.length).toBe(1)
      }
    }
    await expect(read()).rejects.toMatchObject({ retryable: true })
    await snapshot.close()
    expect((await feeds.state(FEED))?.sequence).toBe(1n)
  })

  test('a snapshot that is open when the store closes is ended with it', async () => {
    const database = await opened(5)
    const snapshot = (await database.feeds.snapshot(FEED, 2))!
    await database.feeds.close()
    expect(database.pool.idleCount).toBe(database.pool.totalCount)
    await snapshot.close()
  })
})
