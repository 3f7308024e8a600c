/** `createWaybill`: ties a store and a driver to the nouns. */
import { WaybillError } from './core/errors.js'
import { MAX_NAME_BYTES } from './core/limits.js'
import { DEFAULT_SCOPE, scopeId, type ScopeId } from './core/scope.js'
import type { Driver, SqlExecutor, SyncDriver, SyncSqlExecutor } from './core/sql.js'
import { jsonCodec } from './core/codec.js'
import { assertName } from './core/validate.js'
import type { DeadLetters } from './deadletters/dead-letters.js'
import { openDeadLetters } from './deadletters/open.js'
import { StoredHeap, type HeapOptions } from './deadletters/stored-heap.js'
import { feedSettings, type FeedOptions } from './feeds/feed-options.js'
import { feedTopic } from './feeds/feed-topic.js'
import { Subscriber } from './feeds/subscriber.js'
import type { CheckpointStore } from './feeds/checkpoints.js'
import type { SubscriberOptions } from './feeds/subscriber-options.js'
import { Subscribers } from './feeds/subscribers.js'
import { boundSyncFeeds, SyncFeed } from './feeds/sync-feed.js'
import { TransactionFeed } from './feeds/transaction-feed.js'
import { openInbox, type InboxFor } from './inbox/sync-inbox.js'
import type { JournalStore } from './journal/contract.js'
import { Journal, type JournalOutbox, type OnAppend } from './journal/journal.js'
import { JournalOffsetStore } from './journal/journal-offset-store.js'
import { offsetKey, type OffsetStore } from './journal/offset-store.js'
import type { PublisherOptions } from './journal/publisher-options.js'
import { JOURNAL_TOPIC, Publisher } from './journal/publisher.js'
import { Publishers } from './journal/publishers.js'
import type { ProgressStore } from './journal/progress.js'
import { ScopedJournalStore } from './journal/scoped-store.js'
import { SyncJournal } from './journal/sync-journal.js'
import { maintenanceOf, type Maintenance } from './maintenance/maintenance.js'
import type { MaintenanceOptions } from './maintenance/maintenance-options.js'
import type { LaneOrderings, OutboxStore } from './outbox/contract.js'
import { EventOutbox, SyncEventOutbox } from './outbox/event-outbox.js'
import type { EventDefinitions } from './outbox/events.js'
import { laneOrderings } from './outbox/lanes.js'
import { DEFAULT_LANE, DEFAULT_TARGET } from './outbox/message.js'
import { Outbox, type OutboxOptions } from './outbox/outbox.js'
import type { RelayOptions } from './outbox/relay-options.js'
import { outboxTopic, Relay } from './outbox/relay.js'
import type { Reservations } from './outbox/reservations.js'
import { ScopedOutboxStore } from './outbox/scoped-store.js'
import { Shared } from './shared.js'
import { checkDriver, checkStore, type Store, type SyncStore } from './store.js'
import type { FeedFor, JournalFor, NoEvents, OffsetOptions, OutboxFor, WaybillOptions } from './waybill-options.js'

/**
 * Ties a store to the transactions of your data layer: the store's own client, or a driver's.
 * @example
 * const waybill = createWaybill({ store: postgres({ pool }), driver: drizzle(), events })
 * await waybill.migrate()
 */
export function createWaybill<Own, Handle, const Events extends EventDefinitions = NoEvents>(
  options: WaybillOptions<Events> & {
    readonly store: Store<Own, SqlExecutor> & { readonly sync: SyncStore<Own> }; readonly driver: SyncDriver<Handle>
  },
): Waybill<Handle, SqlExecutor, Events, true>
export function createWaybill<Own, Handle, const Events extends EventDefinitions = NoEvents>(
  options: WaybillOptions<Events> & { readonly store: Store<Own, SqlExecutor>; readonly driver: Driver<Handle> },
): Waybill<Handle, SqlExecutor, Events, false>
export function createWaybill<Handle, Tx, const Events extends EventDefinitions = NoEvents>(
  options: WaybillOptions<Events> & { readonly store: Store<Handle, Tx> & { readonly sync: SyncStore<Handle> } },
): Waybill<Handle, Tx, Events, true>
export function createWaybill<Handle, Tx, const Events extends EventDefinitions = NoEvents>(
  options: WaybillOptions<Events> & { readonly store: Store<Handle, Tx> },
): Waybill<Handle, Tx, Events, false>
export function createWaybill<Handle, Tx, const Events extends EventDefinitions = NoEvents>(
  options: WaybillOptions<Events> & { readonly store: Store<Handle, Tx>; readonly driver?: Driver<Handle> },
): Waybill<Handle, Tx, Events, boolean> {
  checkStore(options)
  return new Waybill(options, new Shared(options.store, options.reservations), undefined)
}

export class Waybill<Handle, Tx, Events extends EventDefinitions, Sync> {
  readonly outbox: OutboxFor<Tx, Handle, Events, Sync>
  readonly #options: WaybillOptions<Events> & { readonly store: Store<Handle, Tx>; readonly driver?: Driver<Handle> }
  readonly #shared: Shared
  readonly #scope: ScopeId | undefined
  readonly #lanes: LaneOrderings
  #journal: JournalFor<Tx, Handle, Sync> | undefined
  #publishers: Publishers | undefined

  /** Use `createWaybill`. */
  constructor(
    options: WaybillOptions<Events> & { readonly store: Store<Handle, Tx>; readonly driver?: Driver<Handle> },
    shared: Shared, scope: ScopeId | undefined,
  ) {
    checkDriver(options.store, options.driver)
    this.#options = options
    this.#shared = shared
    this.#scope = scope
    this.#lanes = laneOrderings(options.lanes)
    this.outbox = this.#openOutbox(options, shared.reservations) as OutboxFor<Tx, Handle, Events, Sync>
  }

  /**
   * Streams of events: appended in your transaction, kept, and read on by any number of followers.
   * @throws CONFIG_INVALID when the store has no journal.
   */
  get journal(): JournalFor<Tx, Handle, Sync> {
    return this.#journal ??= this.#openJournal()
  }

  /**
   * The publishers that are stored: how far they are, what they gave up, and from where they publish again.
   * @throws CONFIG_INVALID when the store has no journal or keeps no progress.
   */
  get publishers(): Publishers {
    return this.#publishers ??= new Publishers({
      journal: this.#journalStore, progress: this.#progressStore, scope: this.#scope,
    })
  }

  /** What your consumers have done, once per message. @throws CONFIG_INVALID when the store has no inbox. */
  get inbox(): InboxFor<Tx, Handle, Sync> {
    const { name, inbox: store, sync } = this.#options.store
    return openInbox({
      name, store, sync: sync?.inbox, bind: this.#bind(), bindSync: this.#sync()?.bind, scope: this.#scope,
      transaction: (work) => this.transaction(work),
    })
  }

  /**
   * The subscribers that are stored: how far they are, what they set aside, and what becomes of it.
   * @throws CONFIG_INVALID when the store keeps no checkpoints.
   */
  get subscribers(): Subscribers {
    const { store: { feeds }, codec = jsonCodec } = this.#options
    return new Subscribers({ checkpoints: this.#checkpointStore, feeds, codec, scope: this.#scope })
  }

  /**
   * Creates or upgrades the schema and stores the lanes; safe to call at every start, from every process.
   * @throws CONFIG_INVALID when a lane may not change its ordering now.
   */
  async migrate(): Promise<void> {
    await this.#options.store.migrate(this.#lanes)
  }

  /** What `migrate` would run, for review. */
  migrationSql(): string {
    return this.#options.store.migrationSql()
  }

  /**
   * Begins and commits with the store's own client, and wakes relays at once after the commit.
   * @example
   * await waybill.transaction(async (tx) => { await tx.query('insert …'); await waybill.outbox.enqueue(tx, draft) })
   */
  async transaction<T>(work: (tx: Handle) => Promise<T>): Promise<T> {
    if (this.#options.driver !== undefined) {
      throw new WaybillError('CONFIG_INVALID', `begin with ${this.#options.driver.name}, whose transactions this `
        + 'Waybill takes, and call waybill.wake() after the commit')
    }
    return this.#shared.transaction(this.#options.store, work)
  }

  /** Tells relays to look now, for callers who commit themselves. A hint: a relay polls anyway. */
  wake(queue: { readonly lane?: string; readonly target?: string } = {}): void {
    this.#shared.announcer.announce([outboxTopic(queue.lane ?? DEFAULT_LANE, queue.target ?? DEFAULT_TARGET)])
  }

  /** One tenant's view of the same store: same surface, no cost. @throws VALIDATION for a bad scope. */
  scoped(scope: string): Waybill<Handle, Tx, Events, Sync> {
    return new Waybill(this.#options, this.#shared, scopeId(scope))
  }

  /** The same store for transactions of another data layer. */
  using<Other>(driver: SyncDriver<Other>): Waybill<Other, Tx, Events, Sync>
  using<Other>(driver: Driver<Other>): Waybill<Other, Tx, Events, false>
  using<Other>(driver: Driver<Other>): unknown {
    const options = { ...this.#options, driver } as unknown as WaybillOptions<Events> & {
      readonly store: Store<Other, Tx>; readonly driver: Driver<Other>
    }
    return new Waybill(options, this.#shared, this.#scope)
  }

  /**
   * Delivers one lane's messages. Nothing runs before `start`, `runOnce` or `drain`.
   * @example
   * const relay = waybill.relay({ lane: 'orders', handlers: { mailer: async (message) => send(message.payload) } })
   * await relay.start()
   */
  relay<const Targets extends string>(options: RelayOptions<Events, Targets>): Relay<Events, Targets> {
    return new Relay({
      store: this.#outboxStore, wake: this.#shared.hub, codec: this.#options.codec ?? jsonCodec,
      onStart: () => this.#shared.listen(), lanes: this.#lanes,
      events: this.#options.events ?? ({} as Events),
    }, options)
  }

  /**
   * Publishes the events of the journal. Nothing runs before `start`, `runOnce` or `drain`. In a scoped view, names are
   * the scope's own.
   * @throws VALIDATION naming the option, CONFIG_INVALID when the store has no journal or keeps no progress.
   * @example
   * const publisher = waybill.publisher({ name: 'search', publish: async (event) => index(event.payload) })
   * await publisher.start()
   */
  publisher(options: PublisherOptions): Publisher {
    return new Publisher({
      journal: this.#journalStore, progress: this.#progressStore, scope: this.#scope,
      codec: this.#options.codec ?? jsonCodec,
      wake: this.#shared.hub, onStart: () => this.#shared.listen(),
    }, options)
  }

  /**
   * How far a publisher is in each stream, for one active process per name: `load` takes over from the one before. At
   * most 255 bytes; in a scoped view, names are the scope's own.
   * @throws VALIDATION; CONFIG_INVALID when the store has no offsets, or no journal.
   */
  offsets(name: string, { kind = 'table', fallback }: OffsetOptions = {}): OffsetStore {
    const { store, maxPayloadBytes } = this.#options
    assertName('name', name, MAX_NAME_BYTES)
    if (kind === 'journal') return new JournalOffsetStore(name, this.#journalStore, { maxPayloadBytes, fallback })
    if (store.offsets === undefined) throw new WaybillError('CONFIG_INVALID', `the ${store.name} store has no offsets`)
    return store.offsets(offsetKey({ scope: this.#scope ?? DEFAULT_SCOPE, stream: name }))
  }

  /**
   * A result that you keep up to date in your transactions, with its last changes, for any number of subscribers. In a
   * scoped view, names are the scope's own.
   * @throws VALIDATION naming the option, CONFIG_INVALID when the store has no feeds.
   * @example
   * const open = waybill.feed('open-orders', { key: (order: Order) => order.id })
   * await waybill.transaction((tx) => open.commit(tx, [{ op: 'add', after: order }]))
   */
  feed(name: string, options: Omit<FeedOptions, 'name'> = {}): FeedFor<Tx, Handle, Sync> {
    const { store, codec = jsonCodec } = this.#options
    const settings = feedSettings({ ...options, name }, this.#scope)
    if (store.feeds === undefined) throw new WaybillError('CONFIG_INVALID', `the ${store.name} store has no feeds`)
    const topic = feedTopic(settings.key)
    const ports = {
      store: store.feeds, codec, bind: this.#bind(), onCommit: (tx: Handle | undefined) => this.#tell(tx, [topic]),
      onNews: (listener: () => void) => this.#shared.onNews(topic, listener),
    }
    const sync = store.sync?.feeds
    const bind = this.#sync()?.bind
    const feed = sync === undefined || bind === undefined ? new TransactionFeed(ports, settings)
      : new SyncFeed({ ...ports, sync: boundSyncFeeds(sync, bind) }, settings)
    return feed as FeedFor<Tx, Handle, Sync>
  }

  /**
   * Follows feeds, of this store or others. Nothing runs before `start`, `runOnce` or `drain`. In a scoped view, ids
   * are the scope's own.
   * @throws VALIDATION naming the option; CONFIG_INVALID when the store keeps no checkpoints, or naming in
   *   `details.rule` what cannot go together.
   * @example
   * const subscriber = waybill.subscriber({ id: 'cache', feeds: [open], onResult: ({ changes }) => apply(changes) })
   * await subscriber.start()
   */
  subscriber(options: SubscriberOptions): Subscriber {
    const checkpoints = options.checkpoints ?? this.#checkpointStore
    return new Subscriber({
      checkpoints, scope: this.#scope, wake: this.#shared.hub, onStart: () => this.#shared.listen(),
    }, options)
  }

  /**
   * How often each of many things has failed in a row, for all processes; an object of its own at each call. In a
   * scoped view, names are the scope's own.
   * @throws VALIDATION naming the option; CONFIG_INVALID when the store has no heaps.
   */
  heap(name: string, options: HeapOptions = {}): StoredHeap {
    const { name: store, heaps } = this.#options.store
    if (heaps === undefined) throw new WaybillError('CONFIG_INVALID', `the ${store} store has no heaps`)
    return new StoredHeap(heaps, name, options, this.#scope)
  }

  /**
   * Removes what is old enough, at intervals, in one of the processes that have it. Not in a scoped view.
   * @throws VALIDATION naming the option, CONFIG_INVALID.
   */
  maintenance(options: MaintenanceOptions = {}): Maintenance {
    return maintenanceOf(this.#options.store, this.#scope, options)
  }

  /** What could not be delivered, of all sources: messages, events, entries of heaps, results of feeds. */
  get deadLetters(): DeadLetters {
    const { store: { heaps, checkpoints, journal, progress }, codec = jsonCodec } = this.#options
    const outbox = new Outbox<Tx>(this.#outboxStore, (tx) => tx, this.#options)
    return openDeadLetters({
      outbox, heaps, checkpoints, codec, scope: this.#scope,
      publishers: journal && progress && { publishers: this.publishers, progress, journal: this.#journalStore },
    })
  }

  /** Ends what the store opened. Stop relays, publishers, subscribers and the maintenance first. */
  async close(): Promise<void> {
    await this.#shared.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  get #outboxStore(): OutboxStore<Tx> {
    const { outbox } = this.#options.store
    return this.#scope === undefined ? outbox : new ScopedOutboxStore(outbox, this.#scope)
  }

  /** @throws CONFIG_INVALID. */
  get #journalStore(): JournalStore<Tx> {
    const { name, journal } = this.#options.store
    if (journal === undefined) throw new WaybillError('CONFIG_INVALID', `the ${name} store has no journal`)
    return this.#scope === undefined ? journal : new ScopedJournalStore(journal, this.#scope)
  }

  /** @throws CONFIG_INVALID. */
  get #progressStore(): ProgressStore {
    const { name, progress } = this.#options.store
    if (progress === undefined) throw new WaybillError('CONFIG_INVALID', `the ${name} store keeps no progress`)
    return progress
  }

  /** @throws CONFIG_INVALID. */
  get #checkpointStore(): CheckpointStore {
    const { name, checkpoints } = this.#options.store
    if (checkpoints === undefined) throw new WaybillError('CONFIG_INVALID', `the ${name} store keeps no checkpoints`)
    return checkpoints
  }

  #openOutbox(options: OutboxOptions, reservations?: Reservations): EventOutbox<Tx, Handle, Events> {
    const ports = {
      store: this.#outboxStore, bind: this.#bind(), sync: this.#sync(), scope: this.#scope,
      events: this.#options.events ?? ({} as Events), announcer: this.#shared.announcer, reservations,
    }
    return ports.sync === undefined ? new EventOutbox(ports, options) : new SyncEventOutbox(ports, options)
  }

  /** Of the journal's messages, whose keys are those of their events whatever the application's strategy. */
  get #eventOutboxOptions(): OutboxOptions {
    return { ...this.#options, idempotency: 'provided' }
  }

  #openJournal(): JournalFor<Tx, Handle, Sync> {
    const { sync, progress, savedOffsets } = this.#options.store
    const followers = { progress, offsets: savedOffsets }
    const scope = this.#scope
    const store = this.#journalStore
    const outbox = this.#journalOutbox()
    const onAppend: OnAppend<Handle> = (tx) => this.#tell(tx, [JOURNAL_TOPIC])
    const messages = this.#openOutbox(this.#eventOutboxOptions)
    const bound = this.#sync()
    const append = sync?.append?.bind(sync)
    if (bound === undefined || append === undefined || !(messages instanceof SyncEventOutbox)) {
      const journal = new Journal(store, this.#bind(), this.#options, outbox, onAppend, followers)
      return journal as JournalFor<Tx, Handle, Sync>
    }
    return new SyncJournal(store, this.#bind(), this.#options, outbox, onAppend, followers, {
      append: (tx, batch) => append(bound.bind(tx), scope === undefined ? batch : { ...batch, scope }),
      enqueue: (tx, drafts) => messages.enqueueManySync(tx, drafts),
    })
  }

  #journalOutbox(): JournalOutbox<Tx, Handle> {
    const outbox = new Outbox<Tx>(this.#outboxStore, (tx) => tx, this.#eventOutboxOptions)
    return {
      enqueue: (tx, drafts) => outbox.enqueueMany(tx, drafts),
      tell: (tx, drafts) => this.#tell(tx, drafts.map(({ lane, target }) => (
        outboxTopic(lane ?? DEFAULT_LANE, target ?? DEFAULT_TARGET)))),
    }
  }

  /** Wakes whoever listens once the transaction has committed; without one, now. */
  #tell(tx: Handle | undefined, topics: readonly string[]): void {
    const { announcer } = this.#shared
    if (tx === undefined) announcer.announce(new Set(topics))
    else for (const topic of new Set(topics)) announcer.remember(tx, topic)
  }

  #bind(): (handle: Handle) => Tx {
    const { store, driver } = this.#options
    // A driver gives SQL executors, which is what SQL stores take: checkDriver has made sure.
    return driver === undefined ? (handle) => store.bind(handle) : (handle) => driver.executor(handle) as Tx
  }

  #sync(): ConstructorParameters<typeof SyncEventOutbox<Tx, Handle, Events>>[0]['sync'] {
    const { store, driver } = this.#options
    const { sync } = store
    if (sync === undefined) return undefined
    const bind = driver === undefined ? (handle: Handle) => sync.bind(handle) : driver.executorSync?.bind(driver)
    return bind && { bind: (handle): SyncSqlExecutor => bind(handle), enqueueMany: sync.enqueueMany.bind(sync) }
  }
}
