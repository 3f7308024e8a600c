/** A page is three commands, and here something comes between them: what it is must be true of one moment. */
import { describe, expect, onTestFinished, test } from 'vitest'
import type { RedisCommands } from '../../src/core/redis-commands.js'
import { redisCommandsAt } from '../../src/drivers/redis.js'
import { RedisFeedStore } from '../../src/stores/redis/feeds.js'
import { redisMissing, RedisServer } from '../support/redis-server.js'

const FEED = 'orders'
const CAPACITY = 3
const NEW = { feed: FEED, incarnation: 'first', configHash: 'hash', capacity: CAPACITY }

type Work = (store: RedisFeedStore) => Promise<unknown>

const committing = (count: number): Work => async (store) => store.commit(undefined, {
  ...NEW, results: Array.from({ length: count }, () => Buffer.from('a result')), mutations: [],
})
const resetting: Work = async (store) => store.reset(undefined, { ...NEW, incarnation: 'second' })
const deleting: Work = async (store) => store.delete(undefined, FEED)
const all = (...works: readonly Work[]): Work => async (store) => {
  for (const work of works) await work(store)
}

/** The same commands, but for what comes before one of those that are sent in order. */
function interrupted(commands: RedisCommands, at: number, work: () => Promise<unknown>): RedisCommands {
  return {
    send: async (key, args) => commands.send(key, args),
    async sendInOrder(key, list) {
      const replies = []
      for (const [n, args] of list.entries()) {
        if (n === at) await work()
        replies.push(await commands.send(key, args))
      }
      return replies
    },
    close: async () => commands.close(),
  }
}

// reason: there is no redis-server; a printed line says why. WAYBILL_CI requires one.
describe.skipIf(redisMissing() !== undefined)('a page of a Redis feed [skipped without a server]', () => {
  test.each([
    ['a result more', 1, committing(1), 3n, [4n, 5n], 5n],
    ['two results more', 2, committing(2), 3n, [4n, 5n], 5n],
    ['results that take the place of the next', 1, committing(2), 2n, [5n, 6n, 7n], 7n],
    ['results that take the place of the next', 2, committing(2), 2n, [3n, 4n, 5n], 5n],
    ['results that take the place of all', 1, committing(9), 2n, [12n, 13n, 14n], 14n],
    ['a reset', 1, resetting, 2n, [], 0n],
    ['a reset', 2, resetting, 2n, [], 0n],
    ['a reset, and as many results as before', 1, all(resetting, committing(5)), 2n, [3n, 4n, 5n], 5n],
    ['a reset, and results that are missed', 1, all(resetting, committing(1)), 5n, [], 1n],
    ['a deletion', 1, deleting, 2n, undefined, undefined],
    ['a deletion', 2, deleting, 2n, undefined, undefined],
    ['a deletion, and a feed anew', 2, all(deleting, async (store) => store.open(undefined, { ...NEW, incarnation: 'third' })),
      2n, [], 0n],
  ] as const)('%s before command %i', async (_, at, work, after, sequences, latest) => {
    const server = await RedisServer.create([])
    onTestFinished(() => server[Symbol.asyncDispose]())
    const commands = redisCommandsAt(server.url)
    onTestFinished(() => commands.close())
    const store = new RedisFeedStore(commands, { prefix: 'waybill:' })
    await store.open(undefined, NEW)
    await committing(5)(store)
    const reader = new RedisFeedStore(interrupted(commands, at, async () => work(store)), { prefix: 'waybill:' })
    const page = await reader.page({ feed: FEED, after, limit: 10 })
    expect(page?.entries.map(({ sequence }) => sequence)).toEqual(sequences)
    expect(page?.state.sequence).toBe(latest)
    const isNew = page !== undefined && page.state.incarnation !== 'first'
    expect(isNew).toBe(page !== undefined && (await store.state(FEED))?.incarnation !== 'first')
  })
})
