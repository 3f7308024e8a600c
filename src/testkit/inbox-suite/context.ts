/** What a case works with: an empty store with two handles, a clock, and the moves most cases make. */
import assert from 'node:assert/strict'
import type { ScopeId } from '../../core/scope.js'
import type { InboxStore } from '../../inbox/contract.js'
import { Inbox } from '../../inbox/inbox.js'
import type { InboxResult, ProcessOptions } from '../../inbox/request.js'
import { OpenTransactions, type Isolation, type OpenTransaction } from '../open-transactions.js'
import { TestClock } from '../test-clock.js'
import type { OpenedInbox, OpenInboxSettings } from './options.js'

export { outcomeOf, rejectsWith } from '../outbox-suite/context.js'

export const CONSUMER = 'billing'

/** What must not be run. */
export const unexpected = (): never => assert.fail('fn was run')

export interface ContextOptions {
  readonly open: (settings: OpenInboxSettings) => Promise<OpenedInbox<unknown>>
  readonly histories: number
  readonly seed: number
}

export class InboxContext {
  readonly clock: TestClock
  readonly options: ContextOptions
  readonly opened: OpenedInbox<unknown>
  readonly #others: OpenedInbox<unknown>[] = []
  readonly #transactions = new OpenTransactions()

  static async create(options: ContextOptions): Promise<InboxContext> {
    const clock = new TestClock()
    return new InboxContext(options, clock, await options.open({ now: clock.now }))
  }

  private constructor(options: ContextOptions, clock: TestClock, opened: OpenedInbox<unknown>) {
    this.options = options
    this.clock = clock
    this.opened = opened
  }

  /** The public surface of the first handle. */
  get inbox(): Inbox<unknown> {
    return inboxOf(this.opened.store)
  }

  /** Of the other handle. */
  get otherInbox(): Inbox<unknown> {
    return inboxOf(this.opened.other)
  }

  scoped(scope: ScopeId): Inbox<unknown> {
    return inboxOf(this.opened.store, scope)
  }

  seeds(): number[] {
    return Array.from({ length: this.options.histories }, (_, n) => this.options.seed + n)
  }

  /** An empty store that follows its own clock. */
  async openByOwnClock(): Promise<Inbox<unknown>> {
    const opened = await this.options.open({})
    this.#others.push(opened)
    return inboxOf(opened.store)
  }

  async begin(isolation?: Isolation): Promise<OpenTransaction<unknown>> {
    return this.#transactions.track(await this.opened.begin(isolation))
  }

  /** Whether this transaction does the message. */
  async does({ tx }: OpenTransaction<unknown>, id: string, options: ProcessOptions = {}): Promise<boolean> {
    return (await this.inbox.process(tx, CONSUMER, id, () => undefined, options)).processed
  }

  /** A delivery from beginning to commit. */
  deliver(id: string, inbox = this.inbox): Promise<InboxResult<string>> {
    return inbox.processAlone(CONSUMER, id, () => `did ${id}`)
  }

  wasDone(id: string): Promise<boolean> {
    return this.inbox.wasProcessed(CONSUMER, id)
  }

  async close(): Promise<void> {
    await this.#transactions.rollback()
    for (const opened of [this.opened, ...this.#others]) await opened.close()
  }

  /** Whether the work goes on waiting, some round trips later. */
  begun<T>(work: Promise<T>): { readonly outcome: Promise<T>; isWaiting(): Promise<boolean> } {
    let isOver = false
    const over = (): void => {
      isOver = true
    }
    work.then(over, over)
    return {
      outcome: work,
      isWaiting: async () => {
        for (let round = 0; round < 20; round += 1) await this.wasDone('no such message')
        return !isOver
      },
    }
  }
}

export function inboxOf(store: InboxStore, scope?: ScopeId): Inbox<unknown> {
  return new Inbox({ store, bind: (tx) => tx, scope, transaction: (work) => store.transaction(work) })
}

/** `already_processed` with its time, or undefined for one that was done now. */
export function timeOf(result: InboxResult<unknown>): number | string | undefined {
  if (result.processed) return undefined
  return result.reason === 'already_processed' ? result.processedAt : result.reason
}
