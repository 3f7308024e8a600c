/** Fresh journals on SQLite files of their own, with the outbox beside them. */
import { sqliteDriver, type SqliteHandle } from '../../src/drivers/sqlite.js'
import type { SqlExecutor } from '../../src/core/sql.js'
import type { SqliteConnection, SqliteEngine } from '../../src/sql/sqlite-connection.js'
import { openSqlite } from '../../src/stores/sqlite/database.js'
import { SqliteJournalStore } from '../../src/stores/sqlite/journal.js'
import { SqliteOutboxStore } from '../../src/stores/sqlite/outbox.js'
import type { OpenedJournal, OpenJournalSettings } from '../../src/testkit/index.js'
import { temporaryFile } from '../stores/sqlite-support.js'

/** `open` for the suite. */
export function openSqliteJournal(engine: SqliteEngine):
(settings: OpenJournalSettings) => Promise<OpenedJournal<SqlExecutor>> {
  return async (settings) => {
    const file = temporaryFile()
    const database = openSqlite({ path: file.path, engine, now: settings.now })
    const outbox = new SqliteOutboxStore(database)
    const store = new SqliteJournalStore(database)
    await outbox.migrate()
    // One for each transaction that is open at a time: libsql lets go of a file late.
    const idle: SqliteConnection[] = []
    return {
      store,
      outbox,
      async begin() {
        const connection = idle.pop() ?? engine.open(file.path)
        connection.exec('pragma busy_timeout = 5000; begin immediate')
        const end = async (text: string): Promise<void> => {
          connection.exec(text)
          idle.push(connection)
        }
        return {
          // Bound at each call, as `append` binds a handle: an ended transaction must be noticed.
          tx: { execute: async (statement) => sqliteDriver().executor(connection.handle as SqliteHandle).execute(statement) },
          commit: () => end('commit'),
          rollback: () => end('rollback'),
          async savepoint() {
            connection.exec('savepoint here')
            return { rollback: async () => connection.exec('rollback to here') }
          },
        }
      },
      async close() {
        for (const connection of idle) connection.close()
        await store.close()
        await outbox.close()
        file.remove()
      },
    }
  }
}
