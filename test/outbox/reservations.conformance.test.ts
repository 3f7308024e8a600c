/** The published suite of reservations, over memory and over Redis. */
import { afterAll, beforeAll, describe, test } from 'vitest'
import { memoryReservations } from '../../src/memory.js'
import { reservationSuite } from '../../src/testkit/index.js'
import { openRedisReservations } from '../support/redis-feeds.js'
import { redisMissing, RedisServer } from '../support/redis-server.js'

describe('memory', () => reservationSuite({
  test,
  async open(settings) {
    const provider = memoryReservations(settings)
    return { provider, other: provider, close: async () => undefined }
  },
}))

const missing = redisMissing()
let server: RedisServer

// reason: there is no redis-server; the line above says why. WAYBILL_CI requires one.
describe.skipIf(missing !== undefined)('Redis [skipped without a server]', () => {
  beforeAll(async () => { server = await RedisServer.create() })
  afterAll(() => server[Symbol.asyncDispose]())

  describe('redis', () => reservationSuite({ test, open: openRedisReservations(() => server) }))
})
