/** Feeds as the program shows and finds them. Numbers of u64 are decimal strings in JSON. */
import { WaybillError } from '../core/errors.js'
import { DEFAULT_SCOPE, scopeOfKey, unscopedKey } from '../core/scope.js'
import type { FeedStore, FeedSummary } from '../feeds/contract.js'
import type { FeedState } from '../feeds/result.js'
import type { TransactionFeed } from '../feeds/transaction-feed.js'
import type { Store } from '../store.js'
import { CliError } from './cli-error.js'
import type { Connection } from './connection.js'
import { viewOf } from './journal-view.js'

export interface ScopedName {
  readonly scope: string
  readonly name: string
}

/** What a feed, or a subscriber, was called when it got this key. */
export function nameOfKey(key: string): ScopedName {
  const scope = scopeOfKey(key)
  return scope === undefined ? { scope: DEFAULT_SCOPE, name: key } : { scope, name: unscopedKey(scope, key) ?? key }
}

export function feedDocument({ feed, sequence, first, ...rest }: FeedSummary | FeedState): object {
  return { ...nameOfKey(feed), sequence: String(sequence), first: String(first), ...rest }
}

/** Of a row's value, in a line. Bytes are only counted. */
export function valueText(value: unknown): string {
  if (value === undefined) return '-'
  return value instanceof Uint8Array ? `(${value.byteLength} bytes)` : JSON.stringify(value)
}

/** @throws CONFIG_INVALID. */
export function feedStore(store: Store): FeedStore {
  if (store.feeds === undefined) throw new WaybillError('CONFIG_INVALID', `the ${store.name} store has no feeds`)
  return store.feeds
}

export interface FoundFeed {
  readonly feed: TransactionFeed<unknown, unknown>
  readonly state: FeedState
}

/** The feed as it is stored. @throws NOT_FOUND. */
export async function findFeed(
  { waybill }: Connection, name: string, scope: string | undefined,
): Promise<FoundFeed> {
  const view = viewOf(waybill, scope)
  const state = await view.feed(name).state()
  if (state === undefined) throw notFound(name)
  // Its own settings, so that nothing that is done with it changes them.
  const { configHash, capacity } = state
  return { state, feed: view.feed(name, { configHash, capacity }) }
}

export function notFound(name: string): CliError {
  return new CliError('NOT_FOUND', `there is no feed ${name}`, { next: 'see those there are with `waybill feed list`' })
}
