/** Transactions of callers on a SQLite file, one after another, as the suites begin them. */
import type { SqlExecutor } from '../../src/core/sql.js'
import { sqliteDriver, type SqliteHandle } from '../../src/drivers/sqlite.js'
import type { SqliteConnection, SqliteEngine } from '../../src/sql/sqlite-connection.js'
import type { OpenTransaction } from '../../src/testkit/index.js'

export interface SqliteCallers {
  begin(): Promise<OpenTransaction<SqlExecutor>>
  /** Of transactions that have ended. */
  close(): void
}

export function sqliteCallers(engine: SqliteEngine, path: string): SqliteCallers {
  // One for each transaction that is open at a time: libsql lets go of a file late.
  const idle: SqliteConnection[] = []
  return {
    async begin() {
      const connection = idle.pop() ?? engine.open(path)
      connection.exec('pragma busy_timeout = 5000; begin immediate')
      const end = async (text: string): Promise<void> => {
        connection.exec(text)
        idle.push(connection)
      }
      return {
        // Bound at each call, as a call of a noun's binds a handle: an ended transaction must be noticed.
        tx: { execute: async (statement) => sqliteDriver().executor(connection.handle as SqliteHandle).execute(statement) },
        commit: () => end('commit'),
        rollback: () => end('rollback'),
        async savepoint() {
          connection.exec('savepoint here')
          return { rollback: async () => connection.exec('rollback to here') }
        },
      }
    },
    close() {
      for (const connection of idle) connection.close()
    },
  }
}
