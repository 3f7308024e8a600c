/** The store behind a pooler that gives each transaction whichever server connection is free. */
import pg from 'pg'
import postgresJs from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { SqlExecutor } from '../../src/core/sql.js'
import { pgDriver } from '../../src/drivers/pg.js'
import type { OutboxMessageDraft } from '../../src/outbox/message.js'
import { postgres } from '../../src/postgres.js'
import { feedStoreSuite, outboxStoreSuite, subscriberSuite, type Isolation } from '../../src/testkit/index.js'
import { createWaybill } from '../../src/waybill.js'
import { Pgbouncer, pgbouncerMissing } from '../support/pgbouncer.js'
import { openPostgresFeeds } from '../support/postgres-feeds.js'
import { dropSchema, freshSchema, openPostgres, postgresUrl } from '../support/postgres-outbox.js'
import { lentSchema } from '../support/postgres-schemas.js'

const missing = postgresUrl === null ? 'no PostgreSQL server' : pgbouncerMissing()
if (missing !== undefined) console.warn(`Nothing is tested behind pgbouncer: ${missing}`)

let bouncer: Pgbouncer

/** Directly: a case holds more transactions open at a time than the pooler has connections. */
async function begin(isolation: Isolation = 'read committed', clients: pg.Client[]) {
  const client = new pg.Client(postgresUrl ?? '')
  clients.push(client)
  await client.connect()
  const run = async (text: string): Promise<void> => void await client.query(text)
  await run(`begin isolation level ${isolation}`)
  const tx: SqlExecutor = { execute: async (statement) => pgDriver().executor(client).execute(statement) }
  return {
    tx,
    commit: () => run('commit'),
    rollback: () => run('rollback'),
    async savepoint() {
      await run('savepoint here')
      return { rollback: () => run('rollback to savepoint here') }
    },
  }
}

// reason: pgbouncer may not be installed; WAYBILL_CI requires it.
describe.skipIf(missing !== undefined)('behind pgbouncer [skipped without it]', () => {
  beforeAll(async () => { bouncer = await Pgbouncer.start(postgresUrl ?? '') })

  afterAll(() => bouncer[Symbol.asyncDispose]())

  describe('the suite', () => outboxStoreSuite({
    test,
    histories: 5,
    async open(settings) {
      const opened = await openPostgres({ client: 'pg', url: bouncer.url, prepare: false })(settings)
      const clients: pg.Client[] = []
      return {
        store: opened.store,
        begin: (isolation) => begin(isolation, clients),
        async close() {
          await Promise.all(clients.map((client) => client.end()))
          await opened.close()
        },
      }
    },
  }))

  describe('the suite of feeds', () => feedStoreSuite({
    test, histories: 5, open: () => openPostgresFeeds({ client: 'pg', url: bouncer.url, prepare: false })(),
  }))

  describe('the suite of subscribers', () => subscriberSuite({
    test,
    async open() {
      const { name, giveBack } = lentSchema()
      const pool = new pg.Pool({ connectionString: bouncer.url, max: 10 })
      const store = postgres({ pool, schema: name, prepare: false })
      await store.migrate()
      return {
        feeds: store.feeds!, checkpoints: store.checkpoints!,
        async close() {
          await store.close()
          await pool.end()
          await giveBack()
        },
      }
    },
  }))

  describe('waybill.transaction, many at once on few server connections', () => {
    let schema: string
    let pool: pg.Pool
    let sql: postgresJs.Sql

    beforeEach(() => {
      schema = freshSchema()
      pool = new pg.Pool({ connectionString: bouncer.url, max: 20 })
      // The client itself must not prepare either: it repeats a COMMIT whose prepared statement is not there,
      // after the first try has aborted the transaction, and takes the rollback that follows for success.
      sql = postgresJs(bouncer.url, { max: 20, prepare: false, onnotice: () => undefined })
    })

    afterEach(async () => {
      await pool.end()
      await sql.end()
      await dropSchema(schema)
    })

    test('pg', async () => {
      const waybill = createWaybill({ store: postgres({ pool, schema, prepare: false }) })
      await waybill.migrate()
      await Promise.all(Array.from({ length: 200 }, (_, n) => waybill.transaction(async (tx) => {
        await waybill.outbox.enqueueMany(tx, draftsOf(n))
      })))
      expect((await waybill.outbox.stats())[0]).toMatchObject({ ready: 400 })
    })

    test('commits of one feed: dense, each with what its transaction wrote itself', async () => {
      const waybill = createWaybill({ store: postgres({ pool, schema, prepare: false }) })
      await waybill.migrate()
      const feed = waybill.feed('orders', { capacity: 150 })
      await Promise.all(Array.from({ length: 200 }, (_, n) => waybill.transaction(async (tx) => {
        const { sequence } = await feed.commit(tx, [{ op: 'update', key: n % 10, after: n }])
        await waybill.outbox.enqueue(tx, { type: 't', payload: { n, sequence: Number(sequence) } })
      })))
      const after = await feed.after(50)
      const values = new Map((after.kind === 'results' ? after.results : [])
        .map(({ sequence, changes: [change] }) => [Number(sequence), change?.after]))
      expect([...values.keys()]).toEqual(Array.from({ length: 150 }, (_, n) => n + 51))
      const messages = await waybill.outbox.list({ limit: 200 })
      const sent = messages.map(({ payload }) => (
        JSON.parse(Buffer.from(payload).toString()) as { n: number; sequence: number }))
      expect(new Set(sent.map(({ sequence }) => sequence)).size).toBe(200)
      for (const { n, sequence } of sent) if (sequence > 50) expect(values.get(sequence)).toBe(n)
    })

    test('postgres.js', async () => {
      const waybill = createWaybill({ store: postgres({ sql, schema, prepare: false }) })
      await waybill.migrate()
      await Promise.all(Array.from({ length: 200 }, (_, n) => waybill.transaction(async (tx) => {
        await waybill.outbox.enqueueMany(tx, draftsOf(n))
      })))
      expect((await waybill.outbox.stats())[0]).toMatchObject({ ready: 400 })
    })
  })
})

function draftsOf(n: number): OutboxMessageDraft[] {
  return [{ type: 't', payload: n }, { type: 't', payload: n, dedupeKey: `k${n}` }]
}
