/**
 * The public surface over any `InboxStore`: validates once, runs what is to be done between the record and the caller's
 * commit, and takes the record back when that fails.
 */
import { validationError, WaybillError } from '../core/errors.js'
import { DEFAULT_INBOX_RETENTION_MS, MAX_NAME_BYTES, MAX_PURGE_LIMIT } from '../core/limits.js'
import { scopeId, type ScopeId } from '../core/scope.js'
import { assertDuration, assertInteger, assertName } from '../core/validate.js'
import type { InboxStore, RecordRequest } from './contract.js'
import {
  assertMessageId, assertTransaction, onlyAnswer, placeOf, recordRequest, skipOf, type IdentifiedMessage,
  type InboxResult, type InboxSkip, type ManyResult, type ProcessOptions,
} from './request.js'

export interface InboxPorts<Tx, Handle> {
  readonly store: InboxStore<Tx>
  /** @throws NOT_IN_TRANSACTION. */
  readonly bind: (handle: Handle) => Tx
  /** Undefined stands for the default scope, and in `purge` for all. */
  readonly scope: ScopeId | undefined
  /** Begins and commits. */
  readonly transaction: <T>(work: (tx: Handle) => Promise<T>) => Promise<T>
}

export interface InboxPurgeOptions {
  /** Default 604,800,000: 7 days. */
  readonly olderThanMs?: number | undefined
  /** Only records of this consumer. Default all. */
  readonly consumer?: string | undefined
  /** Not of these, which have an age of their own. Default none. */
  readonly exceptConsumers?: readonly string[] | undefined
  /** Only of this scope. Default all, or the view's. */
  readonly scope?: string | undefined
  /** At most this many. 1…100,000. Default 1,000. */
  readonly limit?: number | undefined
  /** Only counts what would be removed. Default false. */
  readonly dryRun?: boolean | undefined
}

export class Inbox<Tx, Handle = Tx> {
  protected readonly ports: InboxPorts<Tx, Handle>

  constructor(ports: InboxPorts<Tx, Handle>) {
    this.ports = ports
  }

  /**
   * Does a message once, in the caller's transaction: runs `fn` unless this consumer has done the message before, and
   * records it. Record and effect commit together, so make the effect through `tx`, and answer or ack the message
   * after the commit. Consumer names are 1 to 255 bytes, ids 1 to 1,024, the same at every delivery.
   *
   * When `fn` throws, so does this, with the record taken back: roll the transaction back.
   * @throws VALIDATION, NOT_IN_TRANSACTION; TRANSACTION_ABORTED (run the whole transaction again).
   * @example
   * await waybill.transaction(async (tx) => {
   *   await waybill.inbox.process(tx, 'billing', message.id, () => charge(tx, message))
   * })
   */
  async process<T>(
    tx: Handle, consumer: string, messageId: string, fn: (tx: Handle) => T | Promise<T>, options: ProcessOptions = {},
  ): Promise<InboxResult<T>> {
    assertFunction(fn)
    const request = recordRequest(this.ports.scope, consumer, [messageId], options)
    const bound = this.#bound(tx, 'process')
    const answer = onlyAnswer(await this.ports.store.record(bound, request))
    if (answer.kind !== 'new') return { processed: false, ...skipOf(answer) }
    return { processed: true, value: await this.#run(bound, request, request.messageIds, async () => fn(tx)) }
  }

  /**
   * The same for up to 1,000 messages at once: `fn` is given those that are new, in their order and each id once, and
   * is not called when there are none.
   * @throws as `process`.
   * @example
   * await waybill.inbox.processMany(tx, 'search', batch, (fresh) => index(tx, fresh))
   */
  async processMany<const Message extends IdentifiedMessage, T>(
    tx: Handle, consumer: string, messages: readonly Message[],
    fn: (fresh: readonly Message[], tx: Handle) => T | Promise<T>, options: ProcessOptions = {},
  ): Promise<ManyResult<Message, T>> {
    assertFunction(fn)
    const byId = firstById(messages)
    const request = recordRequest(this.ports.scope, consumer, [...byId.keys()], options)
    const bound = this.#bound(tx, 'processMany')
    if (byId.size === 0) return { processed: [], skipped: [], value: undefined }
    const answers = await this.ports.store.record(bound, request)
    const skips = new Map<string, InboxSkip>()
    for (const [place, id] of request.messageIds.entries()) {
      const answer = onlyAnswer(answers.slice(place, place + 1))
      if (answer.kind !== 'new') skips.set(id, skipOf(answer))
    }
    const processed = [...byId.values()].filter(({ id }) => !skips.has(id))
    const skipped = [...skips].map(([id, skip]) => ({ id, ...skip }))
    if (processed.length === 0) return { processed, skipped, value: undefined }
    const fresh = processed.map(({ id }) => id)
    return { processed, skipped, value: await this.#run(bound, request, fresh, async () => fn(processed, tx)) }
  }

  /**
   * `process` in a transaction of its own, which commits when `fn` has resolved. With a driver, begin yourself.
   * @throws as `process` and `waybill.transaction`.
   */
  async processAlone<T>(
    consumer: string, messageId: string, fn: (tx: Handle) => T | Promise<T>, options: ProcessOptions = {},
  ): Promise<InboxResult<T>> {
    return this.ports.transaction((tx) => this.process(tx, consumer, messageId, fn, options))
  }

  /** Whether this consumer has done the message, as far as is committed and kept. */
  async wasProcessed(consumer: string, messageId: string): Promise<boolean> {
    const found = await this.ports.store.find(placeOf(this.ports.scope, consumer), [assertMessageId(messageId)])
    return found.size > 0
  }

  /** The message is done again when it comes again. False when there is no record of it. */
  async forget(consumer: string, messageId: string): Promise<boolean> {
    return this.ports.store.forget(placeOf(this.ports.scope, consumer), assertMessageId(messageId))
  }

  /**
   * Removes old records, and answers how many. A message that comes again after its record has gone is done again, so
   * keep records for longer than anybody redelivers.
   * @example
   * while (await waybill.inbox.purge() > 0);
   */
  async purge(options: InboxPurgeOptions = {}): Promise<number> {
    const { olderThanMs = DEFAULT_INBOX_RETENTION_MS, consumer, exceptConsumers = [], scope, limit = 1_000 } = options
    return this.ports.store.purge({
      olderThanMs: assertDuration('olderThanMs', olderThanMs),
      consumer: consumer === undefined ? undefined : assertName('consumer', consumer, MAX_NAME_BYTES),
      exceptConsumers: exceptConsumers.map((name) => assertName('exceptConsumers', name, MAX_NAME_BYTES)),
      scope: this.ports.scope ?? (scope === undefined ? undefined : scopeId(scope)),
      limit: assertInteger('limit', limit, 1, MAX_PURGE_LIMIT),
      dryRun: options.dryRun ?? false,
    })
  }

  #bound(tx: Handle, method: string): Tx {
    assertTransaction(tx, method)
    return this.ports.bind(tx)
  }

  async #run<T>(tx: Tx, request: RecordRequest, ids: readonly string[], work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      // Whoever commits all the same has no effect, and so must have no record. Where it fails, so does the commit.
      await this.ports.store.takeBack(tx, request, ids).catch(() => undefined)
      throw error
    }
  }
}

/** @throws VALIDATION. */
export function assertFunction(fn: unknown): void {
  if (typeof fn !== 'function') throw validationError('fn', 'must be a function')
}

/** @throws VALIDATION. */
function firstById<Message extends IdentifiedMessage>(messages: readonly Message[]): Map<string, Message> {
  if (!Array.isArray(messages)) throw validationError('messages', 'must be a list')
  const byId = new Map<string, Message>()
  for (const message of messages) {
    const id = assertMessageId(message.id)
    if (!byId.has(id)) byId.set(id, message)
  }
  return byId
}

/** @throws CONFIG_INVALID. */
export function assertInboxStore<Tx>(name: string, store: InboxStore<Tx> | undefined): InboxStore<Tx> {
  if (store === undefined) throw new WaybillError('CONFIG_INVALID', `the ${name} store has no inbox`)
  return store
}
