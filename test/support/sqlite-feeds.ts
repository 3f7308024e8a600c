/** Fresh feeds on SQLite files of their own: two handles on one file. */
import type { SqlExecutor } from '../../src/core/sql.js'
import type { SqliteEngine } from '../../src/sql/sqlite-connection.js'
import { openSqlite, type SqliteDatabase } from '../../src/stores/sqlite/database.js'
import { SqliteFeedStore } from '../../src/stores/sqlite/feeds.js'
import { migrate } from '../../src/stores/sqlite/migrate.js'
import type { OpenedFeeds } from '../../src/testkit/index.js'
import { temporaryFile } from '../stores/sqlite-support.js'
import { failingAt } from './failing-executor.js'
import { sqliteCallers } from './sqlite-callers.js'

/** `open` for the suites. */
export function openSqliteFeeds(engine: SqliteEngine): () => Promise<OpenedFeeds<SqlExecutor>> {
  return async () => {
    const file = temporaryFile()
    const open = (): SqliteDatabase => openSqlite({ path: file.path, engine })
    const databases = [open(), open()]
    const [store, other] = databases.map((database) => new SqliteFeedStore(database))
    await migrate(databases[0]!, {})
    const callers = sqliteCallers(engine, file.path)
    return {
      store: store!,
      other: other!,
      begin: () => callers.begin(),
      async reopen() {
        for (const database of databases) await database.close()
        databases.push(open())
        return new SqliteFeedStore(databases.at(-1)!)
      },
      faulty: failingAt,
      async setSequence(feed, sequence) {
        await databases[0]!.write((query) => query(
          'update waybill_feed set sequence = ?2, first = ?2 + 1 where feed = ?1', feed, sequence))
      },
      async close() {
        callers.close()
        for (const database of databases) await database.close()
        file.remove()
      },
    }
  }
}
