/** What callers of the inbox hand in, checked once for every form of a call. */
import { validationError, WaybillError } from '../core/errors.js'
import { MAX_INBOX_BATCH, MAX_KEY_BYTES, MAX_NAME_BYTES } from '../core/limits.js'
import { DEFAULT_SCOPE, type ScopeId } from '../core/scope.js'
import { assertName } from '../core/validate.js'
import type { InboxAnswer, InboxPlace, OnConcurrent, RecordRequest } from './contract.js'

export interface ProcessOptions {
  /**
   * While another open transaction is doing the same message: `wait` for its end, and do it if that one did not; or
   * `skip` it at once. Default `wait`.
   */
  readonly onConcurrent?: OnConcurrent | undefined
}

/** What has an id, the same at every delivery. */
export interface IdentifiedMessage {
  readonly id: string
}

/** Why a message was not done now. */
export type InboxSkip =
  /** It was done before, at `processedAt` by the store's clock. */
  | { readonly reason: 'already_processed'; readonly processedAt: number }
  /** Another transaction is doing it; only with `onConcurrent: 'skip'`. Deliver it again: that one may fail. */
  | { readonly reason: 'in_progress' }

export type InboxResult<T> =
  | { readonly processed: true; readonly value: T }
  | { readonly processed: false } & InboxSkip

export interface ManyResult<Message, T> {
  /** Those that `fn` was given, in their order. */
  readonly processed: readonly Message[]
  readonly skipped: readonly ({ readonly id: string } & InboxSkip)[]
  /** What `fn` answered; undefined when it was not called, because nothing was new. */
  readonly value: T | undefined
}

/** @throws VALIDATION. */
export function placeOf(scope: ScopeId | undefined, consumer: string): InboxPlace {
  return { scope: scope ?? DEFAULT_SCOPE, consumer: assertName('consumer', consumer, MAX_NAME_BYTES) }
}

/** @throws VALIDATION. */
export function assertMessageId(messageId: string): string {
  return assertName('messageId', messageId, MAX_KEY_BYTES)
}

/** @throws VALIDATION. */
export function recordRequest(
  scope: ScopeId | undefined, consumer: string, ids: readonly string[], { onConcurrent = 'wait' }: ProcessOptions,
): RecordRequest {
  if (onConcurrent !== 'wait' && onConcurrent !== 'skip') {
    throw validationError('onConcurrent', "must be 'wait' or 'skip'")
  }
  if (ids.length > MAX_INBOX_BATCH) {
    throw validationError('messages', `must be at most ${MAX_INBOX_BATCH}`, { max: MAX_INBOX_BATCH })
  }
  const messageIds = [...new Set(ids.map(assertMessageId))].sort()
  return { ...placeOf(scope, consumer), messageIds, onConcurrent }
}

/** @throws NOT_IN_TRANSACTION. */
export function assertTransaction(tx: unknown, method: string): void {
  if (tx !== undefined && tx !== null) return
  throw new WaybillError('NOT_IN_TRANSACTION', `${method} takes the transaction as its first argument`)
}

export function skipOf(answer: Exclude<InboxAnswer, { readonly kind: 'new' }>): InboxSkip {
  return answer.kind === 'processed' ? { reason: 'already_processed', processedAt: answer.processedAt }
    : { reason: 'in_progress' }
}

/** A store answers for each id. */
export function onlyAnswer(answers: readonly InboxAnswer[]): InboxAnswer {
  const [answer] = answers
  if (answer === undefined) throw new WaybillError('STORE_FAILED', 'the store gave no answer')
  return answer
}
