/** Fresh outbox stores on the run's PostgreSQL, each in a schema of its own that is dropped at the end. */
import pg from 'pg'
import postgresJs from 'postgres'
import type { SqlDatabase, SqlExecutor } from '../../src/core/sql.js'
import { pgDatabase, pgDriver } from '../../src/drivers/pg.js'
import { postgresJsDatabase } from '../../src/drivers/postgres-js.js'
import { PostgresJournalStore } from '../../src/stores/postgres/journal.js'
import { PostgresOutboxStore } from '../../src/stores/postgres/outbox.js'
import type { OpenedJournal, OpenedOutbox, OpenJournalSettings, OpenSettings, OpenTransaction } from '../../src/testkit/index.js'
import { dropSchema, freshSchema, lentSchema, postgresUrl } from './postgres-schemas.js'

export { dropSchema, freshSchema, postgresUrl }

export interface OpenPostgresOptions {
  readonly client: 'pg' | 'postgres'
  readonly suffix?: string
  readonly url?: string
  readonly prepare?: boolean
}

/** `open` for the suite. Transactions are hand-ordered on `pg` connections of their own. */
export function openPostgres({ client, suffix = '', url = postgresUrl ?? '', prepare = true }: OpenPostgresOptions):
(settings: OpenSettings) => Promise<OpenedOutbox<SqlExecutor>> {
  return async (settings) => {
    const { name: schema, giveBack } = lentSchema(suffix)
    const clients: Connections = { all: [], idle: [] }
    const database = connect(client, url, prepare)
    const store = new PostgresOutboxStore(database, {
      schema, retainDeliveredMs: settings.retainDeliveredMs ?? 86_400_000, now: settings.now,
    })
    await store.migrate()
    return {
      store,
      begin: (isolation = 'read committed') => begin(url, isolation, clients),
      async close() {
        await Promise.all(clients.all.map((each) => each.end()))
        await store.close()
        await giveBack()
      },
    }
  }
}

/** The same for the suite of the journal, with the outbox beside it. */
export function openPostgresJournal(options: OpenPostgresOptions):
(settings: OpenJournalSettings) => Promise<OpenedJournal<SqlExecutor>> {
  const { client, suffix = '', url = postgresUrl ?? '', prepare = true } = options
  return async ({ now }) => {
    const { name: schema, giveBack } = lentSchema(suffix)
    const clients: Connections = { all: [], idle: [] }
    const database = connect(client, url, prepare)
    const outbox = new PostgresOutboxStore(database, { schema, retainDeliveredMs: 86_400_000, now })
    const store = new PostgresJournalStore(database, { schema, now })
    await outbox.migrate()
    return {
      store,
      outbox,
      begin: (isolation = 'read committed') => begin(url, isolation, clients),
      async close() {
        await Promise.all(clients.all.map((each) => each.end()))
        await store.close()
        await outbox.close()
        await giveBack()
      },
    }
  }
}

export function connect(client: 'pg' | 'postgres', url: string, prepare: boolean): SqlDatabase {
  return client === 'pg'
    ? pgDatabase(new pg.Pool({ connectionString: url, max: 20 }), { prepare, owned: true })
    : postgresJsDatabase(postgresJs(url, { max: 20, onnotice: () => undefined, prepare }), { prepare, owned: true })
}

/** One for each transaction that is open at a time. */
export interface Connections {
  readonly all: pg.Client[]
  readonly idle: pg.Client[]
}

/** A caller's transaction, on a `pg` connection of its own. */
export async function begin(
  url: string, isolation: string, clients: Connections,
): Promise<OpenTransaction<SqlExecutor>> {
  const connection = clients.idle.pop() ?? await connectClient(url, clients)
  const end = async (statement: 'commit' | 'rollback'): Promise<void> => {
    await connection.query(statement)
    clients.idle.push(connection)
  }
  await connection.query(`begin isolation level ${isolation}`)
  return {
    // Bound at each call, as `enqueue` binds a handle: an ended transaction must be noticed.
    tx: { execute: async (statement) => pgDriver().executor(connection).execute(statement) },
    commit: () => end('commit'),
    rollback: () => end('rollback'),
    savepoint: async () => {
      await connection.query('savepoint here')
      return { rollback: async () => void await connection.query('rollback to savepoint here') }
    },
  }
}

async function connectClient(url: string, clients: Connections): Promise<pg.Client> {
  const connection = new pg.Client(url)
  await connection.connect()
  clients.all.push(connection)
  return connection
}
