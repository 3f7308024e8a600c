/** The messages of one lane and target: what is due, what is claimed, and how many are in each state. */
import type { OutboxStats } from '../../outbox/contract.js'
import { OUTBOX_STATUSES, type OutboxStatus } from '../../outbox/message.js'
import type { ScopeId } from '../../core/scope.js'
import { Heap } from './heap.js'
import { dueBefore, type Claim, type StoredMessage } from './records.js'
import { ScopedHeaps } from './scoped-heaps.js'

type Counts = Record<OutboxStatus, number>

export class LaneQueue {
  readonly lane: string
  readonly target: string
  readonly #pending = new ScopedHeaps<StoredMessage>(dueBefore)
  readonly #suspects = new ScopedHeaps<StoredMessage>(dueBefore)
  readonly #claims = new Heap<Claim>((a, b) => a.leaseExpiresAt < b.leaseExpiresAt)
  readonly #counts = new Map<ScopeId, Counts>()

  constructor(lane: string, target: string) {
    this.lane = lane
    this.target = target
  }

  get isEmpty(): boolean {
    return this.#counts.size === 0
  }

  /** Counts a message in, and makes it claimable when it is pending. */
  add(message: StoredMessage): void {
    const counts = this.#counts.get(message.scope) ?? { pending: 0, claimed: 0, delivered: 0, dead_letter: 0 }
    counts[message.status] += 1
    this.#counts.set(message.scope, counts)
    if (message.status === 'pending') this.#heapOf(message).push(message)
  }

  /** The reverse of `add`, before the message changes or goes. */
  remove(message: StoredMessage): void {
    const counts = this.#counts.get(message.scope)
    if (counts === undefined) return
    counts[message.status] -= 1
    if (OUTBOX_STATUSES.every((status) => counts[status] === 0)) this.#counts.delete(message.scope)
    if (message.status === 'pending') this.#heapOf(message).remove(message)
  }

  /**
   * What the next claim takes, removed: up to `limit` ordinary messages, or one suspect when that is
   * older. Suspects are passed over, not waited for.
   */
  take(scopes: readonly ScopeId[] | undefined, limit: number, now: number): readonly StoredMessage[] {
    const suspect = dueOnly(this.#suspects.peek(scopes), now)
    let next = dueOnly(this.#pending.peek(scopes), now)
    if (suspect !== undefined && (next === undefined || dueBefore(suspect, next))) {
      this.remove(suspect)
      return [suspect]
    }
    const taken: StoredMessage[] = []
    for (; next !== undefined && taken.length < limit; next = dueOnly(this.#pending.peek(scopes), now)) {
      this.remove(next)
      taken.push(next)
    }
    return taken
  }

  addClaim(claim: Claim): void {
    this.#claims.push(claim)
  }

  removeClaim(claim: Claim): void {
    this.#claims.remove(claim)
  }

  leaseMoved(claim: Claim): void {
    this.#claims.moved(claim)
  }

  /** A claim whose lease has expired, the longest expired first. */
  expired(now: number): Claim | undefined {
    const claim = this.#claims.peek()
    return claim !== undefined && claim.leaseExpiresAt <= now ? claim : undefined
  }

  /** Undefined when the scope has no message here. Costs as much as there is ready. */
  stats(scope: ScopeId | undefined, now: number): OutboxStats | undefined {
    const counts =
      [...this.#counts].flatMap(([owner, each]) => (scope === undefined || scope === owner ? [each] : []))
    if (counts.length === 0) return undefined
    const sum = (status: OutboxStatus): number => counts.reduce((total, each) => total + each[status], 0)
    const isDue = (message: StoredMessage): boolean => message.availableAt <= now
    const ready = this.#pending.countFront(isDue, scope) + this.#suspects.countFront(isDue, scope)
    const scopes = scope === undefined ? undefined : [scope]
    const heads =
      [this.#pending.peek(scopes), this.#suspects.peek(scopes)].filter((head) => head !== undefined)
    return {
      lane: this.lane,
      target: this.target,
      ready,
      scheduled: sum('pending') - ready,
      claimed: sum('claimed'),
      delivered: sum('delivered'),
      deadLetter: sum('dead_letter'),
      oldestReadyAgeMs: ready === 0 ? undefined : now - Math.min(...heads.map((head) => head.availableAt)),
    }
  }

  #heapOf(message: StoredMessage): ScopedHeaps<StoredMessage> {
    return message.suspect ? this.#suspects : this.#pending
  }
}

function dueOnly(message: StoredMessage | undefined, now: number): StoredMessage | undefined {
  return message !== undefined && message.availableAt <= now ? message : undefined
}
