/** Fresh feeds on SQLite files of their own: two handles on one file. */
import { sqliteDriver, type SqliteHandle } from '../../src/drivers/sqlite.js'
import type { SqlExecutor } from '../../src/core/sql.js'
import type { SqliteConnection, SqliteEngine } from '../../src/sql/sqlite-connection.js'
import { openSqlite, type SqliteDatabase } from '../../src/stores/sqlite/database.js'
import { SqliteFeedStore } from '../../src/stores/sqlite/feeds.js'
import { migrate } from '../../src/stores/sqlite/migrate.js'
import type { OpenedFeeds } from '../../src/testkit/index.js'
import { temporaryFile } from '../stores/sqlite-support.js'
import { failingAt } from './failing-executor.js'

/** `open` for the suites. */
export function openSqliteFeeds(engine: SqliteEngine): () => Promise<OpenedFeeds<SqlExecutor>> {
  return async () => {
    const file = temporaryFile()
    const open = (): SqliteDatabase => openSqlite({ path: file.path, engine })
    const databases = [open(), open()]
    const [store, other] = databases.map((database) => new SqliteFeedStore(database))
    await migrate(databases[0]!, {})
    // One for each transaction that is open at a time: libsql lets go of a file late.
    const idle: SqliteConnection[] = []
    return {
      store: store!,
      other: other!,
      async begin() {
        const connection = idle.pop() ?? engine.open(file.path)
        connection.exec('pragma busy_timeout = 5000; begin immediate')
        const end = async (text: string): Promise<void> => {
          connection.exec(text)
          idle.push(connection)
        }
        return {
          // Bound at each call, as `commit` binds a handle: an ended transaction must be noticed.
          tx: { execute: async (statement) => sqliteDriver().executor(connection.handle as SqliteHandle).execute(statement) },
          commit: () => end('commit'),
          rollback: () => end('rollback'),
          async savepoint() {
            connection.exec('savepoint here')
            return { rollback: async () => connection.exec('rollback to here') }
          },
        }
      },
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
        for (const connection of idle) connection.close()
        for (const database of databases) await database.close()
        file.remove()
      },
    }
  }
}
