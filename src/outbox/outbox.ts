/**
 * The public surface over any `OutboxStore`: validates and encodes once, and derives the single forms
 * from the many-forms, so that a store implements only the inner half.
 *
 * `Handle` is the transaction a caller hands in: a `pg` client, a Drizzle or Kysely transaction, a SQLite database.
 */
import { jsonCodec, type Codec } from '../core/codec.js'
import { encodePayload, type EncodeOptions } from '../core/content.js'
import { newConsumer } from '../core/environment.js'
import { validationError, WaybillError } from '../core/errors.js'
import {
  DEFAULT_MAX_PAYLOAD_BYTES, MAX_CLAIM_LIMIT, MAX_ENQUEUE_BATCH, MAX_LEASE_MS, MAX_NAME_BYTES, MAX_PAGE_LIMIT,
  MAX_PAYLOAD_BYTES, MAX_PURGE_LIMIT,
} from '../core/limits.js'
import { scopeId, type ScopeId } from '../core/scope.js'
import { assertDuration, assertInteger, assertName, assertTime } from '../core/validate.js'
import type {
  DeadAnswer, FailedAttempt, NewPayload, OutboxClaim, OutboxSettings, OutboxStats, OutboxStore, PausedQueue,
  PayloadEdit, PurgeResult, QuarantineAnswer, ResolveDeadRequest, SettleAnswer, SettleOutcome,
} from './contract.js'
import { deadLetterGroups, type DeadLetterGroups, type DeadLetterGroupsOptions } from './dead-letter-groups.js'
import { encodeDrafts } from './encode.js'
import { checkStrategy, keyed, type IdempotencyStrategy } from './idempotency.js'
import { OUTBOX_STATUSES, type EnqueueResult, type NewMessage, type OutboxMessage, type OutboxMessageDraft,
  type OutboxStatus } from './message.js'
import { quarantineEntries, type QuarantineDraft } from './quarantine.js'
import { resolveAllDead, type ResolveAllOptions, type ResolvedAll } from './resolve-all.js'

export interface OutboxOptions {
  /** How payloads become bytes. Default JSON. */
  readonly codec?: Codec | undefined
  /** Default 262,144 (256 KiB); at most 64 MiB. */
  readonly maxPayloadBytes?: number | undefined
  /** Where dedupe keys come from. Default `provided`: from the draft. Events may say otherwise. */
  readonly idempotency?: IdempotencyStrategy | undefined
}

export interface ClaimOptions {
  readonly lane: string
  readonly target: string
  /** 1…1,000. Default 100. */
  readonly limit?: number
  /** 1 ms…1 day. Default 30,000. */
  readonly leaseMs?: number
  /** Who claims. Not blank. */
  readonly consumer: string
  /** Only these scopes. Default all. */
  readonly scopes?: readonly string[] | undefined
}

export interface ListOptions {
  readonly status?: OutboxStatus | undefined
  readonly lane?: string | undefined
  readonly target?: string | undefined
  readonly key?: string | undefined
  readonly scope?: string | undefined
  /** The last id of the page before. */
  readonly after?: string | undefined
  /** 0…1,000. Default 100. */
  readonly limit?: number | undefined
}

export interface PurgeOptions {
  readonly deliveredOlderThanMs?: number | undefined
  readonly deadOlderThanMs?: number | undefined
  readonly dedupeOlderThanMs?: number | undefined
  /** At most this many of each kind. 1…100,000. Default 1,000. */
  readonly limit?: number | undefined
  readonly scope?: string | undefined
  /** Only counts what would be removed. Default false. */
  readonly dryRun?: boolean | undefined
}

/** A nack's schedule: after a duration by the store's clock, or at a time. */
export type NackRetry = { readonly retryInMs: number } | { readonly retryAt: number }

export interface RedriveOptions {
  /** Another body, as in a draft. Only with one id. */
  readonly payload?: unknown
  /** Of a `Uint8Array` payload. Default the message's own. */
  readonly contentType?: string | undefined
  /** Why the payload is changed; needed with it. At most 2,000 bytes. */
  readonly note?: string | undefined
  /** Who changes it. Default `<host>:<process>:<random>`. At most 255 bytes. */
  readonly by?: string | undefined
}

export class Outbox<Tx, Handle = Tx> {
  readonly store: OutboxStore<Tx>
  protected readonly bind: (handle: Handle) => Tx
  protected readonly encoding: EncodeOptions
  protected readonly idempotency: IdempotencyStrategy

  constructor(store: OutboxStore<Tx>, bind: (handle: Handle) => Tx, options: OutboxOptions = {}) {
    this.store = store
    this.bind = bind
    const { idempotency = 'provided' } = options
    this.idempotency = checkStrategy('idempotency', idempotency)
    this.encoding = {
      codec: options.codec ?? jsonCodec,
      maxPayloadBytes: assertInteger(
        'maxPayloadBytes', options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES, 0, MAX_PAYLOAD_BYTES),
    }
  }

  /**
   * Writes one message in the caller's transaction: it exists if and only if that commits.
   * @throws NOT_IN_TRANSACTION, VALIDATION, PAYLOAD_TOO_LARGE, CONFLICT (the dedupe key exists with other
   *   content; the transaction stays usable), TRANSACTION_ABORTED (retry the whole transaction).
   * @example
   * await waybill.outbox.enqueue(tx, { type: 'order.placed', payload: { orderId: 7 }, dedupeKey: 'order-7' })
   */
  async enqueue(tx: Handle, draft: OutboxMessageDraft): Promise<EnqueueResult> {
    return single(await this.enqueueMany(tx, [draft]))
  }

  /** All or none, in order; at most 10,000. @throws as `enqueue`. */
  async enqueueMany(tx: Handle, drafts: readonly OutboxMessageDraft[]): Promise<readonly EnqueueResult[]> {
    return this.put(tx, drafts, this.idempotency)
  }

  /** One message in a transaction of its own, for callers that have no other write to make with it. */
  async enqueueAlone(draft: OutboxMessageDraft): Promise<EnqueueResult> {
    return single(await this.writeAlone(this.encodeAll([draft], this.idempotency)))
  }

  /** Null when nothing is due. @throws VALIDATION. */
  async claim(options: ClaimOptions): Promise<OutboxClaim | null> {
    return this.store.claim({
      lane: assertName('lane', options.lane, MAX_NAME_BYTES),
      target: assertName('target', options.target, MAX_NAME_BYTES),
      limit: assertInteger('limit', options.limit ?? 100, 1, MAX_CLAIM_LIMIT),
      leaseMs: assertDuration('leaseMs', options.leaseMs ?? 30_000, 1, MAX_LEASE_MS),
      consumer: assertName('consumer', options.consumer, MAX_NAME_BYTES),
      scopes: options.scopes?.map(scopeId),
    })
  }

  /** Many outcomes of one claim, an answer for each in order. */
  async settle(token: string, outcomes: readonly SettleOutcome[]): Promise<readonly SettleAnswer[]> {
    assertName('token', token, MAX_NAME_BYTES)
    assertInteger('outcomes.length', outcomes.length, 0, MAX_CLAIM_LIMIT)
    outcomes.forEach(checkOutcome)
    return outcomes.length === 0 ? [] : this.store.settle({ token, outcomes, scope: undefined })
  }

  /** False when the claim is lost, also on a second ack. */
  async ack(id: string, token: string): Promise<boolean> {
    return single(await this.settle(token, [{ id, kind: 'ack' }])) === 'delivered'
  }

  /** Due again as asked, or a dead letter when its attempts are spent. */
  async nack(id: string, token: string, error: string, retry: NackRetry): Promise<SettleAnswer> {
    return single(await this.settle(token, [{ id, kind: 'retry', error, ...retry }]))
  }

  /** Gives messages of a claim back untried, with their attempt. */
  async release(token: string, ids: readonly string[]): Promise<readonly SettleAnswer[]> {
    return this.settle(token, ids.map((id) => ({ id, kind: 'release' })))
  }

  /** The new expiry, or null when the claim is gone. */
  async extend(token: string, leaseMs: number): Promise<number | null> {
    assertName('token', token, MAX_NAME_BYTES)
    return this.store.extend({ token, leaseMs: assertDuration('leaseMs', leaseMs, 1, MAX_LEASE_MS), scope: undefined })
  }

  async get(id: string): Promise<OutboxMessage | undefined> {
    return (await this.store.get([assertName('id', id, MAX_NAME_BYTES)], undefined))[0]
  }

  /** One page in insertion order; pass the last id as `after` for the next. */
  async list(options: ListOptions = {}): Promise<readonly OutboxMessage[]> {
    if (options.status !== undefined && !OUTBOX_STATUSES.includes(options.status)) {
      throw validationError('status', `must be one of ${OUTBOX_STATUSES.join(', ')}`)
    }
    const limit = assertInteger('limit', options.limit ?? 100, 0, MAX_PAGE_LIMIT)
    return limit === 0 ? [] : this.store.list({ ...options, scope: optionalScope(options.scope), limit })
  }

  async stats(options: { lane?: string; target?: string; scope?: string } = {}): Promise<readonly OutboxStats[]> {
    return this.store.stats({ ...options, scope: optionalScope(options.scope) })
  }

  /** Removes old messages and keys, bounded by `limit`; call again while it reports full counts. */
  async purge(options: PurgeOptions): Promise<PurgeResult> {
    const age = (field: 'deliveredOlderThanMs' | 'deadOlderThanMs' | 'dedupeOlderThanMs'): number | undefined =>
      options[field] === undefined ? undefined : assertDuration(field, options[field])
    return this.store.purge({
      deliveredOlderThanMs: age('deliveredOlderThanMs'),
      deadOlderThanMs: age('deadOlderThanMs'),
      dedupeOlderThanMs: age('dedupeOlderThanMs'),
      limit: assertInteger('limit', options.limit ?? 1_000, 1, MAX_PURGE_LIMIT),
      scope: optionalScope(options.scope),
      dryRun: options.dryRun ?? false,
    })
  }

  /** The failed attempts of a message, oldest first; of more than 1,000 the latest. */
  async failures(id: string): Promise<readonly FailedAttempt[]> {
    return this.store.failures(assertName('id', id, MAX_NAME_BYTES), undefined)
  }

  /**
   * Makes dead letters due again at once, with all their attempts. In a `block` lane each returns as the head of its
   * key; in a `skip` lane its order is not promised. They arrive with the header `waybill-redriven`.
   *
   * With `payload`, one dead letter gets another body; what it had is kept, and `edits` shows it with who, when and
   * why. Its dedupe key stands for what was enqueued, as before. The schema of its event is asked at delivery.
   * @throws VALIDATION, PAYLOAD_TOO_LARGE.
   * @example
   * await waybill.outbox.redrive(id, { payload: { orderId: 'o-7', total: 42 }, note: 'total was text, #1234' })
   */
  async redrive(ids: string | readonly string[], options: RedriveOptions = {}): Promise<readonly DeadAnswer[]> {
    const all = typeof ids === 'string' ? [ids] : ids
    checkRedrive(all, options)
    return this.resolveDead(all, 'redrive', await this.newPayload(all, options))
  }

  /** All dead letters of a filter, in the order in which they were enqueued, at a rate. @throws VALIDATION. */
  async redriveAll(options: ResolveAllOptions): Promise<ResolvedAll> {
    return resolveAllDead(this.store, 'redrive', options)
  }

  /** The payloads that a message had before it was redriven with others, oldest first. */
  async edits(id: string): Promise<readonly PayloadEdit[]> {
    return this.store.edits(assertName('id', id, MAX_NAME_BYTES), undefined)
  }

  /** Dead letters by what went wrong, the most frequent first; bounded, and says so. @throws VALIDATION. */
  async deadLetterGroups(options: DeadLetterGroupsOptions = {}): Promise<DeadLetterGroups> {
    return deadLetterGroups(this.store, options)
  }

  /**
   * Makes dead letters of messages that wait, such as a heap of failures names them; an answer for each in order, all
   * or nothing of the call, at most 1,000. Whatever is claimed, delivered, dead or unknown is `skipped`, so it may be
   * repeated. Each keeps its place, its attempts and its failures, to which this one is added.
   * @throws VALIDATION.
   * @example
   * await waybill.outbox.quarantine([{ id, failures: 12, error: 'no answer' }]) // ['dead_lettered']
   */
  async quarantine(entries: readonly QuarantineDraft[]): Promise<readonly QuarantineAnswer[]> {
    const checked = quarantineEntries(entries)
    return checked.length === 0 ? [] : this.store.quarantine({ entries: checked, scope: undefined })
  }

  /** Removes dead letters for good; what waited behind them in a `block` lane goes on. */
  async discard(ids: readonly string[]): Promise<readonly DeadAnswer[]> {
    return this.resolveDead(ids, 'discard')
  }

  /** Nothing of the lane, or of one target of it, is claimed until `resume`. What is under way is finished. */
  async pause(queue: { readonly lane: string; readonly target?: string | undefined }): Promise<void> {
    await this.store.setPaused({ ...assertQueue(queue), paused: true })
  }

  async resume(queue: { readonly lane: string; readonly target?: string | undefined }): Promise<void> {
    await this.store.setPaused({ ...assertQueue(queue), paused: false })
  }

  /** How lanes are ordered, and what is paused. */
  async settings(): Promise<OutboxSettings> {
    return this.store.settings()
  }

  private async resolveDead(
    ids: readonly string[], action: ResolveDeadRequest['action'], edit?: NewPayload,
  ): Promise<readonly DeadAnswer[]> {
    assertInteger('ids.length', ids.length, 0, MAX_PAGE_LIMIT)
    for (const id of ids) assertName('id', id, MAX_NAME_BYTES)
    return ids.length === 0 ? [] : this.store.resolveDead({ ids, action, scope: undefined, edit })
  }

  /** Bytes keep the message's own content type unless one is given. */
  private async newPayload(
    [id = '']: readonly string[], { payload, contentType, note = '', by = newConsumer() }: RedriveOptions,
  ): Promise<NewPayload | undefined> {
    if (payload === undefined) return undefined
    const isTyped = contentType !== undefined || !(payload instanceof Uint8Array)
    const stored = isTyped ? undefined : (await this.get(id))?.contentType
    const encoded = encodePayload({ payload, contentType: contentType ?? stored }, this.encoding)
    const { codec } = this.encoding
    try {
      if (encoded.contentType === codec.contentType) codec.decode(encoded.payload)
    } catch {
      throw validationError('payload', `is not ${codec.contentType}`)
    }
    return { ...encoded, by, note }
  }

  protected bindTransaction(handle: Handle): Tx {
    if (handle === undefined || handle === null) {
      throw new WaybillError('NOT_IN_TRANSACTION',
        'enqueue takes the transaction as its first argument; use enqueueAlone when there is none')
    }
    return this.bind(handle)
  }

  protected async put(
    tx: Handle, drafts: readonly OutboxMessageDraft[], strategy: IdempotencyStrategy,
  ): Promise<readonly EnqueueResult[]> {
    return this.write(this.bindTransaction(tx), this.encodeAll(drafts, strategy))
  }

  protected writeAlone(messages: readonly NewMessage[]): Promise<readonly EnqueueResult[]> {
    return this.store.transaction((tx) => this.write(tx, messages))
  }

  protected encodeAll(drafts: readonly OutboxMessageDraft[], strategy: IdempotencyStrategy): readonly NewMessage[] {
    assertInteger('drafts.length', drafts.length, 0, MAX_ENQUEUE_BATCH)
    const all = strategy === 'provided' ? drafts : drafts.map((draft) => keyed(draft, strategy))
    return encodeDrafts(all, this.encoding)
  }

  protected async write(tx: Tx, messages: readonly NewMessage[]): Promise<readonly EnqueueResult[]> {
    return messages.length === 0 ? [] : this.store.enqueueMany(tx, messages)
  }
}

function optionalScope(scope: string | undefined): ScopeId | undefined {
  return scope === undefined ? undefined : scopeId(scope)
}

const MAX_NOTE_BYTES = 2_000

function checkRedrive(ids: readonly string[], { payload, contentType, note, by }: RedriveOptions): void {
  if (payload === undefined) {
    if (note !== undefined || by !== undefined || contentType !== undefined) {
      throw validationError('payload', 'is required with note, by or contentType')
    }
    return
  }
  if (ids.length !== 1) throw validationError('payload', 'is for one dead letter')
  if (contentType !== undefined && !(payload instanceof Uint8Array)) {
    throw validationError('contentType', 'is for a payload of bytes')
  }
  assertName('note', note, MAX_NOTE_BYTES)
  if (by !== undefined) assertName('by', by, MAX_NAME_BYTES)
}

function assertQueue(queue: { readonly lane: string; readonly target?: string | undefined }): PausedQueue {
  const { lane, target } = queue
  return {
    lane: assertName('lane', lane, MAX_NAME_BYTES),
    target: target === undefined ? undefined : assertName('target', target, MAX_NAME_BYTES),
  }
}

function checkOutcome(outcome: SettleOutcome): void {
  assertName('id', outcome.id, MAX_NAME_BYTES)
  if (outcome.kind === 'release') assertDuration('retryInMs', outcome.retryInMs ?? 0)
  else if (outcome.kind === 'retry' && 'retryAt' in outcome) assertTime('retryAt', outcome.retryAt)
  else if (outcome.kind === 'retry') assertDuration('retryInMs', outcome.retryInMs)
}

function single<T>(items: readonly T[]): T {
  const [item] = items
  if (item === undefined) throw new WaybillError('STORE_FAILED', 'the store answered fewer items than it was asked for')
  return item
}
