/**
 * The progress contract: how far each publisher of a journal is, and which process works on which part of it.
 *
 * The streams of a publisher fall into 64 slots. A part is a set of slots with one cursor, and one owner at a time:
 *
 *     publisher ─┬─ part 1 · slots 0…31  · cursor · owner a · term 4 · lease
 *                ├─ part 2 · slots 32…63 · cursor · owner b · term 2 · lease
 *                └─ held streams: those whose next event failed or was given back, wherever they are
 *
 * There is one part as long as there is one process. A part is divided when another process comes, and joined when a
 * process has two that are equally far. So a save is one row, however many streams and slots there are.
 *
 * A store implements this interface and nothing else, and may assume valid arguments. The names in brackets are the
 * cases of the published suite that check each sentence.
 *
 * Concurrency: every method may be called by any number of processes at once. All but `look`, `holds`, `list` and
 * `deadLetters` change one publisher at a time, entirely or not at all [progress-race-*].
 *
 * Clock: the store's own decides whether a lease holds and when a held stream is tried again [progress-lease-*].
 */
import type { ScopeId } from '../core/scope.js'
import type { DeadAnswer } from '../outbox/contract.js'
import type { StreamName } from './event.js'

export interface ProgressStore {
  /** What is stored of a publisher, or undefined. Writes nothing [progress-idle-1]. */
  look(publisher: string): Promise<PublisherState | undefined>

  /**
   * Takes part in the publisher's work, and makes the publisher with one part at `start` when there is none
   * [progress-take-1]. The caller counts as a member until `leaseMs` from now; its leases are renewed, its terms
   * unchanged [progress-take-2]. Then it takes what is free or whose lease has run out, under a new term
   * [progress-take-3, progress-lease-1], the smallest parts first, until it has its fair share: the slots divided by
   * the members, rounded up [progress-take-6]. A part that is more than it may have is divided, with the same cursor,
   * and what is left of it is free [progress-take-4]. Nothing is taken from an owner whose lease holds; an owner that
   * comes late but before anybody else goes on under its term [progress-lease-2]. Never two owners of a slot
   * [progress-race-1].
   * @throws PUBLISHER_MISMATCH when the publisher follows something else; nothing is written [progress-take-5].
   */
  take(request: TakeRequest): Promise<PublisherState>

  /**
   * Writes how far parts are, each if and only if its term is still the caller's: an answer for each, in order. A part
   * whose term is stale is unchanged, and so are its holds and dead letters; the others are not affected by it
   * [progress-save-*, progress-race-2]. A lease that has run out is no hindrance while nobody has taken the part
   * [progress-lease-3]. The same save may be repeated, as after a lost answer: nothing is written twice
   * [progress-save-5]. With one part that has nothing held, freed or dead it is one statement that writes one row.
   */
  save(request: SaveRequest): Promise<readonly boolean[]>

  /**
   * Gives slots of a part back, as a part of their own with the same cursor and no owner, or the whole part when they
   * are all it has. False when the term is stale [progress-give-*].
   */
  give(request: GiveRequest): Promise<boolean>

  /**
   * Makes one part of two of the caller's that have the same cursor, or answers false [progress-join-*]. The caller
   * has no save of either under way.
   */
  join(request: JoinRequest): Promise<boolean>

  /** Frees all that the owner has, so that its terms are stale; it is no member any more [progress-leave-*]. */
  leave(request: { readonly publisher: string; readonly owner: string }): Promise<void>

  /** Held streams of these slots, in the order in which they are due, at most `limit` [progress-hold-*]. */
  holds(request: HoldsRequest): Promise<readonly HeldStream[]>

  /** In the order of the names' UTF-8 bytes, with counts [progress-list-*]. */
  list(request: PublishersRequest): Promise<readonly PublisherSummary[]>

  /**
   * Starts the publisher anew at a cursor, whoever works on it: one part without owner under a term above all before,
   * no held streams. Its dead letters stay; its members too, unless it follows something else now. Makes the publisher
   * when there is none [progress-rebase-*, progress-race-3].
   */
  rebase(request: RebaseRequest): Promise<void>

  /**
   * Sets from where one stream is published again: it becomes held, due now, or is let go when `from` is behind `to`.
   * The part it is in changes its term, so an owner learns of it. False when there is no such publisher
   * [progress-rewind-*].
   */
  rewind(request: RewindRequest): Promise<boolean>

  /**
   * Forgets the publisher with all that it has. False when there is none. One that is made of the same name later goes
   * on with the terms, so that what was under way does not touch it [progress-forget-*].
   */
  forget(publisher: string): Promise<boolean>

  /** Events that the publisher gave up, the latest last. One that is given up again is in it once [progress-dead-*]. */
  deadLetters(request: DeadLettersRequest): Promise<readonly DeadEvent[]>

  /**
   * Removes dead letters that were given up at least as long ago as asked, the oldest first, at most `limit`; answers
   * how many [progress-purge-*]. One that another call is changing at this moment may be left to the next purge.
   */
  purgeDead(request: PurgeDeadEvents): Promise<number>

  /**
   * Redrives dead letters or discards them, by their numbers: an answer for each in order, all of the call or nothing
   * of it. Of a number that is no dead letter of this publisher and scope, or was named before in the call, the answer
   * is `not_dead` [progress-resolve-1, -6]; an event that was given up again meanwhile has another number by then, and
   * stays [progress-resolve-5].
   *
   * The stream of a redriven event is held from that event on, due now, up to the last of its stream in the call. One
   * that is held already is held from the earlier place to the later one, and keeps its tries where it had the earlier
   * [progress-resolve-2, -3]. Parts that have such a stream change their terms, so that owners learn of it; those of a
   * discard do not [progress-resolve-1, -4]. Of two who name one number, one has done it [progress-race-5], and an
   * event is never neither dead nor held [progress-race-6].
   */
  resolveDead(request: ResolveDeadEvents): Promise<readonly DeadAnswer[]>

  /** Later calls throw CLOSED [progress-close-1]. */
  close(): Promise<void>
}

/** Every store and every version puts a stream into the same slot: `slotOf`. */
export const SLOTS = 64

/** Bit n stands for slot n. */
export type SlotMask = bigint

export const ALL_SLOTS: SlotMask = 2n ** 64n - 1n

export interface PublisherState {
  readonly publisher: string
  /** What it follows, as its own text. */
  readonly follow: string
  /** How many processes take part now, by the store's clock. */
  readonly members: number
  /** By number. Their slots are disjoint and all slots together. */
  readonly parts: readonly PublisherPart[]
}

export interface PublisherPart {
  readonly part: number
  readonly slots: SlotMask
  /** Undefined: before the first event. */
  readonly cursor: string | undefined
  /** Undefined when it was given back. It stays when only the lease has run out. */
  readonly owner: string | undefined
  /** Grows with each change of the owner, also to none. A publisher gives each to one part once [progress-give-*]. */
  readonly term: bigint
  /** How long the lease still holds, by the store's clock; 0 when it does not. */
  readonly leaseMs: number
}

export interface TakeRequest {
  readonly publisher: string
  readonly owner: string
  readonly leaseMs: number
  readonly follow: string
  /** The cursor of a publisher that is new. */
  readonly start: string | undefined
}

export interface SaveRequest {
  readonly publisher: string
  readonly parts: readonly PartProgress[]
}

export interface PartProgress {
  readonly part: number
  readonly term: bigint
  readonly cursor: string | undefined
  /** Written over what is stored of the same streams. Of slots of the part; none twice in `held` and `freed`. */
  readonly held: readonly HeldDraft[]
  /** No longer held. */
  readonly freed: readonly StreamName[]
  /** Given up. */
  readonly dead: readonly DeadDraft[]
}

/** A stream that waits for its next event to succeed. */
export interface HeldDraft extends StreamName {
  readonly slot: number
  /** The number of the event that is to be tried next. */
  readonly from: bigint
  /** The last number that the cursor has passed. */
  readonly to: bigint
  /** Failed tries of that event. */
  readonly attempts: number
  readonly retryInMs: number
  /** What the last try said. Empty when there was none. */
  readonly error: string
}

export interface HeldStream extends Omit<HeldDraft, 'retryInMs'> {
  /** 0 when it is due. */
  readonly retryInMs: number
}

export interface DeadDraft extends StreamName {
  /** The event's. */
  readonly id: string
  readonly sequence: bigint
  readonly type: string
  readonly attempts: number
  readonly error: string
}

export interface DeadEvent extends DeadDraft {
  /** Orders the dead letters of all publishers. */
  readonly number: bigint
  readonly diedAt: number
}

export interface GiveRequest {
  readonly publisher: string
  readonly part: number
  readonly term: bigint
  /** Of the part's. */
  readonly slots: SlotMask
}

export interface JoinRequest {
  readonly publisher: string
  readonly owner: string
  /** Goes on with the slots of both, under the higher of the two terms. */
  readonly part: number
  readonly term: bigint
  /** Ends. */
  readonly other: number
  readonly otherTerm: bigint
}

export interface HoldsRequest {
  readonly publisher: string
  readonly slots: SlotMask
  /** At least 1. */
  readonly limit: number
}

export interface PublishersRequest {
  /** The last name of the page before; '' at first. */
  readonly after: string
  /** At least 1. */
  readonly limit: number
}

export interface RebaseRequest {
  readonly publisher: string
  readonly follow: string
  readonly cursor: string | undefined
}

export interface RewindRequest extends StreamName {
  readonly publisher: string
  readonly slot: number
  readonly from: bigint
  readonly to: bigint
}

export interface DeadLettersRequest {
  readonly publisher: string
  readonly scope: ScopeId | undefined
  /** The number of the last one of the page before; 0 at first. */
  readonly after: bigint
  /** At least 1. */
  readonly limit: number
}

export interface PurgeDeadEvents {
  /** Undefined: of all publishers. */
  readonly publisher: string | undefined
  readonly olderThanMs: number
  /** At least 1. */
  readonly limit: number
  /** Counts what the call would remove, and removes nothing. */
  readonly dryRun: boolean
}

export interface ResolveDeadEvents {
  readonly publisher: string
  /** Undefined: of all scopes. */
  readonly scope: ScopeId | undefined
  readonly numbers: readonly bigint[]
  readonly action: 'redrive' | 'discard'
}

export interface PublisherSummary extends PublisherState {
  readonly heldStreams: number
  readonly deadLetters: number
}
