/** The published suite of subscribers, over every store. */
import pg from 'pg'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { SQLITE_ENGINES } from '../../src/drivers/sqlite.js'
import { memory } from '../../src/memory.js'
import { postgres } from '../../src/postgres.js'
import { redis } from '../../src/redis.js'
import { sqlite } from '../../src/sqlite.js'
import type { Store } from '../../src/store.js'
import { subscriberSuite, type OpenedSubscriberStore } from '../../src/testkit/index.js'
import { availableEngine, temporaryFile } from '../stores/sqlite-support.js'
import { postgresUrl } from '../support/postgres-outbox.js'
import { lentSchema } from '../support/postgres-schemas.js'
import { redisMissing, RedisServer } from '../support/redis-server.js'

async function opened(store: Store, release: () => unknown): Promise<OpenedSubscriberStore> {
  await store.migrate()
  return {
    feeds: store.feeds!,
    checkpoints: store.checkpoints!,
    async close() {
      await store.close()
      await release()
    },
  }
}

describe('memory', () => subscriberSuite({ test, open: () => opened(memory(), () => undefined) }))

for (const engine of SQLITE_ENGINES.filter((name) => availableEngine(name) !== undefined)) {
  describe(`sqlite by ${engine}`, () => subscriberSuite({
    test,
    open: () => {
      const file = temporaryFile()
      return opened(sqlite({ path: file.path, engine }), file.remove)
    },
  }))
}

// reason: there is no server and none could be started; the run's first lines say why
describe.skipIf(postgresUrl === null)('PostgreSQL [skipped without a server]', () => {
  describe('postgres (pg)', () => subscriberSuite({
    test,
    open: () => {
      const { name: schema, giveBack } = lentSchema()
      const pool = new pg.Pool({ connectionString: postgresUrl ?? '', max: 10 })
      return opened(postgres({ pool, schema }), async () => {
        await pool.end()
        await giveBack()
      })
    },
  }))
})

const missing = redisMissing()

// reason: there is no redis-server; a printed line says why. WAYBILL_CI requires one.
describe.skipIf(missing !== undefined)('Redis [skipped without a server]', () => {
  let server: RedisServer
  let stores = 0
  beforeAll(async () => { server = await RedisServer.create() })
  afterAll(() => server?.[Symbol.asyncDispose]())
  describe('redis', () => subscriberSuite({
    test,
    open: async () => {
      const store = redis({ url: server.url, prefix: `suite-${stores += 1}:` })
      const { feeds, checkpoints } = store
      return { feeds, checkpoints, close: () => store.close() }
    },
  }))
})
