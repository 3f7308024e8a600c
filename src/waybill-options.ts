/** What `createWaybill` can be told, and what comes of it by the kind of store. */
import type { TransactionFeed } from './feeds/transaction-feed.js'
import type { SyncFeed } from './feeds/sync-feed.js'
import type { Journal } from './journal/journal.js'
import type { SyncJournal } from './journal/sync-journal.js'
import type { EventOutbox, SyncEventOutbox } from './outbox/event-outbox.js'
import type { EventDefinitions } from './outbox/events.js'
import type { LaneDeclarations } from './outbox/lanes.js'
import type { OutboxOptions } from './outbox/outbox.js'
import type { ReservationOptions } from './outbox/reservations.js'

export interface WaybillOptions<Events extends EventDefinitions> extends OutboxOptions {
  /** The events this application sends. Default none: every `enqueue` takes a draft. */
  readonly events?: Events
  /** Lanes whose messages are ordered per key. Default none: in no lane. */
  readonly lanes?: LaneDeclarations | undefined
  /** Takes dedupe keys outside of the database first, in `transaction` and `enqueueAlone`. Default none. */
  readonly reservations?: ReservationOptions | undefined
}

export interface OffsetOptions {
  /** `table`: a row per stream in the store's own tables. `journal`: a stream of the journal. Default `table`. */
  readonly kind?: 'table' | 'journal' | undefined
  /** Of `journal`: take the newest intact record where the newest is damaged or deleted. Default: throw CORRUPT. */
  readonly fallback?: 'previous' | undefined
}

export type NoEvents = Readonly<Record<never, never>>

/** A store whose transactions are synchronous gives an outbox with `enqueueSync`. */
export type OutboxFor<Tx, Handle, Events extends EventDefinitions, Sync> =
  Sync extends true ? SyncEventOutbox<Tx, Handle, Events> : EventOutbox<Tx, Handle, Events>

/** And a journal with `appendSync`. */
export type JournalFor<Tx, Handle, Sync> = Sync extends true ? SyncJournal<Tx, Handle> : Journal<Tx, Handle>

/** And feeds with `commitSync`. */
export type FeedFor<Tx, Handle, Sync> = Sync extends true ? SyncFeed<Tx, Handle> : TransactionFeed<Tx, Handle>
