/** One lane and target of an outbox as a source of work: pull is claim. */
import type { Answer, Outcome, PulledBatch, RunnerItem, Source } from '../runner/source.js'
import type { OutboxClaim, OutboxStore } from './contract.js'
import type { LaneCheck } from './lanes.js'
import type { OutboxMessage } from './message.js'
import type { RelaySettings } from './relay-options.js'

export interface RelayItem extends RunnerItem {
  readonly message: OutboxMessage
}

export type RelayBatch = PulledBatch<RelayItem>

export class OutboxSource implements Source<RelayBatch, RelayItem> {
  readonly chainsAwaitAnswers = true
  private readonly store: OutboxStore
  private readonly target: string
  private readonly settings: RelaySettings

  private readonly check: LaneCheck

  constructor(store: OutboxStore, target: string, settings: RelaySettings, check: LaneCheck) {
    this.store = store
    this.target = target
    this.settings = settings
    this.check = check
  }

  async pull(limit: number): Promise<RelayBatch | null> {
    await this.check.pass()
    const { lane, leaseMs, consumer, scopes } = this.settings
    const claim = await this.store.claim({ lane, target: this.target, limit, leaseMs, consumer, scopes })
    if (claim === null) return null
    // The store's time of the claim: ages then compare two readings of one clock.
    const now = claim.leaseExpiresAt - leaseMs
    const items = claim.messages.map((message): RelayItem => ({
      id: message.id,
      type: message.type,
      attempt: message.attemptCount,
      isLast: message.attemptCount >= message.maxAttempts,
      bytes: message.payload.byteLength,
      ageMs: now - message.createdAt,
      message,
      chain: chainOf(claim, message),
      group: message.scope,
    }))
    return { id: claim.token, items, leaseMs, solo: claim.suspect }
  }

  settle(batch: RelayBatch, outcomes: readonly Outcome[]): Promise<readonly Answer[]> {
    return this.store.settle({ token: batch.id, outcomes, scope: undefined })
  }

  async extend(batch: RelayBatch): Promise<boolean> {
    const { leaseMs } = this.settings
    return await this.store.extend({ token: batch.id, leaseMs, scope: undefined }) !== null
  }
}

/** In an ordered lane a claim may hold several messages of one key. */
function chainOf({ ordering }: OutboxClaim, { scope, key, redrivenAt }: OutboxMessage): string | undefined {
  if (ordering === 'none' || key === undefined) return undefined
  const isOutsideOrder = ordering === 'skip' && redrivenAt !== undefined
  return isOutsideOrder ? undefined : JSON.stringify([scope, key])
}
