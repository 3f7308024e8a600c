/**
 * The inbox contract: which messages a consumer has done, recorded in the transaction that holds what it did.
 *
 * A record is a scope, a consumer and a message's id. It is taken before the effect and commits with it, so there is an
 * effect if and only if there is a record, whoever dies at whatever moment, and however often the message comes:
 *
 *     begin ── record ── effect ── commit      both are there
 *     begin ── record ── effect ── ✕           neither is, and the next delivery does it
 *
 * A store implements this interface and nothing else. It may assume that the arguments are valid: `Inbox`, the public
 * surface, has checked them. The names in brackets are the cases of the published suite that check each sentence.
 *
 * Concurrency: every method may be called from any number of processes at once. Of two open transactions that record
 * the same message at most one holds it; the other waits for its end or is told so, as it asked.
 */
import type { ScopeId } from '../core/scope.js'

export interface InboxStore<Tx = unknown> {
  readonly capabilities: InboxCapabilities

  /** Runs `work` in a transaction of the store's own and commits it. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>

  /**
   * Records, inside `tx`, those messages that have no record, and answers for each id in order [inbox-once-*]. What
   * `tx` has recorded before is `processed` [inbox-once-3]. A rollback, of all or to a savepoint, takes records back
   * [inbox-tx-*].
   *
   * While another open transaction holds one, `wait` waits for its end: committed, the answer is `processed`; rolled
   * back, it is `new` [inbox-race-1, inbox-race-2]. `skip` answers `in_progress` at once [inbox-race-3]. Under READ
   * COMMITTED no answer costs the caller its transaction. At stricter isolations a message that another has recorded
   * since the transaction began may be TRANSACTION_ABORTED [inbox-iso-1].
   *
   * The ids are sorted and differ from each other. They must be taken in that order, so that two batches cannot
   * deadlock [inbox-race-5].
   */
  record(tx: Tx, request: RecordRequest): Promise<readonly InboxAnswer[]>

  /** Removes, inside `tx`, records that `tx` has made, because what they stand for has failed [inbox-undo-*]. */
  takeBack(tx: Tx, place: InboxPlace, messageIds: readonly string[]): Promise<void>

  /** When each of these was recorded, of those that are; committed records only [inbox-look-*]. */
  find(place: InboxPlace, messageIds: readonly string[]): Promise<ReadonlyMap<string, number>>

  /** Removes a record: the message is done again when it comes again. False when there is none [inbox-look-2]. */
  forget(place: InboxPlace, messageId: string): Promise<boolean>

  /**
   * Removes records that are as old as asked, at most `limit`, and answers how many that were [inbox-purge-*]. The
   * boundary is inclusive: a record goes when its age is reached [inbox-purge-1].
   */
  purge(request: InboxPurgeRequest): Promise<number>

  /** Releases what the store opened, once. Later calls throw CLOSED [inbox-close-1]. */
  close(): Promise<void>
}

/** What an implementation can do. The suite reads this and exercises what is claimed. */
export interface InboxCapabilities {
  /** Other processes see the same records. */
  readonly shared: boolean
  /** Records survive `close` and a crash. */
  readonly durable: boolean
  /** Two transactions of one store may be open at the same time. Without, nothing is ever `in_progress`. */
  readonly concurrentTransactions: boolean
}

/** The same where a caller's transaction returns at once. */
export interface SyncInboxRecords<Tx> {
  record(tx: Tx, request: RecordRequest): readonly InboxAnswer[]
  takeBack(tx: Tx, place: InboxPlace, messageIds: readonly string[]): void
}

export interface InboxPlace {
  readonly scope: ScopeId
  /** Who does it: each consumer does a message once. */
  readonly consumer: string
}

/** What to do about a message that another open transaction is doing. */
export type OnConcurrent = 'wait' | 'skip'

export interface RecordRequest extends InboxPlace {
  /** Sorted, each once. At least 1. */
  readonly messageIds: readonly string[]
  readonly onConcurrent: OnConcurrent
}

export type InboxAnswer =
  | { readonly kind: 'new' }
  /** `processedAt`: when it was recorded, by the store's clock. */
  | { readonly kind: 'processed'; readonly processedAt: number }
  | { readonly kind: 'in_progress' }

export interface InboxPurgeRequest {
  /** At least 0. */
  readonly olderThanMs: number
  /** Only of this consumer; undefined means of all but those of `exceptConsumers`. */
  readonly consumer: string | undefined
  readonly exceptConsumers: readonly string[]
  /** Only of this scope; undefined means all. */
  readonly scope: ScopeId | undefined
  readonly limit: number
  /** Counts what the call would remove, and removes nothing. */
  readonly dryRun: boolean
}
