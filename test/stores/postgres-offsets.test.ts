/** A save and a take-over that meet in the database, held at the moment where it matters. */
import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { postgres } from '../../src/postgres.js'
import type { OffsetStore } from '../../src/index.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-outbox.js'

interface Opened {
  readonly schema: string
  readonly pool: pg.Pool
  readonly client: pg.PoolClient
  open(): OffsetStore
}

async function opened(): Promise<Opened> {
  const schema = freshSchema()
  onTestFinished(() => dropSchema(schema))
  const pool = new pg.Pool({ connectionString: postgresUrl ?? '' })
  onTestFinished(() => pool.end())
  const store = postgres({ pool, schema })
  await store.migrate()
  const client = await pool.connect()
  onTestFinished(() => client.release(true))
  return {
    schema, pool, client,
    open() {
      const offsets = store.offsets?.('mailer')
      if (offsets === undefined) throw new Error('no offsets')
      return offsets
    },
  }
}

/** Resolves when somebody waits for a lock that this client has. */
async function untilWaitedFor({ pool, client }: Opened): Promise<'waited for'> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  for (;;) {
    const waiting = await pool.query('select from pg_stat_activity where $1 = any (pg_blocking_pids(pid))', [rows[0]?.pid])
    if (waiting.rows.length > 0) return 'waited for'
  }
}

// reason: there is no server and none could be started; the run's first lines say why
describe.skipIf(postgresUrl === null)('PostgreSQL [skipped without a server]', () => {
  test('a save waits for a take-over that is under way, and is refused', async () => {
    const database = await opened()
    const owner = database.open()
    await owner.load()
    await owner.save(new Map([['a', 1n]]))
    await database.client.query('begin')
    await database.client.query(`update ${database.schema}.journal_offset_owner set term = term + 1`)
    const saving = owner.save(new Map([['a', 2n]])).then(() => 'saved', (error: { code?: string }) => error.code)
    expect(await Promise.race([saving, untilWaitedFor(database)])).toBe('waited for')
    await database.client.query('commit')
    expect(await saving).toBe('STALE_OWNER')
    expect(await database.open().load()).toEqual(new Map([['a', 1n]]))
  })

  test.each(['read committed', 'repeatable read'])(
    'a take-over waits for a save that is under way, and answers it, also where %s is the default', async (isolation) => {
      const database = await opened()
      const owner = database.open()
      await owner.load()
      await database.client.query('begin')
      await database.client.query(`select from ${database.schema}.journal_offset_owner for share`)
      await database.client.query(`insert into ${database.schema}.journal_offset values ('mailer', 'a', 7)`)
      const strict = new pg.Pool({
        connectionString: postgresUrl ?? '', options: `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`,
      })
      onTestFinished(() => strict.end())
      const next = postgres({ pool: strict, schema: database.schema }).offsets?.('mailer')
      const loading = next?.load().then((offsets) => [...offsets], String)
      expect(await Promise.race([loading, untilWaitedFor(database)])).toBe('waited for')
      await database.client.query('commit')
      expect(await loading).toEqual([['a', 7n]])
    })
})
