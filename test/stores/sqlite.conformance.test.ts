/** The published outbox suite over SQLite, once per engine that is here, and through the scoped wrapper. */
import { describe, test } from 'vitest'
import { SQLITE_ENGINES, sqliteDriver, type SqliteHandle } from '../../src/drivers/sqlite.js'
import { SqliteOutboxStore } from '../../src/stores/sqlite/outbox.js'
import { openSqlite } from '../../src/stores/sqlite/database.js'
import {
  faultyOutboxStore, outboxStoreSuite, scopedOpen, scopedSkips, type OpenedOutbox, type OpenSettings,
} from '../../src/testkit/index.js'
import type { SqlExecutor } from '../../src/core/sql.js'
import type { SqliteConnection } from '../../src/sql/sqlite-connection.js'
import { histories } from '../support/histories.js'
import { availableEngine, temporaryFile } from './sqlite-support.js'

const engines = SQLITE_ENGINES.flatMap((name) => availableEngine(name) ?? [])

for (const engine of engines) {
  const open = async (settings: OpenSettings): Promise<OpenedOutbox<SqlExecutor>> => {
    const file = temporaryFile()
    const store = new SqliteOutboxStore(openSqlite({ path: file.path, engine, now: settings.now }), settings)
    await store.migrate()
    // One for each transaction that is open at a time: libsql lets go of a file late.
    const idle: SqliteConnection[] = []
    return {
      store,
      async begin() {
        const connection = idle.pop() ?? engine.open(file.path)
        connection.exec('pragma busy_timeout = 5000; begin immediate')
        const end = async (text: string): Promise<void> => {
          connection.exec(text)
          idle.push(connection)
        }
        return {
          tx: sqliteDriver().executor(connection.handle as SqliteHandle),
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
        file.remove()
      },
    }
  }

  describe(`sqlite by ${engine.name}`, () => outboxStoreSuite({ test, open, histories }))
  describe(`sqlite by ${engine.name}, scoped`, () =>
    outboxStoreSuite({ test, open: scopedOpen(open), skip: scopedSkips }))
  describe(`sqlite by ${engine.name}, slow and interleaved`, () => outboxStoreSuite({
    test,
    async open(settings) {
      const opened = await open(settings)
      return { ...opened, store: faultyOutboxStore(opened.store, { rest: () => 'slow' }) }
    },
    histories: 5,
  }))
}
