/** Fresh stores on a Redis server: two handles with clients of their own, under a prefix of their own. */
import { createClient } from 'redis'
import type { Clock } from '../../src/core/environment.js'
import type { RedisCommands } from '../../src/core/redis-commands.js'
import { redisCommandsAt } from '../../src/drivers/redis.js'
import { RedisCheckpointStore } from '../../src/stores/redis/checkpoints.js'
import { RedisHeapStore } from '../../src/stores/redis/dlq-heaps.js'
import { RedisFeedStore } from '../../src/stores/redis/feeds.js'
import { RedisReservations } from '../../src/stores/redis/reservations.js'
import {
  openedHeaps, type OpenedCheckpoints, type OpenedFeeds, type OpenedHeaps, type OpenedReservations,
} from '../../src/testkit/index.js'
import type { RedisServer } from './redis-server.js'

let prefixes = 0

/** `server` is asked for when a case begins. */
export function openRedisFeeds(server: () => RedisServer, prefix = 'waybill:'): () => Promise<OpenedFeeds<undefined>> {
  return async () => {
    const options = { prefix: freshPrefix(prefix) }
    const commands = [redisCommandsAt(server().url), redisCommandsAt(server().url)] as const
    const stores = commands.map((each) => new RedisFeedStore(each, options))
    return {
      store: stores[0]!,
      other: stores[1]!,
      /** After a crash of the server. */
      async reopen() {
        for (const store of stores) await store.close()
        await server().kill()
        await server().start()
        const again = redisCommandsAt(server().url)
        stores.push(new RedisFeedStore(again, options))
        opened.push(again)
        return stores.at(-1)!
      },
      async setSequence(feed, sequence) {
        const client = await createClient({ url: server().url }).connect()
        const key = `${options.prefix}feed:{${feed}}:state`
        await client.hSet(key, {
          sequence: `${sequence}`.padStart(20, '0'), first: `${sequence + 1n}`.padStart(20, '0'),
        })
        client.destroy()
      },
      async close() {
        for (const store of stores) await store.close()
        for (const each of [...commands, ...opened.splice(0)]) await each.close()
      },
    }
  }
}

const opened: ReturnType<typeof redisCommandsAt>[] = []

type Open<Opened> = (settings: { readonly now?: Clock }) => Promise<Opened>

export function openRedisCheckpoints(server: () => RedisServer): Open<OpenedCheckpoints> {
  return (settings) => openPair(server, settings, (commands, options) => new RedisCheckpointStore(commands, options))
}

export function openRedisHeaps(server: () => RedisServer): Open<OpenedHeaps> {
  return async (settings) => {
    const pair = await openPair(server, settings, (commands, options) => new RedisHeapStore(commands, options))
    return openedHeaps({
      ...pair,
      async setFailures(heap, id, failures) {
        const client = await createClient({ url: server().url }).connect()
        await client.zAdd(`${pair.prefix}heap:{${heap}}:failures`, { value: id, score: failures })
        client.destroy()
      },
    })
  }
}

export function openRedisReservations(server: () => RedisServer): Open<OpenedReservations> {
  return async (settings) => {
    const pair = await openPair(server, settings, (commands, options) => new RedisReservations(commands, options))
    return { provider: pair.store, other: pair.other, close: pair.close }
  }
}

interface PairOptions {
  readonly prefix: string
  readonly now: Clock | undefined
}

async function openPair<Store extends { close(): Promise<void> }>(
  server: () => RedisServer, { now }: { readonly now?: Clock },
  open: (commands: RedisCommands, options: PairOptions) => Store,
): Promise<{ store: Store; other: Store; prefix: string; close(): Promise<void> }> {
  const prefix = freshPrefix('waybill:')
  const commands = [redisCommandsAt(server().url), redisCommandsAt(server().url)]
  const stores = commands.map((each) => open(each, { prefix, now }))
  return {
    store: stores[0]!,
    other: stores[1]!,
    prefix,
    async close() {
      for (const store of stores) await store.close()
      for (const each of commands) await each.close()
    },
  }
}

function freshPrefix(prefix: string): string {
  prefixes += 1
  return `${prefix}${prefixes}:`
}
