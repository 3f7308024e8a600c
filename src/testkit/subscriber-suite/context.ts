/** What a case works with: feeds, subscribers that write down what they handle, and processes that die. */
import assert from 'node:assert/strict'
import { jsonCodec } from '../../core/codec.js'
import type { Checkpoint, CheckpointStore, DeadResult, SubscriberState } from '../../feeds/checkpoints.js'
import type { FeedStore } from '../../feeds/contract.js'
import { feedSettings, type FeedOptions } from '../../feeds/feed-options.js'
import { feedTopic } from '../../feeds/feed-topic.js'
import type { Result } from '../../feeds/result.js'
import type { FeedSnapshot } from '../../feeds/snapshot.js'
import type { SubscriberEventName, SubscriberEvents } from '../../feeds/subscriber-events.js'
import type { ResultContext, SnapshotContext, SubscriberOptions } from '../../feeds/subscriber-options.js'
import { Subscriber } from '../../feeds/subscriber.js'
import { TransactionFeed } from '../../feeds/transaction-feed.js'
import { WakeHub } from '../../runner/wake.js'
import { savedOf } from '../checkpoint-suite/context.js'
import { mortalStore, type Mortal } from '../mortal-store.js'
import type { OpenedSubscriberStore } from './options.js'

export const ID = 'cache'
export const FEED = 'orders'
/** Short, because what dies is waited for. */
const LEASE_MS = 300
/** Long enough never to come due in a case. */
export const NEVER = { baseMs: 3_600_000, maxMs: 3_600_000, jitter: 'none' } as const

type Handle = (result: Result, context: ResultContext) => unknown
type HandleBatch = (results: readonly Result[], context: ResultContext) => unknown

type Handlers = 'onResult' | 'onBatch' | 'batching'

export interface ProcessOptions extends Partial<Omit<SubscriberOptions, 'feeds' | Handlers>> {
  /** By name. Default `orders`. */
  readonly feeds?: readonly string[]
  readonly onResult?: Handle
  readonly onBatch?: HandleBatch
  readonly batching?: SubscriberOptions['batching']
}

export interface Stores {
  readonly feeds?: FeedStore
  readonly checkpoints?: CheckpointStore
}

/** A subscriber in a process of its own, which may die at any moment. */
export class Process {
  readonly subscriber: Subscriber
  /** What its handler was called with, as `feed:sequence`, also when that failed. */
  readonly calls: string[] = []
  /** The results of each call. */
  readonly batches: (readonly bigint[])[] = []
  readonly snapshots: TakenSnapshot[] = []
  readonly #mortal: Mortal

  constructor(subscriberOf: (self: Process) => Subscriber, mortal: Mortal) {
    this.#mortal = mortal
    this.subscriber = subscriberOf(this)
  }

  /** From now on nothing of it takes effect, and it waits for ever. */
  kill(): void {
    this.#mortal.isDead = true
  }

  get isDead(): boolean {
    return this.#mortal.isDead
  }

  /** Resolves with the next event of this name. */
  told<Name extends SubscriberEventName>(name: Name): Promise<SubscriberEvents[Name]> {
    return new Promise((resolve) => {
      const off = this.subscriber.on(name, (event) => {
        off()
        resolve(event)
      })
    })
  }
}

export interface TakenSnapshot {
  readonly feed: string
  readonly sequence: bigint
  readonly isReset: boolean
  /** Values by signature, those that were taken back left out. */
  readonly rows: ReadonlyMap<bigint, unknown>
}

/** Seeds of random histories. */
interface Histories {
  readonly first: number
  readonly count: number
}

/** Stands for the transaction of a store that has none. */
const NO_TRANSACTION = Symbol('no transaction')

export class SubscriberContext {
  readonly store: OpenedSubscriberStore
  readonly histories: Histories
  readonly hub = new WakeHub()
  /** Every call of every process, in the order they began. */
  readonly log: string[] = []
  readonly #processes: Process[] = []
  #watchers: { readonly condition: () => boolean; readonly resolve: () => void }[] = []

  constructor(store: OpenedSubscriberStore, histories: Histories) {
    this.store = store
    this.histories = histories
  }

  /** A feed to commit to. */
  feed(name = FEED, options: Partial<FeedOptions> & { readonly now?: () => number } = {}): TransactionFeed<unknown> {
    return this.#feedOn(this.store.feeds, name, options)
  }

  /** So many results more, each of one row; answers their names. */
  async commit(count = 1, name = FEED, options: Partial<FeedOptions> & { readonly now?: () => number } = {}) {
    const feed = this.feed(name, options)
    const names: string[] = []
    for (let n = 0; n < count; n += 1) {
      const { sequence } = await feed.commitAlone([{ op: 'update', key: n % 7, after: { n } }])
      names.push(`${name}:${sequence}`)
    }
    return names
  }

  async reset(name = FEED, options: Partial<FeedOptions> = {}): Promise<void> {
    await this.inTransaction((tx) => this.feed(name, options).reset(tx))
  }

  /** Where the store has none, each call in it takes effect by itself. */
  inTransaction<T>(work: (tx: unknown) => Promise<T>): Promise<T> {
    return this.store.feeds.transaction((tx) => work(tx ?? NO_TRANSACTION))
  }

  /** One process of the subscriber; what it handles succeeds unless its handler says otherwise. */
  process(options: ProcessOptions = {}, stores: Stores = {}): Process {
    const mortal = { isDead: false }
    const feeds = mortalStore(stores.feeds ?? this.store.feeds, mortal)
    const checkpoints = mortalStore(stores.checkpoints ?? this.store.checkpoints, mortal)
    const { feeds: names = [FEED], onResult, onBatch, onSnapshot, ...rest } = options
    const made = new Process((self) => {
      const handlers = onBatch === undefined
        ? { onResult: (result: Result, context: ResultContext) => (
            this.#record(self, [result], context, () => onResult?.(result, context))) }
        : { onBatch: (results: readonly Result[], context: ResultContext) => (
            this.#record(self, results, context, () => onBatch(results, context))) }
      return new Subscriber({ checkpoints, scope: undefined, wake: this.hub }, {
        id: ID, leaseMs: LEASE_MS, pollMaxMs: 10, saveEveryMs: 0, retry: { baseMs: 0, maxMs: 0 }, ...rest,
        feeds: names.map((name) => this.#feedOn(feeds, name)),
        ...(onSnapshot !== undefined && {
          onSnapshot: (snapshot: FeedSnapshot, context: SnapshotContext) => (
            this.#takeSnapshot(self, snapshot, context, () => onSnapshot(snapshot, context))),
        }),
        ...handlers,
      } as SubscriberOptions)
    }, mortal)
    for (const name of ['failed', 'gap', 'requeued'] as const) {
      // After this turn, when what the event tells has had its effect.
      made.subscriber.on(name, () => void setImmediate(() => this.#look()))
    }
    this.#processes.push(made)
    return made
  }

  async started(options: ProcessOptions = {}, stores: Stores = {}): Promise<Process> {
    const made = this.process(options, stores)
    await made.subscriber.start()
    return made
  }

  /** Handles all there is, and stops: one run of a process that is started now and then. */
  async run(options: ProcessOptions = {}, stores: Stores = {}): Promise<Process> {
    const made = this.process(options, stores)
    await made.subscriber.drain().finally(() => made.subscriber[Symbol.asyncDispose]())
    return made
  }

  async state(): Promise<SubscriberState> {
    const [state] = await this.store.checkpoints.list({ after: '', limit: 1 })
    return state ?? assert.fail('there is no subscriber')
  }

  async checkpoint(feed = FEED): Promise<Checkpoint | undefined> {
    return savedOf(await this.state()).find((each) => each.feed === feed)
  }

  async deadLetters(): Promise<readonly DeadResult[]> {
    return this.store.checkpoints.deadLetters({ subscriber: ID, after: 0n, limit: 1_000 })
  }

  /** Resolves when the condition holds after some call of a handler, or when a subscriber told of a failure. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve()
    return new Promise((resolve) => this.#watchers.push({ condition, resolve }))
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map(({ subscriber, isDead }) => (
      subscriber.stop({ timeoutMs: isDead ? 0 : 5_000 }))))
    await this.store.close()
  }

  #feedOn(
    store: FeedStore, name: string, { now, ...options }: Partial<FeedOptions> & { readonly now?: () => number } = {},
  ): TransactionFeed<unknown> {
    const settings = feedSettings({ capacity: 1_000, ...options, name }, undefined)
    const onCommit = (): void => this.hub.wake(feedTopic(settings.key))
    const bind = (tx: unknown): unknown => (tx === NO_TRANSACTION ? undefined : tx)
    return new TransactionFeed({ store, codec: jsonCodec, now, bind, onCommit }, settings)
  }

  async #record(
    self: Process, results: readonly Result[], { feed }: ResultContext, handle: () => unknown,
  ): Promise<void> {
    if (self.isDead) return new Promise(() => undefined)
    const names = results.map(({ sequence }) => `${feed.name}:${sequence}`)
    self.calls.push(...names)
    self.batches.push(results.map(({ sequence }) => sequence))
    this.log.push(...names)
    await this.#handle(self, handle)
  }

  async #takeSnapshot(
    self: Process, snapshot: FeedSnapshot, { feed, isReset }: SnapshotContext, handle: () => unknown,
  ): Promise<void> {
    if (self.isDead) return new Promise(() => undefined)
    const rows = new Map<bigint, unknown>()
    for await (const { signature, value } of snapshot.rows) {
      if (value === undefined) rows.delete(signature)
      else rows.set(signature, value)
    }
    self.snapshots.push({ feed: feed.name, sequence: snapshot.sequence, isReset, rows })
    await this.#handle(self, handle)
  }

  async #handle(self: Process, handle: () => unknown): Promise<void> {
    try {
      await handle()
    } finally {
      // After this turn, when the runner has taken the outcome.
      setImmediate(() => this.#look())
    }
    if (self.isDead) return new Promise(() => undefined)
  }

  #look(): void {
    const met = this.#watchers.filter(({ condition }) => condition())
    this.#watchers = this.#watchers.filter((watcher) => !met.includes(watcher))
    for (const { resolve } of met) resolve()
  }
}

/** A store one of whose methods is another one. */
export function withMethod<Store extends object, Name extends keyof Store>(
  store: Store, name: Name, method: (original: Store[Name]) => Store[Name],
): Store {
  const bound = (value: unknown): unknown => (typeof value === 'function' ? value.bind(store) as unknown : value)
  const replaced = method(bound(store[name]) as Store[Name])
  return new Proxy(store, { get: (target, key) => (key === name ? replaced : bound(Reflect.get(target, key, target))) })
}

/** A promise and what resolves it. */
export function signal(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve: () => resolve() }
}
