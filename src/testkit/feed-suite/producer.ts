/** One who keeps a feed up to date, in transactions where the store has them, and alike where it has none. */
import { jsonCodec } from '../../core/codec.js'
import type { ChangeDraft } from '../../feeds/changes.js'
import type { FeedStore } from '../../feeds/contract.js'
import type { CommitResult, Feed } from '../../feeds/feed.js'
import { feedSettings } from '../../feeds/feed-options.js'
import { SoloFeed } from '../../feeds/solo-feed.js'
import type { FeedSnapshot } from '../../feeds/snapshot.js'
import { TransactionFeed } from '../../feeds/transaction-feed.js'
import type { ModelProducer, ModelRow } from './model.js'

export interface Producer {
  readonly feed: Pick<Feed<unknown>, 'after' | 'snapshot' | 'state'>
  commit(results: readonly (readonly ChangeDraft[])[]): Promise<CommitResult>
  bootstrap(rows: readonly ModelRow[]): Promise<number>
  reset(): Promise<unknown>
  delete(): Promise<boolean>
}

export class RolledBack extends Error {}

/** `rollsBack`: each of its calls has taken effect in a transaction, which is then rolled back. */
export function producerOf(store: FeedStore, name: string, producer: ModelProducer, rollsBack = false): Producer {
  const { config, capacity, onConfigChange } = producer
  const settings = feedSettings({ name, config, capacity, onConfigChange }, undefined)
  const codec = jsonCodec
  const rowsOf = (rows: readonly ModelRow[]) => rows.map(([key, value]) => ({ key, value }))
  if (!store.capabilities.transactions) {
    const feed = new SoloFeed({ store: store as FeedStore<undefined>, codec, onCommit: () => undefined }, settings)
    return {
      feed, commit: (results) => feed.commitMany(results),
      bootstrap: (rows) => feed.bootstrap(rowsOf(rows)), reset: () => feed.reset(), delete: () => feed.delete(),
    }
  }
  const feed = new TransactionFeed({ store, codec, bind: (tx) => tx, onCommit: () => undefined }, settings)
  const run = <T>(work: (tx: unknown) => Promise<T>): Promise<T> => store.transaction(async (tx) => {
    const result = await work(tx)
    if (rollsBack) throw new RolledBack()
    return result
  })
  return {
    feed, commit: (results) => run((tx) => feed.commitMany(tx, results)),
    bootstrap: (rows) => run((tx) => feed.bootstrap(tx, rowsOf(rows))),
    reset: () => run((tx) => feed.reset(tx)), delete: () => run((tx) => feed.delete(tx)),
  }
}

/** By signature, as one keeps them who reads a snapshot; `onRow` is awaited behind each row. */
export async function rowsOf(
  snapshot: FeedSnapshot | undefined, onRow: (count: number) => Promise<void> = async () => undefined,
): Promise<Map<bigint, unknown> | undefined> {
  if (snapshot === undefined) return undefined
  const rows = new Map<bigint, unknown>()
  let count = 0
  for await (const { signature, value } of snapshot.rows) {
    if (value === undefined) rows.delete(signature)
    else rows.set(signature, value)
    count += 1
    await onRow(count)
  }
  return rows
}
