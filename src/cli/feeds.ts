/** Where commands find feeds: in a database, or on a Redis. */
import { WaybillError } from '../core/errors.js'
import { DEFAULT_SCOPE } from '../core/scope.js'
import type { FeedStore } from '../feeds/contract.js'
import type { AnyFeed } from '../feeds/feed.js'
import type { FeedReader } from '../feeds/feed-reader.js'
import type { FeedState } from '../feeds/result.js'
import type { Subscribers } from '../feeds/subscribers.js'
import { CliError, usageError } from './cli-error.js'
import { withAnyConnection, type Connection, type RedisConnection } from './connection.js'
import type { Io } from './io.js'
import { viewOf } from './journal-view.js'
import type { DatabaseFlags } from './options.js'

/** The feeds of a database, or of a Redis. */
export interface Feeds {
  /** @throws CONFIG_INVALID. */
  store(): FeedStore
  /** In the tenant's view, when one is named. @throws CONFIG_INVALID. */
  subscribers(scope: string | undefined): Subscribers
  /** @throws NOT_FOUND, CONFIG_INVALID. */
  find(name: string, scope: string | undefined): Promise<FoundFeed>
}

export interface FoundFeed {
  readonly feed: AnyFeed
  readonly state: FeedState
  reset(): Promise<FeedState>
}

export async function withFeeds<T>(io: Io, flags: DatabaseFlags, work: (feeds: Feeds) => Promise<T>): Promise<T> {
  return withAnyConnection(io, flags, (connection) => (
    work('redis' in connection ? redisFeeds(connection) : databaseFeeds(connection))))
}

function databaseFeeds({ waybill, store }: Connection): Feeds {
  return {
    store() {
      if (store.feeds === undefined) throw new WaybillError('CONFIG_INVALID', `the ${store.name} store has no feeds`)
      return store.feeds
    },
    subscribers: (scope) => viewOf(waybill, scope).subscribers,
    async find(name, scope) {
      const view = viewOf(waybill, scope)
      const { state, settings } = await stored(name, view.feed(name))
      const feed = view.feed(name, settings)
      return { feed, state, reset: () => waybill.transaction((tx) => feed.reset(tx)) }
    },
  }
}

function redisFeeds({ redis }: RedisConnection): Feeds {
  return {
    store: () => redis.feeds,
    subscribers(scope) {
      refuseScope(scope)
      return redis.subscribers
    },
    async find(name, scope) {
      refuseScope(scope)
      const { state, settings } = await stored(name, redis.feed(name))
      const feed = redis.feed(name, settings)
      return { feed: feed, state, reset: () => feed.reset() }
    },
  }
}

/** With its own settings, so that nothing that is done with it changes them. @throws NOT_FOUND. */
async function stored(name: string, feed: FeedReader): Promise<{
  readonly state: FeedState; readonly settings: Pick<FeedState, 'configHash' | 'capacity'>
}> {
  const state = await feed.state()
  if (state === undefined) throw notFound(name)
  const { configHash, capacity } = state
  return { state, settings: { configHash, capacity } }
}

function refuseScope(scope: string | undefined): void {
  if (scope === undefined || scope === DEFAULT_SCOPE) return
  throw usageError('feeds on Redis have no tenants', 'leave --scope out')
}

export function notFound(name: string): CliError {
  return new CliError('NOT_FOUND', `there is no feed ${name}`, { next: 'see those there are with `waybill feed list`' })
}
