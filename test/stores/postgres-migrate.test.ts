/** The schema: applied once, checked, refused when it is not what this version knows, under any name. */
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { postgres } from '../../src/postgres.js'
import { quoteIdentifier } from '../../src/sql/identifier.js'
import { createWaybill } from '../../src/waybill.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-outbox.js'

const DRAFT = { type: 'order.placed', payload: { n: 1 } }
const QUEUE = { lane: 'default', target: 'default', consumer: 'worker-1' }
const HOSTILE = {
  'a reserved word': 'select',
  'double quotes': '"; drop schema public; --"',
  'single quotes': `it's '' quoted`,
  'dollar quotes': '$body$ $1 $$',
  'replacement patterns': '$& $` {schema} {sequence} %s',
  'a backslash, a line break': 'back\\slash\nnew line',
  'upper case, spaces and dots': 'Some.Tenant OUTBOX ',
  'unicode': 'schéma ‮ 日本 🚚',
  '63 bytes': 'x'.repeat(63),
  '63 bytes of more than one each': `${'é'.repeat(31)}x`,
}

let pool: pg.Pool
let schema: string

function open(options: { schema?: string; pool?: pg.Pool } = {}) {
  return createWaybill({ store: postgres({ pool, schema, ...options }) })
}

async function count(text: string): Promise<number> {
  return Number((await pool.query<{ n: string }>(text)).rows[0]?.n)
}

/** Enqueue, claim, ack: whatever was migrated works. */
async function expectWorking(waybill: ReturnType<typeof open>): Promise<void> {
  const { id } = await waybill.transaction((tx) => waybill.outbox.enqueue(tx, { ...DRAFT, dedupeKey: 'k' }))
  const { id: later } = await waybill.outbox.enqueueAlone({ ...DRAFT, delayMs: 60_000 })
  const claim = await waybill.outbox.claim(QUEUE)
  expect(claim?.messages.map((message) => message.id)).toEqual([id])
  expect(await waybill.outbox.extend(claim?.token ?? '', 60_000)).toBeGreaterThan(0)
  expect(await waybill.outbox.ack(id, claim?.token ?? '')).toBe(true)
  const states = (await waybill.outbox.list()).map((message) => [message.id, message.status])
  expect(states).toEqual([[id, 'delivered'], [later, 'pending']])
}

// reason: there may be no PostgreSQL for this platform; WAYBILL_CI requires one.
describe.skipIf(postgresUrl === null)('PostgreSQL, migrations [skipped without a server]', () => {
  beforeEach(() => {
    pool = new pg.Pool({ connectionString: postgresUrl ?? '', max: 10 })
    schema = freshSchema()
  })

  afterEach(async () => {
    await pool.end()
    await dropSchema(schema)
  })

  test.each(['read committed', 'repeatable read', 'serializable'])(
    'eight processes migrate one schema at once, each step is applied once: default isolation %s',
    async (isolation) => {
      const options = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`
      const config = { connectionString: postgresUrl ?? '', options }
      const pools = Array.from({ length: 8 }, () => new pg.Pool(config))
      await Promise.all(pools.map((each) => open({ pool: each }).migrate()))
      const versions = await count(`select max(version) as n from ${schema}.migration`)
      expect(await count(`select count(*) as n from ${schema}.migration`)).toBe(versions)
      expect(await count(`select count(*) as n from ${schema}.meta where key = 'tag'`)).toBe(1)
      await expectWorking(open({ pool: pools[0]! }))
      await Promise.all(pools.map((each) => each.end()))
    })

  test('migrating again changes nothing, beside open transactions of the application, too', async () => {
    const waybill = open()
    await waybill.migrate()
    const before = await pool.query(`select * from ${schema}.migration; select * from ${schema}.meta`)
    const writer = await pool.connect()
    await writer.query('begin')
    await waybill.outbox.enqueue(writer, DRAFT)
    await waybill.migrate()
    await open().migrate()
    await writer.query('rollback')
    writer.release()
    const after = await pool.query(`select * from ${schema}.migration; select * from ${schema}.meta`)
    const rows = (results: unknown): unknown => (results as { rows: unknown }[]).map((result) => result.rows)
    expect(rows(after)).toEqual(rows(before))
    await expectWorking(waybill)
  })

  test('a step that was applied with another text is CONFIG_INVALID, and nothing is changed', async () => {
    await open().migrate()
    await pool.query(`update ${schema}.migration set checksum = repeat('0', 64) where version = 1`)
    await expect(open().migrate()).rejects.toMatchObject({ code: 'CONFIG_INVALID', details: { version: 1 } })
    expect(await count(`select count(*) as n from ${schema}.migration where checksum ~ '^0+$'`)).toBe(1)
  })

  test('a schema of a later version is CONFIG_INVALID', async () => {
    await open().migrate()
    await pool.query(`insert into ${schema}.migration values (1000, 'later', 'x')`)
    const refusal = { code: 'CONFIG_INVALID', details: { version: 1000 } }
    await expect(open().migrate()).rejects.toMatchObject(refusal)
  })

  test('without a schema every call is NOT_MIGRATED; after migrate the same objects work', async () => {
    const waybill = open()
    const client = await pool.connect()
    await client.query('begin')
    const calls: (() => Promise<unknown>)[] = [
      () => waybill.outbox.enqueue(client, DRAFT), () => waybill.outbox.enqueueAlone(DRAFT),
      () => waybill.outbox.claim(QUEUE), () => waybill.outbox.ack('x', 'token'),
      () => waybill.outbox.extend('token', 1), () => waybill.outbox.get('x'), () => waybill.outbox.list(),
      () => waybill.outbox.stats(), () => waybill.outbox.purge({ deliveredOlderThanMs: 0 }),
    ]
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({ code: 'NOT_MIGRATED', retryable: false })
    }
    await client.query('rollback')
    client.release()
    await waybill.migrate()
    await expectWorking(waybill)
  })

  test('a schema of that name that exists already, with tables of its owner, is used', async () => {
    await pool.query(`create schema ${schema}; create table ${schema}.orders (id int)`)
    await open().migrate()
    await expectWorking(open())
    expect(await count(`select count(*) as n from ${schema}.orders`)).toBe(0)
  })

  test('migrationSql, run as one script, makes the schema that migrate finds complete', async () => {
    const waybill = open()
    await pool.query(waybill.migrationSql())
    const before = await count(`select count(*) as n from ${schema}.migration`)
    await waybill.migrate()
    expect(await count(`select count(*) as n from ${schema}.migration`)).toBe(before)
    await expectWorking(waybill)
  })

  test('migrate and migrationSql make the same schema', async () => {
    const other = freshSchema()
    await open().migrate()
    await pool.query(open({ schema: other }).migrationSql())
    const describeSchema = async (name: string): Promise<string> => {
      const { rows } = await pool.query<{ text: string }>(`
        select table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' '
          || coalesce(column_default, '') as text
        from information_schema.columns where table_schema = $1
        union all select indexdef from pg_indexes where schemaname = $1
        union all select pg_get_functiondef(p.oid)
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = $1 order by 1`, [name])
      return rows.map(({ text }) => text.replaceAll(name, 'here')).join('\n')
    }
    expect(await describeSchema(other)).toBe(await describeSchema(schema))
    await dropSchema(other)
  })

  test('what the claim rests on: ids come before numbers, and numbers one by one', async () => {
    await open().migrate()
    const { rows } = await pool.query<{ name: string }>(`
      select attname as name from pg_attribute where attrelid = '${schema}.outbox_message'::regclass
        and attname in ('xid', 'seq') order by attnum`)
    expect(rows.map(({ name }) => name)).toEqual(['xid', 'seq'])
    expect(await count(`select seqcache as n from pg_sequence
      where seqrelid = pg_get_serial_sequence('${schema}.outbox_message', 'seq')::regclass`)).toBe(1)
  })

  test.each(Object.entries(HOSTILE))('a schema name with %s', async (_, name) => {
    await dropSchema(name)
    const waybill = open({ schema: name })
    await waybill.migrate()
    await waybill.migrate()
    await expectWorking(waybill)
    await dropSchema(name)
    await pool.query(waybill.migrationSql())
    await expectWorking(open({ schema: name }))
    await dropSchema(name)
  })

  test.each(['', ' ', 'x'.repeat(64), 'é'.repeat(32), 'nul\u0000', 'half \ud83d'])(
    'a name that no schema can have is VALIDATION: %j', (name) => {
      expect(() => open({ schema: name })).toThrow(expect.objectContaining({ code: 'VALIDATION' }))
    })

  test('the session\'s search_path does not matter, nor tables of the same names on it', async () => {
    const decoy = freshSchema()
    await open({ schema: decoy }).migrate()
    await pool.query(`create function ${decoy}.hashtext(text) returns int language sql as 'select 1/0'`)
    const options = `-c search_path=${decoy},public`
    const other = new pg.Pool({ connectionString: postgresUrl ?? '', options })
    const waybill = open({ pool: other })
    await waybill.migrate()
    await expectWorking(waybill)
    for (const table of ['outbox_message', 'outbox_queue', 'outbox_due', 'outbox_delivered']) {
      expect(await count(`select count(*) as n from ${quoteIdentifier(decoy)}.${table}`)).toBe(0)
    }
    await other.end()
    await dropSchema(decoy)
  })

  test('two schemas of one database know nothing of each other', async () => {
    const neighbour = freshSchema()
    await Promise.all([open().migrate(), open({ schema: neighbour }).migrate()])
    const [mine, theirs] = [open(), open({ schema: neighbour })]
    const { id } = await theirs.outbox.enqueueAlone(DRAFT)
    expect(await mine.outbox.claim(QUEUE)).toBeNull()
    expect(await mine.outbox.get(id)).toBeUndefined()
    expect((await theirs.outbox.claim(QUEUE))?.messages).toHaveLength(1)
    await dropSchema(neighbour)
  })
})
