/** The outbox as applications use it: typed by their event definitions, and waking relays after commits. */
import { WaybillError } from '../core/errors.js'
import type { SyncSqlExecutor } from '../core/sql.js'
import type { ScopeId } from '../core/scope.js'
import type { Announcer } from './announcer.js'
import type { OutboxStore } from './contract.js'
import {
  draftOf, draftOfSync, type EventDefinitions, type EventInput, type EventName, type EventOptions, type OptionsOf,
} from './events.js'
import {
  DEFAULT_LANE, DEFAULT_TARGET, type EnqueueResult, type NewMessage, type OutboxMessageDraft,
} from './message.js'
import type { IdempotencyStrategy } from './idempotency.js'
import { Outbox, type OutboxOptions } from './outbox.js'
import { outboxTopic } from './relay.js'
import { outsideTransaction, type Reservations } from './reservations.js'

export interface EventOutboxPorts<Tx, Handle, Events> {
  readonly store: OutboxStore<Tx>
  readonly bind: (handle: Handle) => Tx
  readonly events: Events
  readonly announcer: Announcer
  /** Present where transactions are synchronous. */
  readonly sync?: {
    bind(handle: Handle): SyncSqlExecutor
    enqueueMany(tx: SyncSqlExecutor, messages: readonly NewMessage[]): readonly EnqueueResult[]
  } | undefined
  readonly scope?: ScopeId | undefined
  readonly reservations?: Reservations | undefined
}

export class EventOutbox<Tx, Handle, Events extends EventDefinitions> extends Outbox<Tx, Handle> {
  protected readonly ports: EventOutboxPorts<Tx, Handle, Events>

  constructor(ports: EventOutboxPorts<Tx, Handle, Events>, options: OutboxOptions) {
    super(ports.store, ports.bind, options)
    this.ports = ports
  }

  /**
   * Writes one event, or one untyped draft, in the caller's transaction.
   * @example
   * await waybill.outbox.enqueue(tx, 'order.placed', { orderId: 'o-7' }, { dedupeKey: 'o-7' })
   */
  override async enqueue<Name extends EventName<Events>>(
    tx: Handle, type: Name, payload: EventInput<Events, Name>, options?: OptionsOf<Events[Name]>,
  ): Promise<EnqueueResult>
  override async enqueue(tx: Handle, draft: OutboxMessageDraft): Promise<EnqueueResult>
  override async enqueue<Name extends EventName<Events>>(
    tx: Handle, draft: OutboxMessageDraft | Name, ...event: [payload?: EventInput<Events, Name>, options?: EventOptions]
  ): Promise<EnqueueResult> {
    if (typeof draft !== 'string') return super.enqueue(tx, draft)
    const [payload, options] = event
    // Before the schema is asked: until it has answered, the transaction may have ended.
    const bound = this.bindTransaction(tx)
    const plain = await draftOf(
      this.ports.events, draft, payload as EventInput<Events, Name>, options, this.idempotency)
    return single(await this.#putBound(bound, tx, [plain], 'provided'))
  }

  protected override async put(
    tx: Handle, drafts: readonly OutboxMessageDraft[], strategy: IdempotencyStrategy,
  ): Promise<readonly EnqueueResult[]> {
    return this.#putBound(this.bindTransaction(tx), tx, drafts, strategy)
  }

  async #putBound(
    bound: Tx, tx: Handle, drafts: readonly OutboxMessageDraft[], strategy: IdempotencyStrategy,
  ): Promise<readonly EnqueueResult[]> {
    const messages = this.encodeAll(drafts, strategy)
    const { reservations } = this.ports
    const answers = reservations === undefined ? await this.write(bound, messages)
      : await reservations.enqueue(tx, this.inScope(messages), (free) => this.write(bound, free))
    this.remember(tx, drafts)
    return answers
  }

  protected override writeAlone(messages: readonly NewMessage[]): Promise<readonly EnqueueResult[]> {
    const { reservations } = this.ports
    if (reservations === undefined) return super.writeAlone(messages)
    return reservations.transaction((work: (tx: Tx) => Promise<readonly EnqueueResult[]>) => (
      this.store.transaction(work)), (tx) => (
      reservations.enqueue(tx, this.inScope(messages), (free) => this.write(tx, free))))
  }

  override async enqueueAlone(draft: OutboxMessageDraft): Promise<EnqueueResult> {
    const answer = await super.enqueueAlone(draft)
    this.ports.announcer.announce([topicOf(draft)])
    return answer
  }

  protected inScope(messages: readonly NewMessage[]): readonly NewMessage[] {
    const { scope } = this.ports
    return scope === undefined ? messages : messages.map((message) => ({ ...message, scope }))
  }

  protected remember(tx: Handle, drafts: readonly OutboxMessageDraft[]): void {
    let before: OutboxMessageDraft | undefined
    for (const draft of drafts) {
      const isSame = before !== undefined && draft.lane === before.lane && draft.target === before.target
      if (!isSame) this.ports.announcer.remember(tx, topicOf(draft))
      before = draft
    }
  }
}

/** Adds the forms that return at once, for synchronous transactions. */
export class SyncEventOutbox<Tx, Handle, Events extends EventDefinitions> extends EventOutbox<Tx, Handle, Events> {
  /** As `enqueue`. @throws ASYNC_SCHEMA when the event's schema validates asynchronously. */
  enqueueSync<Name extends EventName<Events>>(
    tx: Handle, type: Name, payload: EventInput<Events, Name>, options?: OptionsOf<Events[Name]>,
  ): EnqueueResult
  enqueueSync(tx: Handle, draft: OutboxMessageDraft): EnqueueResult
  enqueueSync<Name extends EventName<Events>>(
    tx: Handle, draft: OutboxMessageDraft | Name, ...event: [payload?: EventInput<Events, Name>, options?: EventOptions]
  ): EnqueueResult {
    if (typeof draft !== 'string') return single(this.enqueueManySync(tx, [draft]))
    const [payload, options] = event
    const plain = draftOfSync(
      this.ports.events, draft, payload as EventInput<Events, Name>, options, this.idempotency)
    return single(this.#putSync(tx, [plain], 'provided'))
  }

  enqueueManySync(tx: Handle, drafts: readonly OutboxMessageDraft[]): readonly EnqueueResult[] {
    return this.#putSync(tx, drafts, this.idempotency)
  }

  #putSync(
    tx: Handle, drafts: readonly OutboxMessageDraft[], strategy: IdempotencyStrategy,
  ): readonly EnqueueResult[] {
    const sync = this.ports.sync
    if (sync === undefined) throw new WaybillError('CONFIG_INVALID', 'this driver has no synchronous transactions')
    if (tx === undefined || tx === null) {
      throw new WaybillError('NOT_IN_TRANSACTION', 'enqueueSync takes the transaction as its first argument')
    }
    const messages = this.inScope(this.encodeAll(drafts, strategy))
    if (this.ports.reservations !== undefined && messages.some(({ dedupe }) => dedupe !== null)) {
      throw outsideTransaction()
    }
    const answers = sync.enqueueMany(sync.bind(tx), messages)
    this.remember(tx, drafts)
    return answers
  }
}

function single<T>(answers: readonly T[]): T {
  const [answer] = answers
  if (answer === undefined) throw new WaybillError('STORE_FAILED', 'the store gave no answer')
  return answer
}

function topicOf(draft: OutboxMessageDraft): string {
  return outboxTopic(draft.lane ?? DEFAULT_LANE, draft.target ?? DEFAULT_TARGET)
}
