/**
 * A store as `createWaybill` takes it: one database with a contract for each noun, the caller's kind of transaction,
 * and whatever the database offers to wake others.
 */
import type { Finding } from './core/diagnosis.js'
import { validationError, WaybillError } from './core/errors.js'
import type { Driver, SyncSqlExecutor } from './core/sql.js'
import type { HeapStore } from './deadletters/contract.js'
import type { CheckpointStore } from './feeds/checkpoints.js'
import type { FeedStore, SyncFeeds } from './feeds/contract.js'
import type { InboxStore, SyncInboxRecords } from './inbox/contract.js'
import type { JournalStore } from './journal/contract.js'
import type { AppendResult, NewBatch } from './journal/event.js'
import type { ProgressStore } from './journal/progress.js'
import type { OffsetStore, SavedOffsets } from './journal/offset-store.js'
import type { LaneOrderings, OutboxStore } from './outbox/contract.js'
import type { NewMessage, EnqueueResult } from './outbox/message.js'

export interface Store<Handle = unknown, Tx = unknown> {
  readonly name: string
  readonly dialect: 'memory' | 'postgres' | 'sqlite'
  readonly outbox: OutboxStore<Tx>
  /** How long delivered messages stay by themselves. Default, where a store does not say: a day. */
  readonly retainDeliveredMs?: number | undefined
  /** Absent in a store that has no journal: `waybill.journal` throws CONFIG_INVALID then. */
  readonly journal?: JournalStore<Tx> | undefined
  /** How far the publishers of the journal are. Absent in a store that has no journal, or keeps no progress. */
  readonly progress?: ProgressStore | undefined
  /** How far a publisher is, in the store's own tables; a store object of its own at each call. */
  offsets?(name: string): OffsetStore
  /** What those have saved. Needed where there is `offsets`, so that a journal is not pruned beside them. */
  readonly savedOffsets?: SavedOffsets | undefined
  /** Absent in a store that has no feeds: `waybill.feed` throws CONFIG_INVALID then. */
  readonly feeds?: FeedStore<Tx> | undefined
  /** How far the subscribers of feeds are. */
  readonly checkpoints?: CheckpointStore | undefined
  /** Counts of failures in a row. Absent in a store that has none: `waybill.heap` throws CONFIG_INVALID then. */
  readonly heaps?: HeapStore | undefined
  /** Absent in a store that has no inbox: `waybill.inbox` throws CONFIG_INVALID then. */
  readonly inbox?: InboxStore<Tx> | undefined
  /** From a handle of the store's own client to the transaction its contracts take. @throws NOT_IN_TRANSACTION. */
  bind(handle: Handle): Tx
  /** For clients whose calls return at once. */
  readonly sync?: SyncStore<Handle> | undefined
  /** Begins and commits with the store's own client. */
  transaction<T>(work: (handle: Handle) => Promise<T>): Promise<T>
  migrate(lanes?: LaneOrderings): Promise<void>
  /** What `migrate` would run. Empty where there is no schema. */
  migrationSql(): string
  /** Tells other processes that there is something to claim. Best effort. */
  notify?(topic: string): Promise<void>
  /** Calls back with topics that other processes told, or '' for "anything", until the signal aborts. */
  listen?(onTopic: (topic: string) => void, signal: AbortSignal): void
  /**
   * Looks at the database for what would break Waybill's promises. Changes nothing, and takes seconds at most. What
   * can be asked through the contracts, such as dead letters, is not part of it.
   * @throws STORE_UNAVAILABLE when it cannot connect.
   */
  diagnose?(): Promise<readonly Finding[]>
  close(): Promise<void>
}

/** Enqueue, append, commit to feeds and record in the inbox without awaiting, inside a synchronous transaction. */
export interface SyncStore<Handle> {
  /** @throws NOT_IN_TRANSACTION. */
  bind(handle: Handle): SyncSqlExecutor
  enqueueMany(tx: SyncSqlExecutor, messages: readonly NewMessage[]): readonly EnqueueResult[]
  /** Where there is a journal. */
  append?(tx: SyncSqlExecutor, batch: NewBatch): AppendResult
  /** Where there are feeds. */
  readonly feeds?: SyncFeeds<SyncSqlExecutor> | undefined
  /** Where there is an inbox. */
  readonly inbox?: SyncInboxRecords<SyncSqlExecutor> | undefined
}

/** For callers whom no compiler told. @throws VALIDATION. */
export function checkStore(options: { readonly store: Pick<Store, 'outbox'> }): void {
  const store: unknown = (options as Partial<typeof options> | undefined)?.store
  if (typeof store === 'object' && store !== null && 'outbox' in store) return
  throw validationError('store', 'is required: memory(), sqlite() or postgres()')
}

/** @throws CONFIG_INVALID. */
export function checkDriver<Handle, Tx>(store: Store<Handle, Tx>, driver: Driver<Handle> | undefined): void {
  if (driver === undefined || (store.dialect !== 'memory' && driver.dialects.includes(store.dialect))) return
  throw new WaybillError('CONFIG_INVALID', `the ${driver.name} driver does not carry the ${store.dialect} store`)
}
