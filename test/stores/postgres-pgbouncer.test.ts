/** The store behind a pooler that gives each transaction whichever server connection is free. */
import pg from 'pg'
import postgresJs from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { SqlExecutor } from '../../src/core/sql.js'
import { pgDriver } from '../../src/drivers/pg.js'
import type { OutboxMessageDraft } from '../../src/outbox/message.js'
import { postgres } from '../../src/postgres.js'
import { outboxStoreSuite, type Isolation } from '../../src/testkit/index.js'
import { createWaybill } from '../../src/waybill.js'
import { Pgbouncer, pgbouncerMissing } from '../support/pgbouncer.js'
import { dropSchema, freshSchema, openPostgres, postgresUrl } from '../support/postgres-outbox.js'

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
