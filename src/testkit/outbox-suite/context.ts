/** What a case works with: a fresh store, its public surface, a clock, and the few moves most cases make. */
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { DEFAULT_SCOPE, type ScopeId } from '../../core/scope.js'
import { isWaybillError, type WaybillError, type WaybillErrorCode } from '../../core/errors.js'
import type { OutboxClaim, OutboxStore, SettleAnswer, SettleOutcome } from '../../outbox/contract.js'
import type { EnqueueResult, OutboxMessage, OutboxMessageDraft } from '../../outbox/message.js'
import { Outbox, type ClaimOptions, type OutboxOptions } from '../../outbox/outbox.js'
import { ScopedOutboxStore } from '../../outbox/scoped-store.js'
import { OpenTransactions, type Isolation, type OpenTransaction } from '../open-transactions.js'
import { TestClock } from '../test-clock.js'
import type { OpenedOutbox, OpenSettings } from './options.js'

export const LANE = 'orders'
export const TARGET = 'mailer'
export const LEASE_MS = 30_000

export type DraftPart = Partial<OutboxMessageDraft>
export type ClaimPart = Partial<ClaimOptions>

export interface CaseSettings {
  readonly retainDeliveredMs?: number
  /** The store's own clock instead of a test clock. */
  readonly realClock?: true
}

export interface ContextOptions {
  readonly open: (settings: OpenSettings) => Promise<OpenedOutbox<unknown>>
  readonly histories: number
  readonly seed: number
}

export class OutboxContext {
  readonly clock: TestClock
  readonly opened: OpenedOutbox<unknown>
  readonly options: ContextOptions
  readonly #others: OpenedOutbox<unknown>[] = []
  readonly #transactions = new OpenTransactions()

  static async create(options: ContextOptions, settings: CaseSettings = {}): Promise<OutboxContext> {
    const clock = new TestClock()
    return new OutboxContext(options, clock, await options.open(openSettings(clock, settings)))
  }

  private constructor(options: ContextOptions, clock: TestClock, opened: OpenedOutbox<unknown>) {
    this.options = options
    this.clock = clock
    this.opened = opened
  }

  get store(): OutboxStore {
    return this.opened.store
  }

  get outbox(): Outbox<unknown> {
    return outboxOf(this.store)
  }

  /** The scope that drafts without one are written to. */
  get scope(): ScopeId {
    return this.store instanceof ScopedOutboxStore ? this.store.scope : DEFAULT_SCOPE
  }

  seeds(count: number): number[] {
    return Array.from({ length: count }, (_, n) => this.options.seed + n)
  }

  /** A context of its own, with its own store and clock; the caller closes it. */
  fork(settings: CaseSettings = {}): Promise<OutboxContext> {
    return OutboxContext.create(this.options, settings)
  }

  /** A second, empty store. */
  async openAnother(settings: CaseSettings = {}): Promise<OpenedOutbox<unknown>> {
    const other = await this.options.open(openSettings(this.clock, settings))
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

  enqueueIn(
    transaction: OpenTransaction<unknown>, ...drafts: readonly DraftPart[]
  ): Promise<readonly EnqueueResult[]> {
    return this.outbox.enqueueMany(transaction.tx, drafts.map(draftOf))
  }

  /** Enqueues and commits. */
  enqueue(...drafts: readonly DraftPart[]): Promise<readonly EnqueueResult[]> {
    return this.store.transaction((tx) => this.outbox.enqueueMany(tx, drafts.map(draftOf)))
  }

  /** Enqueues one, commits, and answers its id. */
  async put(draft: DraftPart = {}): Promise<string> {
    return only(await this.enqueue(draft)).id
  }

  /** Enqueues `count` plain messages and answers their ids in order. */
  async putMany(count: number, draft: DraftPart = {}): Promise<string[]> {
    return (await this.enqueue(...Array.from({ length: count }, () => draft))).map(({ id }) => id)
  }

  claim(options: ClaimPart = {}): Promise<OutboxClaim | null> {
    return this.outbox.claim(claimOf(options))
  }

  /** A claim that must find something. */
  async take(options: ClaimPart = {}): Promise<OutboxClaim> {
    const claim = await this.claim(options)
    assert.ok(claim !== null, 'expected a claim, found nothing due')
    return claim
  }

  async takeOne(options: ClaimPart = {}): Promise<{ token: string; message: OutboxMessage }> {
    const claim = await this.take({ limit: 1, ...options })
    return { token: claim.token, message: only(claim.messages) }
  }

  async nothingDue(options: ClaimPart = {}): Promise<void> {
    const claim = await this.claim(options)
    assert.equal(claim, null, `expected nothing due, got ${claim?.messages.length} messages`)
  }

  async settleOne(token: string, outcome: SettleOutcome): Promise<SettleAnswer> {
    return only(await this.outbox.settle(token, [outcome]))
  }

  async ackAll(claim: OutboxClaim): Promise<void> {
    const answers =
      await this.outbox.settle(claim.token, claim.messages.map(({ id }) => ({ id, kind: 'ack' })))
    assert.deepEqual(answers, claim.messages.map(() => 'delivered'))
  }

  /** Claims and acks until nothing is due; answers the ids in the order they were claimed. */
  async drain(options: ClaimPart = {}): Promise<string[]> {
    const ids = new Set<string>()
    for (;;) {
      const claim = await this.claim(options)
      if (claim === null) return [...ids]
      assert.ok(claim.messages.length > 0, 'an empty claim')
      for (const { id } of claim.messages) {
        assert.ok(!ids.has(id), `${id} was claimed after it was delivered`)
        ids.add(id)
      }
      await this.ackAll(claim)
    }
  }

  /** Puts one message, claims it, and lets `outcome` end the attempt. */
  async putAndSettle(draft: DraftPart, outcome: (id: string) => SettleOutcome): Promise<string> {
    const id = await this.put(draft)
    const { token, message } =
      await this.takeOne({ lane: draft.lane ?? LANE, target: draft.target ?? TARGET })
    assert.equal(message.id, id, 'another message was due first')
    assert.notEqual(await this.settleOne(token, outcome(id)), 'lost_claim')
    return id
  }

  /** One message with each status, by status. */
  async putEachStatus(draft: DraftPart = {}): Promise<Record<OutboxMessage['status'], string>> {
    const delivered = await this.putAndSettle(draft, (id) => ({ id, kind: 'ack' }))
    const dead = await this.putAndSettle(draft, (id) => ({ id, kind: 'dead', error: 'no such address' }))
    const claimed = await this.put(draft)
    await this.takeOne({ lane: draft.lane ?? LANE, target: draft.target ?? TARGET })
    return { delivered, dead_letter: dead, claimed, pending: await this.put(draft) }
  }

  /** A message that must exist. */
  async get(id: string): Promise<OutboxMessage> {
    const message = await this.outbox.get(id)
    assert.ok(message !== undefined, `message ${id} is gone`)
    return message
  }

  /** Statements that come back, so that something else had time to happen. Not a promise that it did. */
  async roundTrips(count = 5): Promise<void> {
    for (let done = 0; done < count; done += 1) {
      await this.outbox.get('no-such-message')
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

export function outboxOf(store: OutboxStore, options?: OutboxOptions): Outbox<unknown> {
  return new Outbox(store, (tx) => tx, options)
}

function openSettings(clock: TestClock, { realClock, retainDeliveredMs }: CaseSettings): OpenSettings {
  return {
    ...(realClock === true ? {} : { now: clock.now }),
    ...(retainDeliveredMs === undefined ? {} : { retainDeliveredMs }),
  }
}

export function draftOf(draft: DraftPart): OutboxMessageDraft {
  return { lane: LANE, target: TARGET, type: 'order.placed', payload: { n: 1 }, ...draft }
}

export function claimOf(options: ClaimPart): ClaimOptions {
  return { lane: LANE, target: TARGET, consumer: 'worker-1', leaseMs: LEASE_MS, limit: 100, ...options }
}

export function only<T>(items: readonly T[]): T {
  assert.equal(items.length, 1, `expected one, got ${items.length}`)
  return items[0] as T
}

export function idsOf(messages: readonly { readonly id: string }[]): string[] {
  return messages.map(({ id }) => id)
}

export function bytesOf(message: OutboxMessage): Buffer {
  return Buffer.from(message.payload)
}

/** Rejects with this code, and answers the error. */
export async function rejectsWith(
  code: WaybillErrorCode, work: () => Promise<unknown>,
): Promise<WaybillError> {
  let answer: unknown
  try {
    answer = await work()
  } catch (error) {
    if (isWaybillError(error, code)) return error
    throw error
  }
  return assert.fail(`expected ${code}, got ${inspect(answer)}`)
}

/** What a promise ended with, for races where either is right. */
export async function outcomeOf<T>(promise: Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await promise }
  } catch (error) {
    return { error }
  }
}
