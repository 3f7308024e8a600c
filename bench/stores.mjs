// The stores a benchmark runs on, each fresh: memory, a SQLite file, and a PostgreSQL that is started for it unless
// WAYBILL_TEST_POSTGRES_URL names one.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createJiti } from 'jiti'
import { memory } from '../dist/memory.js'
import { postgres } from '../dist/postgres.js'
import { sqlite } from '../dist/sqlite.js'

export const STORE_NAMES = ['memory', 'sqlite', 'postgres']

/** Calls back with a store and closes it. `postgres` is passed on, so that one server serves a whole run. */
export async function withStore(name, server, work) {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-bench-'))
  const options = { retainDeliveredMs: 0 }
  const store = name === 'memory' ? memory(options)
    : name === 'sqlite' ? sqlite({ path: join(folder, 'bench.db'), ...options })
      : postgres({ url: server.url, schema: `bench_${Math.random().toString(36).slice(2)}`, ...options })
  try {
    return await work(store)
  } finally {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * What has `url` and `stop`; undefined where no server can be had, after saying so. `settings` are for a server that is
 * started here.
 */
export async function startPostgres(settings = {}) {
  const url = process.env['WAYBILL_TEST_POSTGRES_URL']
  if (url) return { url, stop: async () => undefined }
  try {
    const jiti = createJiti(import.meta.url)
    const { PostgresServer } = await jiti.import('../test/support/postgres-server.ts')
    const server = await PostgresServer.create({ settings })
    return { url: server.url, stop: () => server[Symbol.asyncDispose]() }
  } catch (error) {
    console.error(`postgres left out: ${error.message}`)
    return undefined
  }
}
