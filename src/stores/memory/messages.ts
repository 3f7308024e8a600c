/** The committed messages and their life: claimed, settled, expired, purged. Every method is one step. */
import { WaybillError } from '../../core/errors.js'
import {
  orderingHeld, QUARANTINE_CONSUMER, type ClaimRequest, type LaneOrdering, type LaneOrderings, type OutboxSettings,
  type OutboxStats, type PausedQueue, type PauseRequest, type PurgeRequest, type PurgeResult, type ResolveDeadRequest,
  type SettleAnswer, type SettleOutcome, type StatsFilter,
} from '../../outbox/contract.js'
import type { OutboxStatus } from '../../outbox/message.js'
import type { ScopeId } from '../../core/scope.js'
import type { Identities } from './identities.js'
import { LaneQueue } from './lane-queue.js'
import { Pages } from './pages.js'
import { editPayload, endedBefore, type Claim, type StoredMessage } from './records.js'
import { ScopedHeaps } from './scoped-heaps.js'

export class Messages {
  readonly #identities: Identities
  readonly #retainDeliveredMs: number
  readonly #pages = new Pages()
  readonly #queues = new Map<string, LaneQueue>()
  readonly #claims = new Map<string, { readonly claim: Claim; readonly queue: LaneQueue }>()
  readonly #delivered = new ScopedHeaps<StoredMessage>(endedBefore)
  readonly #dead = new ScopedHeaps<StoredMessage>(endedBefore)

  readonly #lanes = new Map<string, LaneOrdering>()
  readonly #paused = new Map<string, PausedQueue>()

  constructor(identities: Identities, retainDeliveredMs: number) {
    this.#identities = identities
    this.#retainDeliveredMs = retainDeliveredMs
  }

  get(sequence: number): StoredMessage | undefined {
    return this.#pages.get(sequence)
  }

  after(sequence: number): Iterable<StoredMessage> {
    return this.#pages.after(sequence)
  }

  add(message: StoredMessage): void {
    const { lane, target } = message.draft
    const name = queueName(lane, target)
    const queue = this.#queues.get(name) ?? new LaneQueue(lane, target, this.#lanes.get(lane) ?? 'none')
    this.#queues.set(name, queue)
    this.#pages.add(message)
    queue.add(message)
  }

  claim(request: ClaimRequest, token: string, now: number): Claim | undefined {
    const { lane, target } = request
    const queue = this.#queues.get(queueName(lane, target))
    if (queue === undefined || this.#isPaused(lane, target)) return undefined
    for (let old = queue.expired(now); old !== undefined; old = queue.expired(now)) this.#expire(old, queue,
      now)
    const taken = queue.take(request.scopes, request.limit, now)
    if (taken.length === 0) return undefined
    const claim: Claim = {
      token, consumer: request.consumer, ordering: queue.ordering, size: taken.length,
      leaseExpiresAt: now + request.leaseMs,
      messages: new Map(taken.map((message) => [message.id, message])), heapIndex: -1,
    }
    for (const message of taken) {
      message.status = 'claimed'
      message.claim = claim
      message.attemptCount += 1
      message.updatedAt = now
      queue.add(message)
    }
    queue.addClaim(claim)
    this.#claims.set(token, { claim, queue })
    return claim
  }

  settle(token: string, outcome: SettleOutcome, scope: ScopeId | undefined, now: number): SettleAnswer {
    const { claim, queue } = this.#claims.get(token) ?? {}
    const message = claim?.messages.get(outcome.id)
    if (claim === undefined || queue === undefined || message === undefined) return 'lost_claim'
    if (scope !== undefined && message.scope !== scope) return 'lost_claim'
    queue.remove(message)
    const answer = this.#end(message, outcome, claim, now)
    queue.add(message)
    this.#leaveClaim(message, claim, queue)
    if (answer === 'delivered') this.#deliver(message, now)
    if (answer === 'dead_lettered') this.#dead.push(message)
    return answer
  }

  extend(token: string, scope: ScopeId | undefined, leaseExpiresAt: number): number | undefined {
    const { claim, queue } = this.#claims.get(token) ?? {}
    if (claim === undefined || queue === undefined) return undefined
    if (scope !== undefined
      && ![...claim.messages.values()].some((message) => message.scope === scope)) return undefined
    claim.leaseExpiresAt = leaseExpiresAt
    queue.leaseMoved(claim)
    return leaseExpiresAt
  }

  stats(filter: StatsFilter, now: number): OutboxStats[] {
    return [...this.#queues.values()]
      .filter((queue) => filter.lane === undefined || queue.lane === filter.lane)
      .filter((queue) => filter.target === undefined || queue.target === filter.target)
      .map((queue) => queue.stats(filter.scope, now)).filter((stats) => stats !== undefined)
  }

  purge(request: PurgeRequest, now: number): PurgeResult {
    if (request.dryRun) return this.#countOld(request, now)
    const { limit, scope } = request
    const remove = (ended: ScopedHeaps<StoredMessage>, olderThanMs: number | undefined): number =>
      olderThanMs === undefined ? 0 : this.#removeEnded(ended, olderThanMs, limit, scope, now)
    return {
      delivered: remove(this.#delivered, request.deliveredOlderThanMs),
      deadLetters: remove(this.#dead, request.deadOlderThanMs),
      dedupeKeys: request.dedupeOlderThanMs === undefined ? 0
        : this.#identities.purge(request.dedupeOlderThanMs, limit, scope, now),
    }
  }

  resolveDead(message: StoredMessage, { action, edit }: ResolveDeadRequest, now: number): void {
    this.#dead.remove(message)
    if (action === 'discard') return this.#delete(message, now)
    if (edit !== undefined) editPayload(message, edit, now)
    const queue = this.#queues.get(queueName(message.draft.lane, message.draft.target))
    queue?.remove(message)
    Object.assign(message, {
      status: 'pending', attemptCount: 0, availableAt: now, updatedAt: now, redrivenAt: now, suspect: false,
    })
    queue?.add(message)
  }

  /** False, and nothing changed, unless the message waits. */
  quarantine(message: StoredMessage, note: string, now: number): boolean {
    const queue = this.#queues.get(queueName(message.draft.lane, message.draft.target))
    if (queue === undefined || message.status !== 'pending') return false
    queue.remove(message)
    this.#fail(message, QUARANTINE_CONSUMER, note, now)
    Object.assign(message, { status: 'dead_letter', suspect: false, updatedAt: now })
    queue.add(message)
    this.#dead.push(message)
    return true
  }

  setPaused({ lane, target, paused }: PauseRequest): void {
    const name = JSON.stringify([lane, target])
    if (paused) this.#paused.set(name, { lane, target })
    else this.#paused.delete(name)
  }

  settings(): OutboxSettings {
    return { lanes: Object.fromEntries(this.#lanes), paused: [...this.#paused.values()] }
  }

  /** @throws CONFIG_INVALID, before anything changed. */
  declareLanes(lanes: LaneOrderings): void {
    const changed = Object.entries(lanes).filter(([lane, ordering]) => (this.#lanes.get(lane) ?? 'none') !== ordering)
    const affected = changed.flatMap(([lane, ordering]) =>
      [...this.#queues.values()].filter((queue) => queue.lane === lane).map((queue) => ({ queue, ordering })))
    const held = affected.find(({ queue }) => !queue.mayReorder)
    if (held !== undefined) {
      throw new WaybillError('CONFIG_INVALID', orderingHeld(held.queue.lane), { details: { lane: held.queue.lane } })
    }
    for (const [lane, ordering] of Object.entries(lanes)) this.#lanes.set(lane, ordering)
    for (const { queue, ordering } of affected) queue.reorder(ordering, this.#pendingOf(queue))
  }

  #pendingOf({ lane, target }: LaneQueue): StoredMessage[] {
    return [...this.after(0)].filter(({ status, draft }) =>
      status === 'pending' && draft.lane === lane && draft.target === target)
  }

  #isPaused(lane: string, target: string): boolean {
    return this.#paused.has(JSON.stringify([lane, target])) || this.#paused.has(JSON.stringify([lane, undefined]))
  }

  /** Keeps the delivered in bounds without anybody calling purge: a few per settle. */
  dropOldDelivered(limit: number, now: number): void {
    this.#removeEnded(this.#delivered, this.#retainDeliveredMs, limit, undefined, now)
  }

  #countOld({ deliveredOlderThanMs, deadOlderThanMs, dedupeOlderThanMs, limit, scope }: PurgeRequest, now: number):
  PurgeResult {
    const count = (ended: ScopedHeaps<StoredMessage>, olderThanMs: number | undefined): number =>
      olderThanMs === undefined ? 0
        : Math.min(limit, ended.countFront(({ updatedAt }) => now - updatedAt >= olderThanMs, scope))
    return {
      delivered: count(this.#delivered, deliveredOlderThanMs),
      deadLetters: count(this.#dead, deadOlderThanMs),
      dedupeKeys: dedupeOlderThanMs === undefined ? 0
        : Math.min(limit, this.#identities.countOld(dedupeOlderThanMs, scope, now)),
    }
  }

  /** The message's new state. The caller has taken it out of its queue. */
  #end(message: StoredMessage, outcome: SettleOutcome, claim: Claim, now: number): SettleAnswer {
    const become = (status: OutboxStatus): void => {
      message.status = status
      message.updatedAt = now
      // A release is no attempt, so it clears no suspicion.
      if (outcome.kind !== 'release') message.suspect = false
    }
    if (outcome.kind === 'ack') {
      become('delivered')
      return 'delivered'
    }
    if (outcome.kind === 'release') {
      become('pending')
      message.attemptCount -= 1
      if (outcome.retryInMs !== undefined) message.availableAt = now + outcome.retryInMs
      return 'released'
    }
    this.#fail(message, claim.consumer, outcome.error, now)
    if (outcome.kind === 'dead' || message.attemptCount >= message.draft.maxAttempts) {
      become('dead_letter')
      return 'dead_lettered'
    }
    become('pending')
    message.availableAt = 'retryAt' in outcome ? outcome.retryAt : now + outcome.retryInMs
    return 'requeued'
  }

  #expire(claim: Claim, queue: LaneQueue, now: number): void {
    for (const message of [...claim.messages.values()]) {
      const spent = claim.size === 1 && message.attemptCount >= message.draft.maxAttempts
      queue.remove(message)
      this.#fail(message, claim.consumer, EXPIRED, now)
      message.status = spent ? 'dead_letter' : 'pending'
      message.suspect = !spent
      message.updatedAt = now
      queue.add(message)
      this.#leaveClaim(message, claim, queue)
      if (spent) this.#dead.push(message)
    }
  }

  #fail(message: StoredMessage, consumer: string, error: string, now: number): void {
    message.lastError = error
    message.failures.push({ attempt: message.attemptCount, failedAt: now, consumer, error })
    if (message.failures.length > MAX_FAILURES) message.failures.shift()
  }

  #leaveClaim(message: StoredMessage, claim: Claim, queue: LaneQueue): void {
    message.claim = undefined
    claim.messages.delete(message.id)
    if (claim.messages.size > 0) return
    queue.removeClaim(claim)
    this.#claims.delete(claim.token)
  }

  #deliver(message: StoredMessage, now: number): void {
    if (message.identity !== undefined) this.#identities.leave(message.identity, now)
    if (this.#retainDeliveredMs > 0) this.#delivered.push(message)
    else this.#delete(message, now)
  }

  #removeEnded(
    ended: ScopedHeaps<StoredMessage>, olderThanMs: number, limit: number, scope: ScopeId | undefined,
      now: number,
  ): number {
    const scopes = scope === undefined ? undefined : [scope]
    let count = 0
    for (; count < limit; count += 1) {
      const message = ended.peek(scopes)
      if (message === undefined || now - message.updatedAt < olderThanMs) break
      ended.remove(message)
      this.#delete(message, now)
    }
    return count
  }

  #delete(message: StoredMessage, now: number): void {
    const { lane, target } = message.draft
    const queue = this.#queues.get(queueName(lane, target))
    queue?.remove(message)
    if (queue?.isEmpty === true) this.#queues.delete(queueName(lane, target))
    this.#pages.delete(message.sequence)
    if (message.identity === undefined) return
    message.identity.message = undefined
    this.#identities.leave(message.identity, now)
  }
}

/** Claims end by expiry with this error. */
const EXPIRED = 'lease expired'
/** As many as `failures` answers. */
const MAX_FAILURES = 1_000

function queueName(lane: string, target: string): string {
  return JSON.stringify([lane, target])
}
