/**
 * The outbox in the memory of one process, for tests, examples and short-lived programs. It keeps every
 * rule of the contract, also those of concurrent transactions, and forgets everything at exit.
 *
 * An id is taken at enqueue, a message is seen at commit; so messages do turn up behind others that were
 * claimed before, as on a database. All changes happen between two awaits, hence at once. Claims take
 * from heaps ordered by (availableAt, sequence) and cost O(log n) per message, whatever was delivered.
 */
import { newTag, newToken, systemClock, type Clock } from '../../core/environment.js'
import { WaybillError } from '../../core/errors.js'
import { DEFAULT_RETAIN_DELIVERED_MS } from '../../core/limits.js'
import {
  quarantineNote, type ClaimRequest, type DeadAnswer, type ExtendRequest, type FailedAttempt, type LaneOrderings,
  type ListFilter, type OutboxCapabilities, type OutboxClaim, type OutboxSettings, type OutboxStats, type OutboxStore,
  type PauseRequest, type PayloadEdit, type PurgeRequest, type PurgeResult, type QuarantineAnswer,
  type QuarantineRequest, type ResolveDeadRequest, type SettleAnswer, type SettleRequest, type StatsFilter,
} from '../../outbox/contract.js'
import { formatMessageId, parseMessageId, TAG_LENGTH } from '../../outbox/message-id.js'
import type { EnqueueResult, NewMessage, OutboxMessage } from '../../outbox/message.js'
import type { ScopeId } from '../../core/scope.js'
import { Identities } from './identities.js'
import { Messages } from './messages.js'
import { showMessage, type StoredMessage } from './records.js'
import { assertUsable, MemoryTransaction } from './transaction.js'

export interface MemoryOutboxOptions {
  /** Milliseconds since the epoch. Default: the system's clock. */
  readonly now?: Clock | undefined
  /** How long delivered messages stay listed; 0 deletes them at ack. Default 86,400,000 (a day). */
  readonly retainDeliveredMs?: number | undefined
}

export class MemoryOutboxStore implements OutboxStore<MemoryTransaction> {
  readonly capabilities: OutboxCapabilities = { shared: false, durable: false, concurrentTransactions: true }
  readonly #now: Clock
  readonly #tag = newTag(TAG_LENGTH)
  readonly #identities = new Identities()
  readonly #messages: Messages
  readonly #open = new Set<MemoryTransaction>()
  #lastSequence = 0
  #closed = false

  constructor(options: MemoryOutboxOptions = {}) {
    this.#now = options.now ?? systemClock
    this.#messages = new Messages(this.#identities, options.retainDeliveredMs ?? DEFAULT_RETAIN_DELIVERED_MS)
  }

  /** @throws CLOSED. */
  begin(): MemoryTransaction {
    this.#assertOpen()
    const transaction = new MemoryTransaction((ended) => this.#open.delete(ended))
    this.#open.add(transaction)
    return transaction
  }

  async transaction<T>(work: (tx: MemoryTransaction) => Promise<T>): Promise<T> {
    const transaction = this.begin()
    try {
      const result = await work(transaction)
      await transaction.commit()
      return result
    } catch (error) {
      await transaction.rollback()
      throw error
    }
  }

  async enqueueMany(tx: MemoryTransaction,
    messages: readonly NewMessage[]): Promise<readonly EnqueueResult[]> {
    this.#assertOpen()
    assertUsable(tx)
    // Nothing is taken while waiting, so two batches cannot wait for each other, whatever their order.
    let holder = this.#identities.holder(tx, messages)
    while (holder !== undefined) {
      await tx.waitFor(holder)
      this.#assertOpen()
      assertUsable(tx)
      holder = this.#identities.holder(tx, messages)
    }
    this.#identities.check(messages)
    const now = this.#now()
    return messages.map((message) => this.#stage(tx, message, now))
  }

  async claim(request: ClaimRequest): Promise<OutboxClaim | null> {
    this.#assertOpen()
    const claim = this.#messages.claim(request, newToken(), this.#now())
    if (claim === undefined) return null
    const messages = [...claim.messages.values()]
    return {
      token: claim.token,
      leaseExpiresAt: claim.leaseExpiresAt,
      suspect: messages.some((message) => message.suspect),
      ordering: claim.ordering,
      messages: messages.map(showMessage),
    }
  }

  async settle(request: SettleRequest): Promise<readonly SettleAnswer[]> {
    this.#assertOpen()
    const now = this.#now()
    const answers =
      request.outcomes.map((outcome) => this.#messages.settle(request.token, outcome, request.scope, now))
    this.#messages.dropOldDelivered(2 * answers.length, now)
    return answers
  }

  async extend(request: ExtendRequest): Promise<number | null> {
    this.#assertOpen()
    return this.#messages.extend(request.token, request.scope, this.#now() + request.leaseMs) ?? null
  }

  async get(ids: readonly string[], scope: ScopeId | undefined): Promise<readonly OutboxMessage[]> {
    this.#assertOpen()
    const found = new Set(ids.map((id) => this.#find(id, scope)))
    return [...found].filter((message) => message !== undefined).map(showMessage)
  }

  async list(filter: ListFilter): Promise<readonly OutboxMessage[]> {
    this.#assertOpen()
    const page: OutboxMessage[] = []
    for (const message of this.#messages.after(this.#sequenceAfter(filter.after))) {
      if (page.length >= filter.limit) break
      if (matches(message, filter)) page.push(showMessage(message))
    }
    return page
  }

  async stats(filter: StatsFilter): Promise<readonly OutboxStats[]> {
    this.#assertOpen()
    return this.#messages.stats(filter, this.#now())
  }

  async purge(request: PurgeRequest): Promise<PurgeResult> {
    this.#assertOpen()
    return this.#messages.purge(request, this.#now())
  }

  async failures(id: string, scope: ScopeId | undefined): Promise<readonly FailedAttempt[]> {
    this.#assertOpen()
    return [...this.#find(id, scope)?.failures ?? []]
  }

  async resolveDead(request: ResolveDeadRequest): Promise<readonly DeadAnswer[]> {
    this.#assertOpen()
    const now = this.#now()
    return request.ids.map((id) => {
      const message = this.#find(id, request.scope)
      if (message?.status !== 'dead_letter') return 'not_dead'
      this.#messages.resolveDead(message, request, now)
      return request.action === 'redrive' ? 'redriven' : 'discarded'
    })
  }

  async edits(id: string, scope: ScopeId | undefined): Promise<readonly PayloadEdit[]> {
    this.#assertOpen()
    return (this.#find(id, scope)?.edits ?? []).map((edit) => ({ ...edit, payload: edit.payload.slice() }))
  }

  async quarantine({ entries, scope }: QuarantineRequest): Promise<readonly QuarantineAnswer[]> {
    this.#assertOpen()
    const now = this.#now()
    return entries.map((entry) => {
      const message = this.#find(entry.id, scope)
      const moved = message !== undefined && this.#messages.quarantine(message, quarantineNote(entry), now)
      return moved ? 'dead_lettered' : 'skipped'
    })
  }

  async setPaused(request: PauseRequest): Promise<void> {
    this.#assertOpen()
    this.#messages.setPaused(request)
  }

  async settings(): Promise<OutboxSettings> {
    this.#assertOpen()
    return this.#messages.settings()
  }

  async migrate(lanes: LaneOrderings = {}): Promise<void> {
    this.#assertOpen()
    this.#messages.declareLanes(lanes)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const transaction of this.#open) transaction.abort(closed())
  }

  #find(id: string, scope: ScopeId | undefined): StoredMessage | undefined {
    const message = this.#messages.get(Number(parseMessageId(this.#tag, id) ?? -1))
    return scope === undefined || message?.scope === scope ? message : undefined
  }

  #stage(tx: MemoryTransaction, message: NewMessage, now: number): EnqueueResult {
    const existing = this.#identities.find(message)
    if (existing !== undefined) {
      const stored = existing.message === undefined ? undefined : showMessage(existing.message)
      return { id: existing.messageId, created: false, message: stored }
    }
    this.#lastSequence += 1
    const id = formatMessageId(this.#tag, BigInt(this.#lastSequence))
    const identity = this.#identities.hold(message, id, tx)
    const stored: StoredMessage = {
      id, identity, sequence: this.#lastSequence, scope: message.scope, draft: ownCopy(message),
        createdAt: now,
      updatedAt: now, availableAt: dueAt(message.due, now), status: 'pending', attemptCount: 0,
        suspect: false,
      claim: undefined, lastError: undefined, failures: [], edits: [], redrivenAt: undefined,
      heapIndex: -1,
    }
    if (identity !== undefined) identity.message = stored
    tx.stage({ publish: () => this.#publish(stored), discard: () => this.#identities.discard(identity) })
    return { id, created: true, message: undefined }
  }

  #publish(message: StoredMessage): void {
    if (message.identity !== undefined) message.identity.holder = undefined
    this.#messages.add(message)
  }

  #sequenceAfter(id: string | undefined): number {
    if (id === undefined) return 0
    const sequence = parseMessageId(this.#tag, id)
    if (sequence !== undefined) return Number(sequence)
    return id < this.#tag ? 0 : Number.MAX_SAFE_INTEGER
  }

  #assertOpen(): void {
    if (this.#closed) throw closed()
  }
}

function closed(): WaybillError {
  return new WaybillError('CLOSED', 'the store is closed')
}

function matches(message: StoredMessage, filter: ListFilter): boolean {
  const { draft } = message
  return (filter.status === undefined || message.status === filter.status)
    && (filter.scope === undefined || draft.scope === filter.scope)
    && (filter.lane === undefined || draft.lane === filter.lane)
    && (filter.target === undefined || draft.target === filter.target)
    && (filter.key === undefined || draft.key === filter.key)
}

function dueAt(due: NewMessage['due'], now: number): number {
  if (due === null) return now
  return 'at' in due ? due.at : Math.min(now + due.inMs, Number.MAX_SAFE_INTEGER)
}

/** The caller may change what it handed in. */
function ownCopy(message: NewMessage): NewMessage {
  return { ...message, payload: new Uint8Array(message.payload),
    headers: Object.freeze({ ...message.headers }) }
}
