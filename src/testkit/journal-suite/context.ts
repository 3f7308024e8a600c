/** What a case works with: a fresh journal, its public surface, a clock, followers, and the moves most cases make. */
import assert from 'node:assert/strict'
import { DEFAULT_SCOPE, type ScopeId } from '../../core/scope.js'
import type { JournalStore } from '../../journal/contract.js'
import type { EventPlace, JournalEvent, JournalEventDraft } from '../../journal/event.js'
import { Journal, type AppendToOptions, type JournalOptions } from '../../journal/journal.js'
import { ScopedJournalStore } from '../../journal/scoped-store.js'
import { Outbox } from '../../outbox/outbox.js'
import { OpenTransactions, type Isolation, type OpenTransaction } from '../open-transactions.js'
import { TestClock } from '../test-clock.js'
import { Follower, type FollowOptions } from './follower.js'
import type { OpenedJournal, OpenJournalSettings } from './options.js'

export { only, outcomeOf, rejectsWith } from '../outbox-suite/context.js'

export const STREAM = 'order-7'

export type EventPart = Partial<JournalEventDraft>

export interface ContextOptions {
  readonly open: (settings: OpenJournalSettings) => Promise<OpenedJournal<unknown>>
  readonly histories: number
  readonly seed: number
}

export class JournalContext {
  readonly clock: TestClock
  readonly opened: OpenedJournal<unknown>
  readonly options: ContextOptions
  readonly journal: Journal<unknown>
  readonly #others: OpenedJournal<unknown>[] = []
  readonly #transactions = new OpenTransactions()

  static async create(options: ContextOptions): Promise<JournalContext> {
    const clock = new TestClock()
    return new JournalContext(options, clock, await options.open({ now: clock.now }))
  }

  private constructor(options: ContextOptions, clock: TestClock, opened: OpenedJournal<unknown>) {
    this.options = options
    this.clock = clock
    this.opened = opened
    this.journal = journalOf(opened)
  }

  get store(): JournalStore {
    return this.opened.store
  }

  get outbox(): Outbox<unknown> {
    assert.ok(this.opened.outbox !== undefined, 'this store was opened without an outbox')
    return new Outbox(this.opened.outbox, (tx) => tx)
  }

  /** The scope that events without one are written to. */
  get scope(): ScopeId {
    return this.store instanceof ScopedJournalStore ? this.store.scope : DEFAULT_SCOPE
  }

  seeds(count: number): number[] {
    return Array.from({ length: count }, (_, n) => this.options.seed + n)
  }

  /** A context of its own, with its own store and clock; the caller closes it. */
  fork(): Promise<JournalContext> {
    return JournalContext.create(this.options)
  }

  /** A second, empty store. */
  async openAnother(): Promise<OpenedJournal<unknown>> {
    const other = await this.options.open({ now: this.clock.now })
    this.#others.push(other)
    return other
  }

  async close(): Promise<void> {
    await this.#transactions.rollback()
    for (const opened of [this.opened, ...this.#others]) await opened.close()
  }

  async begin(isolation?: Isolation): Promise<OpenTransaction<unknown>> {
    return this.#transactions.track(await this.opened.begin(isolation))
  }

  async appendIn(
    transaction: OpenTransaction<unknown>, ...parts: readonly EventPart[]
  ): Promise<readonly EventPlace[]> {
    return (await this.journal.append(transaction.tx, parts.map(eventOf))).events
  }

  /** Appends and commits. */
  async append(...parts: readonly EventPart[]): Promise<readonly EventPlace[]> {
    return (await this.appendWith({}, ...parts)).events
  }

  appendWith(options: AppendToOptions, ...parts: readonly EventPart[]): ReturnType<Journal<unknown>['appendAlone']> {
    return this.journal.appendAlone(parts.map(eventOf), options)
  }

  /** `count` events of one stream, committed together. */
  appendMany(count: number, part: EventPart = {}): Promise<readonly EventPlace[]> {
    return this.append(...Array.from({ length: count }, () => part))
  }

  follower(options: FollowOptions = {}): Follower {
    return new Follower(this.journal, options)
  }
}

export function journalOf(
  { store, outbox }: Pick<OpenedJournal<unknown>, 'store' | 'outbox'>, options?: JournalOptions,
): Journal<unknown> {
  const messages = outbox === undefined ? undefined : new Outbox<unknown>(outbox, (tx) => tx)
  return new Journal(store, (tx) => tx, options, messages && {
    enqueue: (tx, drafts) => messages.enqueueMany(tx, drafts),
    tell: () => undefined,
  })
}

export function eventOf(part: EventPart): JournalEventDraft {
  return { stream: STREAM, type: 'order.placed', payload: { n: 1 }, ...part }
}

export function sequencesOf(events: readonly { readonly sequence: bigint }[]): number[] {
  return events.map(({ sequence }) => Number(sequence))
}

export function idsOf(events: readonly { readonly id: string }[]): string[] {
  return events.map(({ id }) => id)
}

export function textOf(event: JournalEvent): string {
  return Buffer.from(event.payload).toString()
}

/** 1…n. */
export function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, index) => index + 1)
}
