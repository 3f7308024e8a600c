/** Fresh feeds and checkpoints on a Redis server: two handles with clients of their own, under a prefix of their own. */
import { createClient } from 'redis'
import { redisCommandsAt } from '../../src/drivers/redis.js'
import { RedisCheckpointStore } from '../../src/stores/redis/checkpoints.js'
import { RedisFeedStore } from '../../src/stores/redis/feeds.js'
import type { OpenCheckpointSettings, OpenedCheckpoints, OpenedFeeds } from '../../src/testkit/index.js'
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

export function openRedisCheckpoints(server: () => RedisServer):
(settings: OpenCheckpointSettings) => Promise<OpenedCheckpoints> {
  return async ({ now }) => {
    const options = { prefix: freshPrefix('waybill:'), now }
    const commands = [redisCommandsAt(server().url), redisCommandsAt(server().url)] as const
    const [store, other] = commands.map((each) => new RedisCheckpointStore(each, options))
    return {
      store: store!,
      other: other!,
      async close() {
        for (const each of [store, other]) await each!.close()
        for (const each of commands) await each.close()
      },
    }
  }
}

function freshPrefix(prefix: string): string {
  prefixes += 1
  return `${prefix}${prefixes}:`
}
