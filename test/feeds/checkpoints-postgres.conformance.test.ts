/** The published checkpoint suite over PostgreSQL: two stores with pools of their own on one schema. */
import pg from 'pg'
import postgresJs from 'postgres'
import { describe, test } from 'vitest'
import { postgres } from '../../src/postgres.js'
import { checkpointStoreSuite, type OpenedCheckpoints, type OpenCheckpointSettings } from '../../src/testkit/index.js'
import { postgresUrl } from '../support/postgres-outbox.js'
import { lentSchema } from '../support/postgres-schemas.js'

/** A name that ends every kind of quoting a statement could use. */
const HOSTILE = `";'--$body$ \\ é{schema}`

interface OpenOptions {
  readonly client: 'pg' | 'postgres'
  readonly suffix?: string
  /** Of a connection, where it says nothing else. */
  readonly isolation?: string
}

function openPostgresCheckpoints({ client, suffix, isolation = 'read committed' }: OpenOptions):
(settings: OpenCheckpointSettings) => Promise<OpenedCheckpoints> {
  return async (settings) => {
    const { name: schema, giveBack } = lentSchema(suffix)
    const connections = [0, 1].map(() => connect(client, isolation))
    const stores = connections.map(({ open }) => open({ schema, ...settings }))
    await stores[0]!.migrate()
    return {
      store: stores[0]!.checkpoints!,
      other: stores[1]!.checkpoints!,
      async close() {
        for (const store of stores) await store.close()
        await Promise.all(connections.map(({ end }) => end()))
        await giveBack()
      },
    }
  }
}

function connect(client: OpenOptions['client'], isolation: string) {
  const url = postgresUrl ?? ''
  if (client === 'pg') {
    const pool = new pg.Pool({
      connectionString: url, max: 10, options: `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`,
    })
    return { open: (options: object) => postgres({ pool, ...options }), end: () => pool.end() }
  }
  const sql = postgresJs(url, { max: 10, onnotice: () => undefined })
  return { open: (options: object) => postgres({ sql, ...options }), end: () => sql.end() }
}

// reason: there is no server and none could be started; the run's first lines say why
describe.skipIf(postgresUrl === null)('PostgreSQL [skipped without a server]', () => {
  describe('postgres (pg)', () => checkpointStoreSuite({ test, open: openPostgresCheckpoints({ client: 'pg' }) }))

  describe('postgres (pg), serializable by default', () =>
    checkpointStoreSuite({ test, open: openPostgresCheckpoints({ client: 'pg', isolation: 'serializable' }) }))

  describe('postgres (postgres.js), hostile schema name', () =>
    checkpointStoreSuite({ test, open: openPostgresCheckpoints({ client: 'postgres', suffix: HOSTILE }) }))
})
