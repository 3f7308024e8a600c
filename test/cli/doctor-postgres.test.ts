/** The doctor on a PostgreSQL of its own, whose settings it may spoil one by one. */
import { writeFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import postgresJs from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Finding } from '../../src/core/diagnosis.js'
import { pgDatabase } from '../../src/drivers/pg.js'
import { postgres } from '../../src/postgres.js'
import { diagnosePostgres } from '../../src/stores/postgres/diagnosis.js'
import { expectedSchema } from '../../src/stores/postgres/expected-schema.js'
import { Pgbouncer, pgbouncerMissing } from '../support/pgbouncer.js'
import { postgresUrl } from '../support/postgres-outbox.js'
import { PostgresServer } from '../support/postgres-server.js'
import { runCli, temporaryFolder } from './program.js'

interface Report {
  readonly code: number
  readonly healthy: boolean
  readonly findings: readonly Finding[]
  readonly of: (name: string) => Finding | undefined
}

// reason: this platform has no PostgreSQL binaries
describe.skipIf(postgresUrl === null)('doctor on PostgreSQL', () => {
  const folder = temporaryFolder()
  let server: PostgresServer
  let admin: pg.Client

  const sql = async (text: string): Promise<Record<string, unknown>[]> => {
    const results = await admin.query(text) as unknown as { rows: Record<string, unknown>[] }
    return results.rows
  }
  const connect = async (): Promise<void> => {
    admin = new pg.Client(server.url)
    admin.on('error', () => undefined)
    await admin.connect()
  }
  const doctor = async (url = server.url, ...argv: string[]): Promise<Report> => {
    const { code, stdout, stderr } = await runCli(['doctor', '--json', '--url', url, ...argv], { cwd: folder.path })
    expect(stderr).toBe('')
    const document = JSON.parse(stdout) as { healthy: boolean; findings: Finding[] }
    return { code, ...document, of: (name) => document.findings.find((each) => each.name === name) }
  }

  beforeAll(async () => {
    server = await PostgresServer.create({ settings: { fsync: 'on', max_prepared_transactions: 5 } })
    await connect()
    expect(await runCli(['migrate', '--url', server.url], { cwd: folder.path })).toMatchObject({ code: 0 })
  }, 60_000)
  afterAll(async () => {
    await admin.end()
    await server[Symbol.asyncDispose]()
    folder.remove()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('all well', async () => {
    const { code, healthy, findings } = await doctor()
    expect(findings.filter(({ state }) => state !== 'ok')).toEqual([])
    expect({ code, healthy }).toEqual({ code: 0, healthy: true })
    expect(findings.map(({ name }) => name)).toEqual([
      'server', 'fsync', 'full_page_writes', 'synchronous_commit', 'writable', 'isolation', 'clock', 'schema', 'objects',
      'claim_order', 'privileges', 'autovacuum', 'open_transactions', 'prepared_transactions', 'pooler',
      'paused', 'dead_letters', 'expired_claims', 'oldest_ready',
    ])
  })

  test('what the migrations make is read from them', () => {
    const { migrations, tables, indexes, functions, updated } = expectedSchema()
    expect(migrations.length).toBeGreaterThan(0)
    expect([...tables]).toEqual(expect.arrayContaining(['meta', 'migration', 'outbox_message', 'outbox_due']))
    expect([...indexes]).toEqual(expect.arrayContaining(['outbox_message_log', 'outbox_dedupe_seq']))
    expect([...functions]).toEqual(expect.arrayContaining(['outbox_claim', 'outbox_settle', 'outbox_extend']))
    expect([...updated]).toEqual(expect.arrayContaining(['outbox_queue', 'outbox_dedupe']))
  })

  type Case = readonly [what: string, spoil: string, repair: string, finding: string, state: string, found: RegExp, advice: RegExp]
  const REPLACED = `select (select checksum from waybill.migration where version = 1) as checksum`
  const CASES: readonly Case[] = [
    ['full_page_writes', 'alter system set full_page_writes = off', 'alter system reset full_page_writes',
      'full_page_writes', 'problem', /^off: .*half-written/, /full_page_writes = on/],
    ['synchronous_commit for every role', 'alter system set synchronous_commit = off', 'alter system reset synchronous_commit',
      'synchronous_commit', 'problem', /^off in this session/, /set it to on/],
    ['synchronous_commit for this role', `alter role postgres set synchronous_commit = off`,
      'alter role postgres reset synchronous_commit', 'synchronous_commit', 'problem', /^off in this session/, /set it to on/],
    ['synchronous_commit for another role in this database',
      'create role app; alter role app in database postgres set synchronous_commit = off', 'drop role app',
      'synchronous_commit', 'warning', /^on in this session, off for app/, /reset synchronous_commit/],
    ['a read-only default', 'alter role postgres set default_transaction_read_only = on',
      'set default_transaction_read_only = off; alter role postgres reset default_transaction_read_only',
      'writable', 'problem', /default_transaction_read_only is on/, /turn it off/],
    ['a stricter isolation', `alter role postgres set default_transaction_isolation = 'repeatable read'`,
      'alter role postgres reset default_transaction_isolation', 'isolation', 'warning', /^repeatable read by default/, /read committed/],
    ['a sequence cache', 'alter table waybill.outbox_message alter column seq set cache 32',
      'alter table waybill.outbox_message alter column seq set cache 1', 'claim_order', 'problem', /cache 32/, /set cache 1/],
    ['a sequence that goes round', 'alter table waybill.outbox_message alter column seq set cycle',
      'alter table waybill.outbox_message alter column seq set no cycle', 'claim_order', 'problem', /only go up/, /set no cycle/],
    ['no sequence', 'alter table waybill.outbox_message alter column seq drop identity',
      'alter table waybill.outbox_message alter column seq add generated by default as identity (cache 1)',
      'claim_order', 'problem', /no sequence/, /identity \(cache 1\)/],
    ['xid behind seq', `alter table waybill.outbox_message rename column xid to old_xid;
      alter table waybill.outbox_message add column xid xid8 not null default pg_current_xact_id()`,
    `alter table waybill.outbox_message drop column xid; alter table waybill.outbox_message rename column old_xid to xid`,
    'claim_order', 'problem', /xid is not before seq/, /first column/],
    ['a cache of the journal\'s positions', 'alter table waybill.journal_event alter column position set cache 32',
      'alter table waybill.journal_event alter column position set cache 1', 'claim_order', 'problem',
      /^journal_event\.position: its sequence has cache 32/, /column position set cache 1/],
    ['a missing index', 'alter index waybill.outbox_dead_age rename to gone', 'alter index waybill.gone rename to outbox_dead_age',
      'objects', 'problem', /missing: index outbox_dead_age/, /migrate --print/],
    ['a missing function', 'alter function waybill.outbox_extend rename to gone', 'alter function waybill.gone rename to outbox_extend',
      'objects', 'problem', /missing: function outbox_extend/, /migrate --print/],
    ['an invalid index', `update pg_index set indisvalid = false where indexrelid = 'waybill.outbox_dead_age'::regclass`,
      `update pg_index set indisvalid = true where indexrelid = 'waybill.outbox_dead_age'::regclass`,
      'objects', 'problem', /invalid indexes: outbox_dead_age/, /reindex/],
    ['a newer schema', `insert into waybill.migration (version, name, checksum) values (99, 'later', 'x')`,
      'delete from waybill.migration where version = 99', 'schema', 'problem', /version 99, newer/, /upgrade/],
    ['an older schema', `alter table waybill.migration rename to kept; create table waybill.migration as select * from waybill.kept where false`,
      'drop table waybill.migration; alter table waybill.kept rename to migration', 'schema', 'problem', /not applied: 1 outbox/, /waybill migrate/],
    ['a changed checksum', `update waybill.migration set checksum = 'x' || checksum`,
      `update waybill.migration set checksum = substr(checksum, 2)`, 'schema', 'problem', /another text: 1 outbox/, /backup/],
    ['no tables', 'alter schema waybill rename to away; create schema waybill', 'drop schema waybill; alter schema away rename to waybill',
      'schema', 'problem', /no tables in schema waybill/, /waybill migrate/],
    ['no schema', 'alter schema waybill rename to away', 'alter schema away rename to waybill',
      'schema', 'problem', /no tables in schema waybill/, /waybill migrate/],
    ['autovacuum off', 'alter system set autovacuum = off', 'alter system reset autovacuum', 'autovacuum', 'warning', /whole server/, /autovacuum/],
    ['autovacuum off for a table', 'alter table waybill.outbox_due set (autovacuum_enabled = false)',
      'alter table waybill.outbox_due reset (autovacuum_enabled)', 'autovacuum', 'warning', /off for outbox_due/, /reset/],
  ]

  test.each(CASES)('%s', async (_, spoil, repair, name, state, found, advice) => {
    expect(await sql(REPLACED)).toHaveLength(1)
    const apply = async (text: string): Promise<void> => {
      for (const statement of text.split(';')) await sql(statement)
      await sql('select pg_reload_conf()')
    }
    await apply(spoil)
    try {
      const expected = {
        state, found: expect.stringMatching(found) as string, advice: expect.stringMatching(advice) as string,
      }
      await vi.waitFor(async () => expect((await doctor()).of(name)).toMatchObject(expected), { timeout: 10_000, interval: 50 })
      const { code, healthy } = await doctor()
      expect({ code, healthy }).toEqual({ code: state === 'problem' ? 3 : 0, healthy: state !== 'problem' })
    } finally {
      await apply(repair)
    }
    await vi.waitFor(async () => expect((await doctor()).of(name)).toMatchObject({ state: 'ok' }), { timeout: 10_000, interval: 50 })
  })

  test('for people: the state, the finding, and what to do', async () => {
    await sql('alter table waybill.outbox_message alter column seq set cache 32')
    try {
      const { code, stdout } = await runCli(['doctor', '--url', server.url], { cwd: folder.path })
      expect(code).toBe(3)
      expect(stdout).toMatch(/^ok {7}server {17}PostgreSQL \d/)
      expect(stdout).toMatch(/\nproblem {2}claim_order {2,}outbox_message\.seq: its sequence has cache 32.*\n {10,}next: alter table/)
      expect(stdout).toMatch(/\n\n19 checks: 1 problem, 18 ok\n$/)
    } finally {
      await sql('alter table waybill.outbox_message alter column seq set cache 1')
    }
  })

  test('fsync off', async () => {
    expect((await doctor(postgresUrl!, '--schema', 'nowhere')).of('fsync')).toMatchObject({ state: 'problem' })
  })

  test('a clock that is off', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 })
    const { code, of } = await doctor()
    expect(code).toBe(0)
    expect(of('clock')).toMatchObject({ state: 'warning', found: expect.stringMatching(/^(?:59|60)\d{3} ms behind/) as string })
  })

  test('transactions that stay open, by pid and name, without what they run', async () => {
    const other = new pg.Client({ connectionString: server.url, application_name: 'nightly report' })
    await other.connect()
    const database = pgDatabase(new pg.Pool({ connectionString: server.url, max: 4 }), { prepare: true, owned: true })
    const find = async (name: string): Promise<Finding | undefined> =>
      (await diagnosePostgres(database, { schema: 'waybill', openTooLongMs: 0 })).find((each) => each.name === name)
    try {
      const pid = (await other.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid
      await other.query(`begin`)
      await other.query(`select 'canary'`)
      const open = await find('open_transactions')
      expect(open).toMatchObject({
        state: 'warning', found: expect.stringContaining(`pid ${pid} (nightly report, idle in transaction) for`) as string,
      })
      expect(JSON.stringify(open)).not.toContain('canary')
      await other.query(`prepare transaction 'forgotten'`)
      expect(await find('prepared_transactions')).toMatchObject({
        state: 'warning', found: expect.stringContaining(`'forgotten' in database postgres`) as string,
      })
      expect((await doctor()).of('prepared_transactions')).toMatchObject({ state: 'ok', found: 'none for more than 5 min' })
      await other.query(`rollback prepared 'forgotten'`)
    } finally {
      await other.end()
      await database.close()
    }
  })

  test('rights that are missing', async () => {
    await sql('create role poor login')
    const url = server.url.replace(/postgres@/, 'poor@')
    try {
      const first = await doctor(url)
      expect(first.code).toBe(3)
      expect(first.of('privileges')).toMatchObject({ state: 'problem', found: 'poor may not use schema waybill' })
      expect(first.of('schema')).toMatchObject({ state: 'skipped', found: expect.stringMatching(/permission denied/) as string })
      await sql('grant usage on schema waybill to poor')
      await sql('grant select on all tables in schema waybill to poor')
      const second = await doctor(url)
      expect(second.of('privileges')!.found).toMatch(/^poor lacks (?:delete|insert) on \w+, .* more$/)
      expect(second.of('open_transactions')).toMatchObject({ state: 'skipped', found: expect.stringContaining('pg_read_all_stats') as string })
      await sql('grant insert, update, delete on all tables in schema waybill to poor')
      expect((await doctor(url)).of('privileges')).toMatchObject({ state: 'ok' })
      for (const [right, table] of [
        ['delete', 'inbox'], ['insert', 'feed_result'], ['update', 'feed_checkpoint'], ['update', 'dlq_entry'],
      ] as const) {
        await sql(`revoke ${right} on waybill.${table} from poor`)
        expect((await doctor(url)).of('privileges')).toMatchObject({
          state: 'problem', found: `poor lacks ${right} on ${table}`,
        })
        await sql(`grant ${right} on waybill.${table} to poor`)
      }
      await sql('revoke execute on function waybill.outbox_extend from public')
      expect((await doctor(url)).of('privileges')).toMatchObject({ state: 'problem', found: 'poor lacks execute on outbox_extend' })
      await sql('grant execute on function waybill.outbox_extend to public')
      await sql('grant pg_read_all_stats to poor')
      expect(await doctor(url)).toMatchObject({ code: 0 })
    } finally {
      await sql('drop owned by poor')
      await sql('drop role poor')
    }
  })

  test('dead rows that nobody removes', async () => {
    await sql('alter table waybill.outbox_failure set (autovacuum_enabled = false)')
    await sql(`insert into waybill.outbox_failure (seq, attempt, failed_at, consumer, error) select s, 1, 0, '', '' from generate_series(1, 100001) s`)
    await sql('delete from waybill.outbox_failure')
    // A session that ends has told its counts; before version 15 they are taken note of a little later.
    await admin.end()
    await connect()
    await vi.waitFor(async () => {
      expect(await sql(`select n_dead_tup from pg_stat_user_tables where relname = 'outbox_failure'`))
        .toEqual([{ n_dead_tup: '100001' }])
    }, { timeout: 20_000, interval: 50 })
    await sql('alter table waybill.outbox_failure reset (autovacuum_enabled)')
    expect((await doctor()).of('autovacuum')).toMatchObject({
      state: 'warning', found: 'dead rows wait to be removed: outbox_failure 100001',
    })
    await sql('vacuum waybill.outbox_failure')
    await vi.waitFor(async () => expect((await doctor()).of('autovacuum')).toMatchObject({ state: 'ok' }), { timeout: 20_000 })
  })

  test('a pool of one connection cannot tell of poolers; postgres.js can', async () => {
    const one = pgDatabase(new pg.Pool({ connectionString: server.url, max: 1 }), { prepare: true, owned: true })
    const findings = await diagnosePostgres(one, { schema: 'waybill' })
    expect(findings.find(({ name }) => name === 'pooler')).toMatchObject({ state: 'skipped' })
    await one.close()
    const client = postgresJs(server.url, { max: 4, onnotice: () => undefined })
    const found = await postgres({ sql: client }).diagnose!()
    expect(found.filter(({ state }) => state !== 'ok')).toEqual([])
    await client.end()
  })

  // reason: pgbouncer is not installed here
  test.skipIf(pgbouncerMissing() !== undefined)('a pooler that shares connections between transactions', async () => {
    const bouncer = await Pgbouncer.start(server.url)
    try {
      const { code, of } = await doctor(bouncer.url)
      expect(code).toBe(0)
      expect(of('pooler')).toMatchObject({ state: 'warning', advice: expect.stringContaining('prepare: false') as string })
    } finally {
      await bouncer[Symbol.asyncDispose]()
    }
  })

  test('a replica', async () => {
    const folderOfServer = String((await sql(`select current_setting('data_directory') as folder`))[0]!['folder'])
    await admin.end()
    await server.stop()
    writeFileSync(join(folderOfServer, 'standby.signal'), '')
    await server.start()
    try {
      const { code, of } = await doctor()
      expect(code).toBe(3)
      expect(of('writable')).toMatchObject({ state: 'problem', found: 'this server is a replica' })
    } finally {
      await server.stop()
      rmSync(join(folderOfServer, 'standby.signal'))
      await server.start()
      await connect()
    }
  })

  test('without a server it fails with 1', async () => {
    const { code, stderr } = await runCli(['doctor', '--url', 'postgres://127.0.0.1:1/x'], { cwd: folder.path })
    expect(code).toBe(1)
    expect(stderr).toContain('cannot be reached')
  })
})
