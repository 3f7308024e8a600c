/** The published suite of subscribers, over every store, and over Redis. */
import { afterAll, beforeAll, describe, test } from 'vitest'
import { redis } from '../../src/redis.js'
import { subscriberSuite } from '../../src/testkit/index.js'
import { histories } from '../support/histories.js'
import { redisMissing, RedisServer } from '../support/redis-server.js'
import { onEveryStore } from '../support/whole-stores.js'

onEveryStore((open) => subscriberSuite({
  test, histories,
  open: async () => {
    const { store, close } = await open()
    return { feeds: store.feeds!, checkpoints: store.checkpoints!, close }
  },
}))

const missing = redisMissing()

// reason: there is no redis-server; a printed line says why. WAYBILL_CI requires one.
describe.skipIf(missing !== undefined)('Redis [skipped without a server]', () => {
  let server: RedisServer
  let stores = 0
  beforeAll(async () => { server = await RedisServer.create() })
  afterAll(() => server?.[Symbol.asyncDispose]())
  describe('redis', () => subscriberSuite({
    test, histories,
    open: async () => {
      const store = redis({ url: server.url, prefix: `suite-${stores += 1}:` })
      const { feeds, checkpoints } = store
      return { feeds, checkpoints, close: () => store.close() }
    },
  }))
})
