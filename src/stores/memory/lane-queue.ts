/** The messages of one lane and target: what is due, what is claimed, and how many are in each state. */
import { MAX_RUN, type LaneOrdering, type OutboxStats } from '../../outbox/contract.js'
import { OUTBOX_STATUSES, type OutboxStatus } from '../../outbox/message.js'
import type { ScopeId } from '../../core/scope.js'
import { Heap } from './heap.js'
import { KeyLines } from './key-lines.js'
import { dueBefore, type Claim, type StoredMessage } from './records.js'
import { ScopedHeaps } from './scoped-heaps.js'
import { Turns } from './turns.js'

type Counts = Record<OutboxStatus, number>

export class LaneQueue {
  readonly lane: string
  readonly target: string
  #ordering: LaneOrdering
  readonly #pending = new ScopedHeaps<StoredMessage>(dueBefore)
  readonly #suspects = new ScopedHeaps<StoredMessage>(dueBefore)
  readonly #lines = new KeyLines(
    (message) => this.#heapOf(message).push(message), (message) => this.#heapOf(message).remove(message))
  readonly #claims = new Heap<Claim>((a, b) => a.leaseExpiresAt < b.leaseExpiresAt)
  readonly #counts = new Map<ScopeId, Counts>()

  constructor(lane: string, target: string, ordering: LaneOrdering) {
    this.lane = lane
    this.target = target
    this.#ordering = ordering
  }

  get ordering(): LaneOrdering {
    return this.#ordering
  }

  get isEmpty(): boolean {
    return this.#counts.size === 0
  }

  /** True while no claim, and no line that would be lost, speaks against another ordering. */
  get mayReorder(): boolean {
    const claimed = [...this.#counts.values()].some((counts) => counts.claimed > 0)
    const inLine = [...this.#lines.unoffered(undefined)]
    return !claimed && !inLine.some(({ status, attemptCount }) => status === 'dead_letter' || attemptCount > 0)
  }

  /** `messages`: all that are pending here. */
  reorder(ordering: LaneOrdering, messages: readonly StoredMessage[]): void {
    for (const message of messages) this.remove(message)
    this.#ordering = ordering
    for (const message of messages) this.add(message)
  }

  /** Counts a message in, and makes it claimable when it is pending and its turn. */
  add(message: StoredMessage): void {
    const counts = this.#counts.get(message.scope) ?? { pending: 0, claimed: 0, delivered: 0, dead_letter: 0 }
    counts[message.status] += 1
    this.#counts.set(message.scope, counts)
    if (this.#isInLine(message)) this.#lines.add(message)
    else if (message.status === 'pending') this.#heapOf(message).push(message)
  }

  /** The reverse of `add`, before the message changes or goes. */
  remove(message: StoredMessage): void {
    const counts = this.#counts.get(message.scope)
    if (counts === undefined) return
    counts[message.status] -= 1
    if (OUTBOX_STATUSES.every((status) => counts[status] === 0)) this.#counts.delete(message.scope)
    if (this.#isInLine(message)) this.#lines.remove(message)
    else if (message.status === 'pending') this.#heapOf(message).remove(message)
  }

  /**
   * What the next claim takes, removed: up to `limit` ordinary messages, or one suspect when that is
   * older. Suspects are passed over, not waited for.
   */
  take(scopes: readonly ScopeId[] | undefined, limit: number, now: number): readonly StoredMessage[] {
    const suspect = dueOnly(this.#suspects.peek(scopes), now)
    const next = dueOnly(this.#pending.peek(scopes), now)
    if (suspect === undefined || (next !== undefined && dueBefore(next, suspect))) {
      return this.#takeInTurns(this.#pending.firstScopes(scopes, limit), limit, now)
    }
    this.remove(suspect)
    return [suspect]
  }

  /** One of each scope, then a second of each, until the limit: no scope's backlog delays another's. */
  #takeInTurns(scopes: readonly ScopeId[], limit: number, now: number): readonly StoredMessage[] {
    const turns = new Turns()
    let waiting = scopes
    while (waiting.length > 0 && turns.size < limit) {
      waiting = waiting.filter((scope) => {
        if (turns.size >= limit) return false
        const next = dueOnly(this.#pending.peek([scope]), now)
        if (next === undefined) return false
        // Now the line offers its next one, which this claim may take too.
        this.remove(next)
        if (turns.take(next, this.#isInLine(next)) >= MAX_RUN) this.#lines.hold(next)
        return true
      })
    }
    return turns.oldestFirst()
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
    const inLine = [...this.#lines.unoffered(scope)].filter((message) => message.status === 'pending' && isDue(message))
    const ready =
      this.#pending.countFront(isDue, scope) + this.#suspects.countFront(isDue, scope) + inLine.length
    const scopes = scope === undefined ? undefined : [scope]
    const heads = [this.#pending.peek(scopes), this.#suspects.peek(scopes)].filter((head) => head !== undefined)
    const oldest = [...heads, ...inLine].reduce((least, { availableAt }) => Math.min(least, availableAt), now)
    return {
      lane: this.lane,
      target: this.target,
      ready,
      scheduled: sum('pending') - ready,
      claimed: sum('claimed'),
      delivered: sum('delivered'),
      deadLetter: sum('dead_letter'),
      oldestReadyAgeMs: ready === 0 ? undefined : now - oldest,
    }
  }

  /** Of an ordered lane's messages with a key, those whose state matters to the ones behind them. */
  #isInLine({ status, draft, redrivenAt }: StoredMessage): boolean {
    if (this.#ordering === 'none' || draft.key === null) return false
    if (this.#ordering === 'skip') return redrivenAt === undefined && (status === 'pending' || status === 'claimed')
    return status !== 'delivered'
  }

  #heapOf(message: StoredMessage): ScopedHeaps<StoredMessage> {
    return message.suspect ? this.#suspects : this.#pending
  }
}

function dueOnly(message: StoredMessage | undefined, now: number): StoredMessage | undefined {
  return message !== undefined && message.availableAt <= now ? message : undefined
}
