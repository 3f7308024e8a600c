/** Fresh inboxes for the suite: two handles on each database, and transactions of callers. */
import type { SqlExecutor } from '../../src/core/sql.js'
import type { SqliteEngineName } from '../../src/drivers/sqlite.js'
import { sqlite } from '../../src/sqlite.js'
import type { SqliteEngine } from '../../src/sql/sqlite-connection.js'
import { MemoryInboxStore } from '../../src/stores/memory/inbox.js'
import { MemoryOutboxStore } from '../../src/stores/memory/outbox.js'
import type { MemoryTransaction } from '../../src/stores/memory/transaction.js'
import { PostgresInboxStore } from '../../src/stores/postgres/inbox.js'
import { PostgresOutboxStore } from '../../src/stores/postgres/outbox.js'
import type { OpenedInbox, OpenInboxSettings } from '../../src/testkit/index.js'
import { temporaryFile } from '../stores/sqlite-support.js'
import { failingAt } from './failing-executor.js'
import { begin, connect, type Connections, type OpenPostgresOptions } from './postgres-outbox.js'
import { lentSchema, postgresUrl } from './postgres-schemas.js'
import { sqliteCallers } from './sqlite-callers.js'

type Open<Tx> = (settings: OpenInboxSettings) => Promise<OpenedInbox<Tx>>

export const openMemoryInbox: Open<MemoryTransaction> = async (settings) => {
  const outbox = new MemoryOutboxStore(settings)
  const store = new MemoryInboxStore(outbox, settings)
  return {
    store, other: store,
    async begin() {
      const tx = outbox.begin()
      return { tx, commit: () => tx.commit(), rollback: () => tx.rollback(), savepoint: () => tx.savepoint() }
    },
    async close() {
      await store.close()
      await outbox.close()
    },
  }
}

export function openSqliteInbox(engine: SqliteEngine): Open<SqlExecutor> {
  return async (settings) => {
    const file = temporaryFile()
    const stores = [0, 1].map(() => sqlite({ path: file.path, engine: engine.name as SqliteEngineName, ...settings }))
    await stores[0]!.migrate()
    const callers = sqliteCallers(engine, file.path)
    return {
      store: stores[0]!.inbox!, other: stores[1]!.inbox!, faulty: failingAt,
      begin: () => callers.begin(),
      async close() {
        callers.close()
        for (const store of stores) await store.close()
        file.remove()
      },
    }
  }
}

/** Callers' transactions are hand-ordered on `pg` connections of their own. */
export function openPostgresInbox(options: OpenPostgresOptions): Open<SqlExecutor> {
  const { client, suffix = '', url = postgresUrl ?? '', prepare = true } = options
  return async ({ now }) => {
    const { name: schema, giveBack } = lentSchema(suffix)
    const databases = [connect(client, url, prepare), connect(client, url, prepare)] as const
    const outbox = new PostgresOutboxStore(databases[0], { schema, retainDeliveredMs: 0, now })
    const [store, other] = [
      new PostgresInboxStore(databases[0], { schema, now }), new PostgresInboxStore(databases[1], { schema, now }),
    ]
    const clients: Connections = { all: [], idle: [] }
    await outbox.migrate()
    return {
      store, other, faulty: failingAt,
      begin: (isolation = 'read committed') => begin(url, isolation, clients),
      async close() {
        await Promise.all(clients.all.map((each) => each.end()))
        await store.close()
        await other.close()
        await outbox.close()
        await databases[1].close()
        await giveBack()
      },
    }
  }
}
