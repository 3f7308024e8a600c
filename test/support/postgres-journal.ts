/** A journal on PostgreSQL for each test of a file, with the pool beside it to look at the tables. */
import pg from 'pg'
import { afterEach, beforeEach } from 'vitest'
import { postgres } from '../../src/postgres.js'
import { createWaybill } from '../../src/waybill.js'
import { dropSchema, freshSchema, postgresUrl } from './postgres-schemas.js'

export function overPool(pool: pg.Pool, schema: string) {
  return createWaybill({ store: postgres({ pool, schema }) })
}

export interface PostgresJournal {
  readonly schema: string
  readonly pool: pg.Pool
  readonly waybill: ReturnType<typeof overPool>
}

/** Made and migrated before each test of the block it is called in, and taken down after it. */
export function eachWithPostgresJournal(use: (journal: PostgresJournal) => void): void {
  let journal: PostgresJournal
  beforeEach(async () => {
    const schema = freshSchema()
    const pool = new pg.Pool({ connectionString: postgresUrl ?? '', max: 4 })
    journal = { schema, pool, waybill: overPool(pool, schema) }
    await journal.waybill.migrate()
    use(journal)
  })
  afterEach(async () => {
    await journal.waybill.close()
    await journal.pool.end()
    await dropSchema(journal.schema)
  })
}
