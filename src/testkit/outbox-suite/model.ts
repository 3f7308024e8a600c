/**
 * The contract again, written as plainly as possible and sharing nothing with any store: lists, no index, no
 * heap. Random histories compare a store with it. Where the contract leaves a choice, the model follows the
 * store's answer after checking that it is one of the permitted ones.
 */
import assert from 'node:assert/strict'
import type { OutboxClaim, PurgeResult, SettleAnswer, SettleOutcome } from '../../outbox/contract.js'
import type { EnqueueResult, OutboxMessage, OutboxMessageDraft, OutboxStatus } from '../../outbox/message.js'

export interface ModelMessage {
  readonly id: string
  readonly maxAttempts: number
  readonly dedupeKey: string | undefined
  status: OutboxStatus
  /** Undefined: any time that has come, to be read from the store. */
  availableAt: number | undefined
  attemptCount: number
  suspect: boolean
  claim: ModelClaim | undefined
  lastError: string | undefined
  /** Its lease expired since an attempt failed otherwise: a store may say so, or keep the older error. */
  mayShowExpiry: boolean
  endedAt: number
}

interface ModelClaim {
  readonly token: string
  readonly size: number
  leaseExpiresAt: number
}

interface ModelKey {
  readonly id: string
  readonly content: unknown
  leftAt: number | undefined
}

export class OutboxModel {
  /** In id order. */
  messages: ModelMessage[] = []
  readonly #keys = new Map<string, ModelKey>()
  readonly #retains: boolean

  constructor(retains: boolean) {
    this.#retains = retains
  }

  conflicts(drafts: readonly OutboxMessageDraft[]): boolean {
    const contents = new Map([...this.#keys].map(([key, { content }]) => [key, content]))
    return drafts.some(({ dedupeKey, payload }) => {
      if (dedupeKey === undefined) return false
      const known = contents.get(dedupeKey)
      contents.set(dedupeKey, known ?? payload)
      return known !== undefined && known !== payload
    })
  }

  enqueue(drafts: readonly OutboxMessageDraft[], results: readonly EnqueueResult[], now: number): void {
    assert.equal(results.length, drafts.length)
    for (const [n, { dedupeKey, payload, availableAt, delayMs, maxAttempts = 20 }] of drafts.entries()) {
      const { id, created } = results[n] as EnqueueResult
      const known = dedupeKey === undefined ? undefined : this.#keys.get(dedupeKey)
      assert.equal(created, known === undefined)
      if (known !== undefined) {
        assert.equal(id, known.id)
        continue
      }
      assert.ok(id > (this.messages.at(-1)?.id ?? ''))
      if (dedupeKey !== undefined) this.#keys.set(dedupeKey, { id, content: payload, leftAt: undefined })
      this.messages.push({
        id, maxAttempts, dedupeKey, status: 'pending', availableAt: availableAt ?? now + (delayMs ?? 0),
        attemptCount: 0,
        suspect: false, claim: undefined, lastError: undefined, mayShowExpiry: false, endedAt: 0,
      })
    }
  }

  /** Ends expired claims. Answers the messages that may die or not: the last of a claim that held more. */
  expire(now: number): ModelMessage[] {
    const expired = this.messages.filter(({ claim }) => claim !== undefined && claim.leaseExpiresAt <= now)
    const unclear: ModelMessage[] = []
    const together = (claim: ModelClaim | undefined): number =>
      expired.filter((other) => other.claim === claim).length
    const shares = expired.map((message) => together(message.claim))
    for (const [n, message] of expired.entries()) {
      const isSpent = message.attemptCount >= message.maxAttempts
      if (isSpent && message.claim?.size === 1) this.die(message, now)
      else {
        if (isSpent && shares[n] === 1) unclear.push(message)
        Object.assign(message, { status: 'pending', suspect: true, claim: undefined, mayShowExpiry: true })
      }
    }
    return unclear
  }

  /** By expiry. */
  die(message: ModelMessage, now: number): void {
    this.#leave(message, 'dead_letter', now)
    message.lastError = undefined
    message.mayShowExpiry = true
    message.suspect = false
  }

  claim(claim: OutboxClaim | null, request: { limit: number; leaseMs: number }, now: number): void {
    const due = this.messages.filter(({ status, availableAt = now }) => status === 'pending'
      && availableAt <= now)
      .sort((a, b) => (a.availableAt ?? 0) - (b.availableAt ?? 0) || (a.id < b.id ? -1 : 1))
    const [suspects, ordinary] = [due.filter(({ suspect }) => suspect), due.filter(({ suspect }) => !suspect)]
    if (claim === null) return assert.equal(due.length, 0, `${due.length} messages are due, none was claimed`)
    const ids = claim.messages.map(({ id }) => id)
    const expected = claim.suspect ? suspects.slice(0, 1) : ordinary.slice(0, request.limit)
    assert.ok(ids.length > 0, 'an empty claim')
    // Between suspects, a store may end a claim early; it may not reorder.
    if (suspects.length > 0) expected.length = Math.min(expected.length, ids.length)
    assert.deepEqual(ids, expected.map(({ id }) => id))
    assert.equal(claim.leaseExpiresAt, now + request.leaseMs)
    const held: ModelClaim = { token: claim.token, size: ids.length, leaseExpiresAt: claim.leaseExpiresAt }
    for (const message of expected) {
      Object.assign(message, { status: 'claimed', claim: held, attemptCount: message.attemptCount + 1 })
    }
  }

  settle(token: string, outcome: SettleOutcome, now: number): SettleAnswer {
    const message = this.messages.find(({ id, claim }) => id === outcome.id && claim?.token === token)
    if (message === undefined) return 'lost_claim'
    message.claim = undefined
    if (outcome.kind === 'ack') {
      this.#leave(message, 'delivered', now)
      const key = message.dedupeKey === undefined ? undefined : this.#keys.get(message.dedupeKey)
      if (key?.id === message.id) key.leftAt = now
      if (!this.#retains) this.messages = this.messages.filter((other) => other !== message)
      return 'delivered'
    }
    if (outcome.kind === 'release') {
      message.status = 'pending'
      message.attemptCount -= 1
      message.availableAt = outcome.retryInMs === undefined ? undefined : now + outcome.retryInMs
      return 'released'
    }
    message.lastError = outcome.error
    message.mayShowExpiry = false
    message.suspect = false
    if (outcome.kind === 'dead' || message.attemptCount >= message.maxAttempts) {
      this.#leave(message, 'dead_letter', now)
      return 'dead_lettered'
    }
    message.status = 'pending'
    message.availableAt = 'retryAt' in outcome ? outcome.retryAt : now + outcome.retryInMs
    return 'requeued'
  }

  extend(token: string, leaseMs: number, now: number): number | null {
    const claim = this.messages.find((message) => message.claim?.token === token)?.claim
    if (claim === undefined) return null
    claim.leaseExpiresAt = now + leaseMs
    return claim.leaseExpiresAt
  }

  purge(
    deliveredOlderThanMs: number | undefined, dedupeOlderThanMs: number | undefined, now: number,
  ): PurgeResult {
    const before = this.messages.length
    this.messages = this.messages.filter(({ status, endedAt }) =>
      status !== 'delivered' || deliveredOlderThanMs === undefined || now - endedAt < deliveredOlderThanMs)
    const old = [...this.#keys].filter(([, { leftAt }]) =>
      leftAt !== undefined && dedupeOlderThanMs !== undefined && now - leftAt >= dedupeOlderThanMs)
    for (const [key] of old) this.#keys.delete(key)
    return { delivered: before - this.messages.length, deadLetters: 0, dedupeKeys: old.length }
  }

  /** Everything that can be seen must be the same. */
  compare(stored: readonly OutboxMessage[], now: number): void {
    assert.deepEqual(stored.map(({ id }) => id), this.messages.map(({ id }) => id))
    for (const [n, message] of this.messages.entries()) {
      const seen = stored[n] as OutboxMessage
      if (message.availableAt === undefined) {
        assert.ok(seen.availableAt <= now, 'a released message is not due at once')
        message.availableAt = seen.availableAt
      }
      if (message.mayShowExpiry && seen.lastError !== message.lastError) {
        assert.match(seen.lastError ?? '', /lease expired/i)
        message.lastError = seen.lastError
      }
      const { id, status, availableAt, attemptCount, maxAttempts, lastError, dedupeKey, claim } = message
      assert.deepEqual({
        id: seen.id, status: seen.status, availableAt: seen.availableAt, attemptCount: seen.attemptCount,
        dedupeKey: seen.dedupeKey,
        maxAttempts: seen.maxAttempts, lastError: seen.lastError, claimToken: seen.claimToken,
        leaseExpiresAt: seen.leaseExpiresAt,
      }, {
        id, status, availableAt, attemptCount, dedupeKey, maxAttempts, lastError, claimToken: claim?.token,
        leaseExpiresAt: claim?.leaseExpiresAt,
      })
    }
  }

  #leave(message: ModelMessage, status: OutboxStatus, now: number): void {
    Object.assign(message, { status, claim: undefined, endedAt: now })
  }
}
