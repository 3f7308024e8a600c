/** `waybill/drizzle` on PostgreSQL: over `pg` and over postgres.js. */
import { sql } from 'drizzle-orm'
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres'
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js'
import pg from 'pg'
import postgresJs from 'postgres'
import { drizzle, type DrizzlePostgresTransaction } from '../../src/drizzle.js'
import { driverCases, type DriverRig } from './driver-cases.js'

interface Transaction extends DrizzlePostgresTransaction {
  transaction(work: (tx: Transaction) => Promise<unknown>): Promise<unknown>
}

interface Database {
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>
}

function rig(db: Database, close: () => Promise<void>): DriverRig<Transaction> {
  const undo = new Error('undo')
  return {
    driver: drizzle(),
    transaction: (work) => db.transaction(work),
    undone: (tx, work) => tx.transaction(async (inner) => {
      await work(inner)
      throw undo
    }).catch((error: unknown) => { if (error !== undo) throw error }),
    run: async (tx, text) => tx.execute(sql.raw(text)),
    refused: { 'db itself': () => db as unknown as Transaction },
    close,
  }
}

driverCases<Transaction>('Drizzle over pg', async (url) => {
  const pool = new pg.Pool({ connectionString: url, max: 3 })
  return rig(drizzlePg(pool), () => pool.end())
})

driverCases<Transaction>('Drizzle over postgres.js', async (url) => {
  const client = postgresJs(url, { max: 3, onnotice: () => undefined })
  return rig(drizzlePostgresJs(client), () => client.end())
})
