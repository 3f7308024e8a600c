/**
 * `waybill/redis`: feeds, checkpoints, heaps and reservations on a server of the Redis protocol, through `redis`
 * (node-redis).
 */
import type { Codec } from './core/codec.js'
import { jsonCodec } from './core/codec.js'
import type { Clock } from './core/environment.js'
import type { Finding } from './core/diagnosis.js'
import { validationError, WaybillError } from './core/errors.js'
import { assertName } from './core/validate.js'
import type { HeapStore } from './deadletters/contract.js'
import type { DeadLetters } from './deadletters/dead-letters.js'
import { openDeadLetters } from './deadletters/open.js'
import { StoredHeap, type HeapOptions } from './deadletters/stored-heap.js'
import { redisCommands, redisCommandsAt, type RedisClient, type RedisClusterClient } from './drivers/redis.js'
import type { CheckpointStore } from './feeds/checkpoints.js'
import type { FeedStore } from './feeds/contract.js'
import { feedSettings, type FeedOptions } from './feeds/feed-options.js'
import { feedTopic } from './feeds/feed-topic.js'
import { SoloFeed } from './feeds/solo-feed.js'
import { Subscriber } from './feeds/subscriber.js'
import type { SubscriberOptions } from './feeds/subscriber-options.js'
import { Subscribers } from './feeds/subscribers.js'
import type { ReservationProvider } from './outbox/reservation.js'
import { WakeHub } from './runner/wake.js'
import { RedisCheckpointStore } from './stores/redis/checkpoints.js'
import { diagnoseRedis } from './stores/redis/diagnosis.js'
import { RedisHeapStore } from './stores/redis/dlq-heaps.js'
import { RedisFeedStore } from './stores/redis/feeds.js'
import { RedisReservations } from './stores/redis/reservations.js'

export type { RedisClient, RedisClusterClient }

export interface RedisOptions {
  /** Comes before every key. Default `waybill:`; at most 63 bytes, without braces. */
  readonly prefix?: string
  /** Of what is committed. Default JSON. */
  readonly codec?: Codec
  /** Replaces the clocks, for tests: the server's, which decides leases, and this process's. */
  readonly now?: Clock
}

/** Feeds without transactions: what you write elsewhere is not committed with them. */
export interface RedisStore {
  readonly name: 'redis'
  readonly feeds: FeedStore<undefined>
  readonly checkpoints: CheckpointStore
  /** The subscribers that are stored here: how far they are, what they set aside, and what becomes of it. */
  readonly subscribers: Subscribers
  readonly heaps: HeapStore
  /** Dedupe keys that are taken here before a database is asked: for `reservations` of `createWaybill`. */
  readonly reservations: ReservationProvider
  /** Entries of the heaps here, and what subscribers set aside. */
  readonly deadLetters: DeadLetters
  /**
   * A result that you keep up to date, with its last changes, for any number of subscribers.
   * @throws VALIDATION naming the option.
   */
  feed(name: string, options?: Omit<FeedOptions, 'name'>): SoloFeed
  /**
   * Follows feeds, of this store or others, and keeps its checkpoints here. Commits of this process wake it at once;
   * those of others it finds when it looks, every `pollMaxMs` at the latest.
   * @throws VALIDATION naming the option; CONFIG_INVALID naming in `details.rule` what cannot go together.
   */
  subscriber(options: SubscriberOptions): Subscriber
  /**
   * How often each of many things has failed in a row, for all processes; an object of its own at each call.
   * @throws VALIDATION naming the option.
   */
  heap(name: string, options?: HeapOptions): StoredHeap
  /**
   * Looks at the server for settings that would lose what was committed. Changes nothing.
   * @throws STORE_UNAVAILABLE when it cannot connect.
   */
  diagnose(): Promise<readonly Finding[]>
  /** Ends the connection that a URL opened; a client that was handed in stays open. Later calls throw CLOSED. */
  close(): Promise<void>
}

/**
 * Over your client or cluster client of `redis` 5 or later, connected by you, or over a URL, for which a client is
 * opened. Feeds are as durable as the server's settings: `appendonly yes`, and `appendfsync always` where the last
 * second counts. Tested on Redis 7.0; on Valkey and Garnet nothing is tested.
 * @example
 * const store = redis({ client: await createClient({ url }).connect() })
 * await store.feed('open-orders', { key: (order: Order) => order.id }).commit([{ op: 'add', after: order }])
 * @throws DRIVER_MISSING naming the command that installs the client; CONFIG_INVALID, VALIDATION.
 */
export function redis(options: RedisOptions & { readonly client: RedisClient | RedisClusterClient }): RedisStore
export function redis(options: RedisOptions & { readonly url: string }): RedisStore
export function redis(
  options: RedisOptions & { readonly client?: RedisClient | RedisClusterClient; readonly url?: string },
): RedisStore {
  const { codec = jsonCodec, now } = options
  const prefix = assertName('prefix', options.prefix ?? 'waybill:', 63)
  if (/[{}]/.test(prefix)) throw validationError('prefix', 'must not contain braces')
  const commands = openCommands(options)
  const feeds = new RedisFeedStore(commands, { prefix })
  const checkpoints = new RedisCheckpointStore(commands, { prefix, now })
  const heaps = new RedisHeapStore(commands, { prefix, now })
  const reservations = new RedisReservations(commands, { prefix, now })
  const hub = new WakeHub()
  return {
    name: 'redis',
    feeds,
    checkpoints,
    subscribers: new Subscribers({ checkpoints, feeds, codec, scope: undefined }),
    heaps,
    reservations,
    deadLetters: openDeadLetters({ heaps, checkpoints, codec, scope: undefined }),
    feed(name, feedOptions = {}) {
      const settings = feedSettings({ ...feedOptions, name }, undefined)
      const topic = feedTopic(settings.key)
      return new SoloFeed({
        store: feeds, codec, now, onCommit: () => hub.wake(topic), onNews: (listener) => hub.subscribe(topic, listener),
      }, settings)
    },
    subscriber: (subscriberOptions) => new Subscriber({
      checkpoints: subscriberOptions.checkpoints ?? checkpoints, scope: undefined, wake: hub,
    }, subscriberOptions),
    heap: (name, heapOptions) => new StoredHeap(heaps, name, heapOptions),
    diagnose: () => diagnoseRedis(commands),
    async close() {
      await feeds.close()
      await checkpoints.close()
      await heaps.close()
      await reservations.close()
      await commands.close()
    },
  }
}

function openCommands(
  { client, url }: { readonly client?: RedisClient | RedisClusterClient; readonly url?: string },
): ReturnType<typeof redisCommands> {
  if (client !== undefined) return redisCommands(client)
  if (url !== undefined) return redisCommandsAt(url)
  throw new WaybillError('CONFIG_INVALID', 'redis() needs a client or a url')
}
