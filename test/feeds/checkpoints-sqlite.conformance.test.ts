/** The published checkpoint suite over SQLite, once per engine that is here: two stores on one file. */
import { describe, test } from 'vitest'
import { SQLITE_ENGINES, type SqliteEngineName } from '../../src/drivers/sqlite.js'
import { sqlite } from '../../src/sqlite.js'
import { checkpointStoreSuite, type OpenedCheckpoints, type OpenCheckpointSettings } from '../../src/testkit/index.js'
import { availableEngine, temporaryFile } from '../stores/sqlite-support.js'

function openSqliteCheckpoints(engine: SqliteEngineName): (settings: OpenCheckpointSettings) => Promise<OpenedCheckpoints> {
  return async (settings) => {
    const file = temporaryFile()
    const stores = [0, 1].map(() => sqlite({ path: file.path, engine, ...settings }))
    const [first, second] = stores
    await first!.migrate()
    return {
      store: first!.checkpoints!,
      other: second!.checkpoints!,
      async close() {
        for (const store of stores) await store.close()
        file.remove()
      },
    }
  }
}

for (const engine of SQLITE_ENGINES.filter((name) => availableEngine(name) !== undefined)) {
  describe(`sqlite by ${engine}`, () => checkpointStoreSuite({ test, open: openSqliteCheckpoints(engine) }))
}
