/**
 * The outbox contract: a leased work queue whose rows are written in the caller's transaction.
 *
 * A message is in exactly one state:
 *
 *     enqueue ──► pending ──claim──► claimed ──ack──► delivered
 *                    ▲                 │ │
 *                    ├──retry, release─┘ └──dead, or retry at the last attempt──► dead_letter
 *                    └──lease expired (as a suspect, claimed alone)
 *
 * `quarantine` takes a pending message to dead_letter, without a claim.
 *
 * A store implements this interface and nothing else. It may assume that the arguments are valid:
 * `Outbox`, the public surface, validates, encodes and derives the single forms. The names in
 * brackets are the cases of the published suite that check each sentence.
 *
 * Concurrency: every method may be called from any number of processes at once. A method that
 * changes state must take effect entirely or not at all, also when its caller dies.
 *
 * Clock: `availableAt` and leases are decided by the store's clock alone [clock-*]. Boundaries are
 * inclusive: a message is due, and a lease has expired, when the time is reached.
 */
import type { ScopeId } from '../core/scope.js'
import type { EnqueueResult, NewMessage, OutboxMessage, OutboxStatus } from './message.js'

export interface OutboxStore<Tx = unknown> {
  readonly capabilities: OutboxCapabilities

  /**
   * Writes all messages or none, in order, inside `tx`.
   *
   * A draft with a dedupe key whose identity (scope, lane, target, key) exists answers
   * `created: false` with the existing message, read inside `tx`, while it is stored; with another
   * digest the call must throw CONFLICT and leave the caller's
   * transaction usable and without any of these messages [A-08, dedupe-*]. While another open
   * transaction holds the identity the call waits for it. Identities must be taken in sorted order, so
   * that two batches cannot deadlock.
   */
  enqueueMany(tx: Tx, messages: readonly NewMessage[]): Promise<readonly EnqueueResult[]>

  /** Runs `work` in a transaction of the store's own and commits it. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>

  /**
   * Takes up to `limit` due messages of one lane and target, oldest (`availableAt`, id) first, under one
   * fresh token, and counts an attempt on each. Null when nothing is due. No message is in
   * two claims. Rows of transactions that commit late, behind others already claimed, must be
   * found [late-*].
   *
   * A claim whose lease has expired ends here: each of its messages becomes a *suspect*, is claimed
   * alone next, and, if its claim was made for it alone and its attempts are spent, becomes a dead letter
   * [suspect-*]. A suspect stays one until an attempt ends otherwise than by expiry. The failed attempt is
   * recorded with an error that says so.
   *
   * When several scopes have due messages, a claim takes the oldest of each scope first, then the second of each,
   * and so on, so that no scope's backlog delays another's [fair-*]. A paused queue has nothing due [pause-*].
   *
   * In an ordered lane, messages of one scope, target and key make a line in enqueue order, and
   * only its front is due: see `LaneOrdering` [order-*]. A claim may take several from the front of one line; until it
   * has settled all of them nobody else gets one. Neither a long line nor a closed one slows other claims down.
   */
  claim(request: ClaimRequest): Promise<OutboxClaim | null>

  /**
   * Ends attempts of one claim, with an answer for each outcome in order. An outcome whose id is not
   * (or no longer) in a live claim with this token answers `lost_claim` and changes nothing
   * [A-04, settle-*]. A lease that has run out, but that nobody has ended yet, still settles: the token
   * is the fence, not the clock. `now` is one time for the whole call.
   */
  settle(request: SettleRequest): Promise<readonly SettleAnswer[]>

  /** Moves the lease to now + `leaseMs`, also when that is earlier. Answers it, or null without a claim [extend-*]. */
  extend(request: ExtendRequest): Promise<number | null>

  /** The messages with these ids, in any order; absent are those that do not exist or are of another scope [get-*]. */
  get(ids: readonly string[], scope: ScopeId | undefined): Promise<readonly OutboxMessage[]>

  /** One page in id order, ascending, strictly after `after` [list-*]. */
  list(filter: ListFilter): Promise<readonly OutboxMessage[]>

  /** Counts per lane and target, for those that have any message [stats-*]. */
  stats(filter: StatsFilter): Promise<readonly OutboxStats[]>

  /**
   * Removes what is older than asked, at most `limit` of each kind per call [purge-*]. A dedupe key has left with its
   * message: at the ack, or when a dead letter is removed; a stored dead letter keeps its key [dedupe-9].
   * Delivered messages older than the store's `retainDeliveredMs` may go without being asked for, never earlier.
   */
  purge(request: PurgeRequest): Promise<PurgeResult>

  /** The failed attempts of a message, oldest first; of more than 1,000 the latest [failures-*]. */
  failures(id: string, scope: ScopeId | undefined): Promise<readonly FailedAttempt[]>

  /**
   * Redrives dead letters or discards them, an answer for each id in order [redrive-*]. A redriven message is due at
   * once with all its attempts, at its old place in an ordered lane, and keeps its failures. A discarded
   * one is removed as by `purge`.
   *
   * With `edit`, which comes with one id and `redrive`, it gets other bytes in the same step; what it had is kept as
   * an edit. Its dedupe key and its digest stay [edit-*].
   */
  resolveDead(request: ResolveDeadRequest): Promise<readonly DeadAnswer[]>

  /** The edits of a message, oldest first, as long as it is stored [edit-*]. */
  edits(id: string, scope: ScopeId | undefined): Promise<readonly PayloadEdit[]>

  /**
   * Makes dead letters of messages that wait: pending, whatever they wait for, and in no claim, also not in one whose
   * lease has run out and that nobody has ended. An answer for each entry in order; all of the call or nothing of it
   * [quarantine-*]. A dead letter made here keeps attempts, failures, dedupe key and place, and closes its key in a
   * `block` lane; `quarantineNote` is recorded as a failed attempt, by the consumer `quarantine`. Whatever is
   * claimed, delivered, dead, unknown, of another scope, or named before in the call is `skipped` and not changed.
   */
  quarantine(request: QuarantineRequest): Promise<readonly QuarantineAnswer[]>

  /** Stops a lane's claims, or those of one target, in every process until resumed [pause-*]. */
  setPaused(request: PauseRequest): Promise<void>

  /** What `migrate` and `setPaused` stored. */
  settings(): Promise<OutboxSettings>

  /**
   * Creates or upgrades the schema, and stores how lanes are ordered. Idempotent; concurrent migrators apply
   * each step once. Lanes that are not named stay as they are. The ordering of a lane changes only while
   * none of its messages is claimed, nor, where it was ordered, waits for a retry or behind another, or is a
   * dead letter: otherwise CONFIG_INVALID, and nothing is stored [order-12].
   */
  migrate(lanes?: LaneOrderings): Promise<void>

  /** Releases what the store opened, once. Calls under way may still end; later ones throw CLOSED [close-*]. */
  close(): Promise<void>
}

/** What an implementation can do. The suite reads this and exercises what is claimed. */
export interface OutboxCapabilities {
  /** Other processes see the same messages. */
  readonly shared: boolean
  /** Messages survive `close` and a crash. */
  readonly durable: boolean
  /** Writers of one store may have transactions open at the same time. */
  readonly concurrentTransactions: boolean
}


/**
 * How the messages of one scope, target and key follow each other in a lane. Those without a key are never ordered.
 *
 * - `none`: they do not.
 * - `block`: in enqueue order of transactions that did not overlap, one run at a time. The first of a key that is
 *   not delivered keeps all others of the key back: while it is claimed, scheduled, waiting for a retry, or a
 *   dead letter, until that is redriven or discarded.
 * - `skip`: as `block`, but a dead letter keeps nobody back. Redriven, it is due at once, outside the order.
 */
export const LANE_ORDERINGS = ['none', 'block', 'skip'] as const
export type LaneOrdering = (typeof LANE_ORDERINGS)[number]

/** By lane. */
export type LaneOrderings = Readonly<Record<string, LaneOrdering>>

/** A claim takes at most this many messages of one key. */
export const MAX_RUN = 100

/** What `migrate` says when a lane may not change its ordering. */
export function orderingHeld(lane: string): string {
  return `lane '${lane}' keeps its ordering while its messages are claimed, wait for a retry or for others of `
    + 'their key, or are dead letters: let relays drain it, and redrive or discard its dead letters'
}

export interface OutboxSettings {
  /** Lanes that were declared, by name. */
  readonly lanes: LaneOrderings
  readonly paused: readonly PausedQueue[]
}

/** A whole lane, or one target of it. */
export interface PausedQueue {
  readonly lane: string
  readonly target: string | undefined
}

export interface PauseRequest extends PausedQueue {
  readonly paused: boolean
}

export interface FailedAttempt {
  readonly attempt: number
  /** By the store's clock. */
  readonly failedAt: number
  readonly consumer: string
  readonly error: string
}

export interface ResolveDeadRequest {
  readonly ids: readonly string[]
  readonly action: 'redrive' | 'discard'
  readonly scope: ScopeId | undefined
  /** Only with one id and `redrive`. */
  readonly edit?: NewPayload | undefined
}

/** Other bytes for a dead letter. */
export interface NewPayload {
  readonly payload: Uint8Array
  readonly contentType: string
  /** Who does it. */
  readonly by: string
  /** Why. */
  readonly note: string
}

/** One edit, with what the message held before it. */
export interface PayloadEdit extends NewPayload {
  /** By the store's clock. */
  readonly editedAt: number
}

export interface QuarantineRequest {
  readonly entries: readonly QuarantineEntry[]
  readonly scope: ScopeId | undefined
}

export interface QuarantineEntry {
  readonly id: string
  /** How often it failed, by whoever counted. */
  readonly failures: number
  readonly error: string
}

export type QuarantineAnswer = 'dead_lettered' | 'skipped'

/** Stands for the consumer in the failed attempt that a quarantine records. */
export const QUARANTINE_CONSUMER = 'quarantine'

/** What that failed attempt says. */
export function quarantineNote({ failures, error }: QuarantineEntry): string {
  return `quarantined after ${failures} ${failures === 1 ? 'failure' : 'failures'}: ${error}`
}

/** `not_dead`: no dead letter has this id; nothing changed. */
export type DeadAnswer = 'redriven' | 'discarded' | 'not_dead'

export interface ClaimRequest {
  readonly lane: string
  readonly target: string
  /** At least 1. */
  readonly limit: number
  /** At least 1. */
  readonly leaseMs: number
  /** Who claims; shown by `get` and `list`. */
  readonly consumer: string
  /** Only these scopes; undefined means all. */
  readonly scopes: readonly ScopeId[] | undefined
}

export interface OutboxClaim {
  readonly token: string
  readonly leaseExpiresAt: number
  /** The one message of this claim was in a claim whose lease expired: deliver it with nothing beside it. */
  readonly suspect: boolean
  /** The lane's. Unless it is `none`, deliver messages of one scope and key one after another. */
  readonly ordering: LaneOrdering
  readonly messages: readonly OutboxMessage[]
}

/**
 * - `ack`: delivered. Stays listed for the store's `retainDeliveredMs`, or is deleted at once when that is 0.
 * - `retry`: failed; due again at `retryAt`, or after `retryInMs` by the store's clock; a dead letter when
 *   its attempts are spent.
 * - `dead`: failed for good.
 * - `release`: not tried; the attempt is given back. Due again at once, or after `retryInMs`.
 */
export type SettleOutcome =
  | { readonly id: string; readonly kind: 'ack' }
  | { readonly id: string; readonly kind: 'retry'; readonly error: string; readonly retryInMs: number }
  | { readonly id: string; readonly kind: 'retry'; readonly error: string; readonly retryAt: number }
  | { readonly id: string; readonly kind: 'dead'; readonly error: string }
  | { readonly id: string; readonly kind: 'release'; readonly retryInMs?: number }

export interface SettleRequest {
  readonly token: string
  readonly outcomes: readonly SettleOutcome[]
  readonly scope: ScopeId | undefined
}

export type SettleAnswer = 'delivered' | 'requeued' | 'dead_lettered' | 'released' | 'lost_claim'

export interface ExtendRequest {
  readonly token: string
  readonly leaseMs: number
  readonly scope: ScopeId | undefined
}

export interface ListFilter {
  readonly status?: OutboxStatus | undefined
  readonly lane?: string | undefined
  readonly target?: string | undefined
  readonly key?: string | undefined
  readonly scope?: ScopeId | undefined
  /** The last id of the page before. */
  readonly after?: string | undefined
  readonly limit: number
}

export interface StatsFilter {
  readonly lane?: string | undefined
  readonly target?: string | undefined
  readonly scope?: ScopeId | undefined
}

export interface OutboxStats {
  readonly lane: string
  readonly target: string
  /** Pending and due now. */
  readonly ready: number
  /** Pending, not due yet: scheduled or waiting to be retried. */
  readonly scheduled: number
  readonly claimed: number
  readonly delivered: number
  readonly deadLetter: number
  /** How long the oldest ready message has been due, in ms; the lag to watch. Undefined when none is ready. */
  readonly oldestReadyAgeMs: number | undefined
}

export interface PurgeRequest {
  /** Remove messages delivered at least this long ago. Undefined keeps them. */
  readonly deliveredOlderThanMs: number | undefined
  /** Remove dead letters that died at least this long ago. Undefined keeps them. */
  readonly deadOlderThanMs: number | undefined
  /** Forget dedupe keys whose message left the store at least this long ago. Undefined keeps them. */
  readonly dedupeOlderThanMs: number | undefined
  readonly limit: number
  readonly scope: ScopeId | undefined
  /** Counts what the call would remove, and removes nothing. */
  readonly dryRun: boolean
}

export interface PurgeResult {
  readonly delivered: number
  readonly deadLetters: number
  readonly dedupeKeys: number
}
