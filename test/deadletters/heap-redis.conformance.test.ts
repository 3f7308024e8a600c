/** The published heap suite over Redis. */
import { afterAll, beforeAll, describe, test } from 'vitest'
import { heapSuite } from '../../src/testkit/index.js'
import { openRedisHeaps } from '../support/redis-feeds.js'
import { redisMissing, RedisServer } from '../support/redis-server.js'

const missing = redisMissing()
let server: RedisServer

// reason: there is no redis-server; the line above says why. WAYBILL_CI requires one.
describe.skipIf(missing !== undefined)('Redis [skipped without a server]', () => {
  beforeAll(async () => { server = await RedisServer.create() })
  afterAll(() => server[Symbol.asyncDispose]())

  describe('redis', () => heapSuite({ test, open: openRedisHeaps(() => server) }))
})
