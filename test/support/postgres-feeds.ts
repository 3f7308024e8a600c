/** Fresh feeds on the run's PostgreSQL: two stores with pools of their own on one schema. */
import pg from 'pg'
import postgresJs from 'postgres'
import { pgDriver } from '../../src/drivers/pg.js'
import type { SqlExecutor } from '../../src/core/sql.js'
import { postgres } from '../../src/postgres.js'
import { quoteIdentifier } from '../../src/sql/identifier.js'
import type { FeedStore } from '../../src/feeds/contract.js'
import type { OpenedFeeds } from '../../src/testkit/index.js'
import { lentSchema, postgresUrl } from './postgres-schemas.js'

export interface OpenPostgresFeedsOptions {
  readonly client: 'pg' | 'postgres'
  readonly suffix?: string
  readonly url?: string
  readonly prepare?: boolean
  /** Of a connection of the stores', where it says nothing else. */
  readonly isolation?: string
}

/** `open` for the suites. Transactions are hand-ordered on `pg` connections of their own. */
export function openPostgresFeeds(options: OpenPostgresFeedsOptions): () => Promise<OpenedFeeds<SqlExecutor>> {
  const { suffix = '', url = postgresUrl ?? '', prepare = true } = options
  return async () => {
    const { name: schema, giveBack } = lentSchema(suffix)
    const connections = [0, 1].map(() => connect({ ...options, url, prepare }))
    const stores = connections.map(({ open }) => open(schema))
    const clients: pg.Client[] = []
    await stores[0]!.migrate()
    return {
      store: feedsOf(stores[0]!),
      other: feedsOf(stores[1]!),
      async begin(isolation = 'read committed') {
        const connection = new pg.Client(url)
        await connection.connect()
        clients.push(connection)
        await connection.query(`begin isolation level ${isolation}`)
        return {
          tx: { execute: async (statement) => pgDriver({ prepare }).executor(connection).execute(statement) },
          commit: async () => void await connection.query('commit'),
          rollback: async () => void await connection.query('rollback'),
          async savepoint() {
            await connection.query('savepoint here')
            return { rollback: async () => void await connection.query('rollback to savepoint here') }
          },
        }
      },
      async reopen() {
        for (const store of stores.splice(0)) await store.close()
        stores.push(connections[0]!.open(schema))
        return feedsOf(stores[0]!)
      },
      faulty: (tx, failAt) => failing(tx, failAt),
      async setSequence(feed, sequence) {
        const table = `${quoteIdentifier(schema)}.feed`
        const connection = new pg.Client(url)
        await connection.connect()
        await connection.query(`update ${table} set sequence = $2::bigint, first = $3::bigint where feed = $1`,
          [feed, sequence, sequence + 1n])
        await connection.end()
      },
      async close() {
        await Promise.all(clients.map((each) => each.end()))
        for (const store of stores) await store.close()
        await Promise.all(connections.map(({ end }) => end()))
        await giveBack()
      },
    }
  }
}

/** Its statement of that number fails in the database, as one does that meets a limit or a fault there. */
function failing(tx: SqlExecutor, failAt: number): SqlExecutor {
  let count = 0
  return {
    execute(statement) {
      count += 1
      return tx.execute(count === failAt ? { text: 'select 1 / 0', params: [] } : statement)
    },
  }
}

type PostgresStore = ReturnType<ReturnType<typeof connect>['open']>

function feedsOf({ feeds }: PostgresStore): FeedStore<SqlExecutor> {
  if (feeds === undefined) throw new Error('the store has no feeds')
  return feeds
}

function connect({ client, url = '', prepare = true, isolation }: OpenPostgresFeedsOptions) {
  if (client === 'pg') {
    const options = isolation && `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`
    const pool = new pg.Pool({ connectionString: url, max: 10, options })
    return { open: (schema: string) => postgres({ pool, schema, prepare }), end: () => pool.end() }
  }
  const sql = postgresJs(url, { max: 10, onnotice: () => undefined, prepare })
  return { open: (schema: string) => postgres({ sql, schema, prepare }), end: () => sql.end() }
}
