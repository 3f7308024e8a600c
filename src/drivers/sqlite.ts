/**
 * SQLite: the database object of better-sqlite3, libsql or node:sqlite, inside a transaction that the caller
 * began. It is used only for the statements of that transaction; Waybill's own work has its own connections.
 */
import { WaybillError } from '../core/errors.js'
import type { SyncDriver, SyncSqlExecutor } from '../core/sql.js'
import { isInTransaction, runStatement, takeWriteLock, type SqliteHandle } from './sqlite-statements.js'

export { SQLITE_ENGINES, sqliteEngine, type SqliteEngineName } from './sqlite-engines.js'
export type { SqliteHandle } from './sqlite-statements.js'

/**
 * @example
 * const db = new Database('app.db')
 * db.transaction(() => { db.prepare('…').run(); waybill.outbox.enqueueSync(db, draft) }).immediate()
 */
export function sqliteDriver(): SyncDriver<SqliteHandle> {
  const executorSync = (handle: SqliteHandle): SyncSqlExecutor => {
    if (!isInTransaction(handle)) {
      throw new WaybillError('NOT_IN_TRANSACTION',
        'begin a transaction on this database first, for example with db.exec(\'BEGIN IMMEDIATE\')')
    }
    let begun = false
    return {
      executeSync({ text, params }) {
        if (!begun) takeWriteLock(handle)
        begun = true
        return runStatement(handle, text, params)
      },
    }
  }
  return {
    name: 'sqlite',
    dialects: ['sqlite'],
    executor(handle) {
      const sync = executorSync(handle)
      return { execute: async (statement) => sync.executeSync(statement) }
    },
    executorSync,
  }
}
