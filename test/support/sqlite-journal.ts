/** Fresh journals on SQLite files of their own, with the outbox beside them. */
import type { SqlExecutor } from '../../src/core/sql.js'
import type { SqliteEngine } from '../../src/sql/sqlite-connection.js'
import { openSqlite } from '../../src/stores/sqlite/database.js'
import { SqliteJournalStore } from '../../src/stores/sqlite/journal.js'
import { SqliteOutboxStore } from '../../src/stores/sqlite/outbox.js'
import type { OpenedJournal, OpenJournalSettings } from '../../src/testkit/index.js'
import { temporaryFile } from '../stores/sqlite-support.js'
import { sqliteCallers } from './sqlite-callers.js'

/** `open` for the suite. */
export function openSqliteJournal(engine: SqliteEngine):
(settings: OpenJournalSettings) => Promise<OpenedJournal<SqlExecutor>> {
  return async (settings) => {
    const file = temporaryFile()
    const database = openSqlite({ path: file.path, engine, now: settings.now })
    const outbox = new SqliteOutboxStore(database)
    const store = new SqliteJournalStore(database)
    await outbox.migrate()
    const callers = sqliteCallers(engine, file.path)
    return {
      store,
      outbox,
      begin: () => callers.begin(),
      async close() {
        callers.close()
        await store.close()
        await outbox.close()
        file.remove()
      },
    }
  }
}
