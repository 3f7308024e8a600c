/** A fresh store on every database: what suites of a runner's whole work are run on. */
import pg from 'pg'
import { describe } from 'vitest'
import { SQLITE_ENGINES } from '../../src/drivers/sqlite.js'
import { memory } from '../../src/memory.js'
import { postgres } from '../../src/postgres.js'
import { sqlite } from '../../src/sqlite.js'
import type { Store } from '../../src/store.js'
import { availableEngine, temporaryFile } from '../stores/sqlite-support.js'
import { lentSchema, postgresUrl } from './postgres-schemas.js'

export interface OpenedStore {
  readonly store: Store
  close(): Promise<void>
}

export function onEveryStore(suite: (open: () => Promise<OpenedStore>) => void): void {
  describe('memory', () => suite(() => opened(memory(), () => undefined)))
  for (const engine of SQLITE_ENGINES.filter((name) => availableEngine(name) !== undefined)) {
    describe(`sqlite by ${engine}`, () => suite(() => {
      const file = temporaryFile()
      return opened(sqlite({ path: file.path, engine }), file.remove)
    }))
  }
  // reason: there is no server and none could be started; the run's first lines say why
  describe.skipIf(postgresUrl === null)('PostgreSQL [skipped without a server]', () => {
    describe('postgres (pg)', () => suite(() => {
      const { name: schema, giveBack } = lentSchema()
      const pool = new pg.Pool({ connectionString: postgresUrl ?? '', max: 10 })
      return opened(postgres({ pool, schema }), async () => {
        await pool.end()
        await giveBack()
      })
    }))
  })
}

async function opened(store: Store, release: () => unknown): Promise<OpenedStore> {
  await store.migrate()
  return {
    store,
    async close() {
      await store.close()
      await release()
    },
  }
}
