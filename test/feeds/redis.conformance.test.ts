/** The published suites of feeds and checkpoints over Redis. "Reopen" kills the server, and starts it on its file. */
import { afterAll, beforeAll, describe, test } from 'vitest'
import {
  feedStoreSuite, liveResultsSuite, openedLiveResults, openedResultLog, resultLogSuite,
} from '../../src/testkit/index.js'
import { histories } from '../support/histories.js'
import { openRedisFeeds } from '../support/redis-feeds.js'
import { redisMissing, RedisServer } from '../support/redis-server.js'

const missing = redisMissing()
let server: RedisServer

// reason: there is no redis-server; the line above says why. WAYBILL_CI requires one.
describe.skipIf(missing !== undefined)('Redis [skipped without a server]', () => {
  beforeAll(async () => { server = await RedisServer.create() })
  afterAll(() => server[Symbol.asyncDispose]())

  describe('redis', () => {
    const open = openRedisFeeds(() => server)
    resultLogSuite({ test, open: openedResultLog(open) })
    liveResultsSuite({ test, open: openedLiveResults(open) })
    feedStoreSuite({ test, open, histories })
  })
})
