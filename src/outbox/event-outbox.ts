/** The outbox as applications use it: typed by their event definitions, and waking relays after commits. */
import { WaybillError } from '../core/errors.js'
import type { SyncSqlExecutor } from '../core/sql.js'
import type { ScopeId } from '../core/scope.js'
import type { Announcer } from './announcer.js'
import type { OutboxStore } from './contract.js'
import {
  draftOf, draftOfSync, type EventDefinitions, type EventInput, type EventName, type EventOptions,
} from './events.js'
import {
  DEFAULT_LANE, DEFAULT_TARGET, type EnqueueResult, type NewMessage, type OutboxMessageDraft,
} from './message.js'
import { Outbox, type OutboxOptions } from './outbox.js'
import { outboxTopic } from './relay.js'

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
    tx: Handle, type: Name, payload: EventInput<Events, Name>, options?: EventOptions,
  ): Promise<EnqueueResult>
  override async enqueue(tx: Handle, draft: OutboxMessageDraft): Promise<EnqueueResult>
  override async enqueue<Name extends EventName<Events>>(
    tx: Handle, draft: OutboxMessageDraft | Name, ...event: [payload?: EventInput<Events, Name>, options?: EventOptions]
  ): Promise<EnqueueResult> {
    if (typeof draft !== 'string') return super.enqueue(tx, draft)
    const [payload, options] = event
    return super.enqueue(tx, await draftOf(this.ports.events, draft, payload as EventInput<Events, Name>, options))
  }

  override async enqueueMany(tx: Handle, drafts: readonly OutboxMessageDraft[]): Promise<readonly EnqueueResult[]> {
    const answers = await super.enqueueMany(tx, drafts)
    this.remember(tx, drafts)
    return answers
  }

  override async enqueueAlone(draft: OutboxMessageDraft): Promise<EnqueueResult> {
    const answer = await super.enqueueAlone(draft)
    this.ports.announcer.announce([topicOf(draft)])
    return answer
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
    tx: Handle, type: Name, payload: EventInput<Events, Name>, options?: EventOptions,
  ): EnqueueResult
  enqueueSync(tx: Handle, draft: OutboxMessageDraft): EnqueueResult
  enqueueSync<Name extends EventName<Events>>(
    tx: Handle, draft: OutboxMessageDraft | Name, ...event: [payload?: EventInput<Events, Name>, options?: EventOptions]
  ): EnqueueResult {
    const [payload, options] = event
    const plain = typeof draft === 'string'
      ? draftOfSync(this.ports.events, draft, payload as EventInput<Events, Name>, options)
      : draft
    const [answer] = this.enqueueManySync(tx, [plain])
    if (answer === undefined) throw new WaybillError('STORE_FAILED', 'the store gave no answer')
    return answer
  }

  enqueueManySync(tx: Handle, drafts: readonly OutboxMessageDraft[]): readonly EnqueueResult[] {
    const sync = this.ports.sync
    if (sync === undefined) throw new WaybillError('CONFIG_INVALID', 'this driver has no synchronous transactions')
    if (tx === undefined || tx === null) {
      throw new WaybillError('NOT_IN_TRANSACTION', 'enqueueSync takes the transaction as its first argument')
    }
    const messages = this.encodeAll(drafts)
    const { scope } = this.ports
    const scoped = scope === undefined ? messages : messages.map((message) => ({ ...message, scope }))
    const answers = sync.enqueueMany(sync.bind(tx), scoped)
    this.remember(tx, drafts)
    return answers
  }
}

function topicOf(draft: OutboxMessageDraft): string {
  return outboxTopic(draft.lane ?? DEFAULT_LANE, draft.target ?? DEFAULT_TARGET)
}
