/**
 * The two ports of the runner: where work comes from and goes back to, and what is done with it.
 * Nothing else in this folder knows what an item is.
 */

/** What the runner must know of an item. */
export interface RunnerItem {
  readonly id: string
  /** The number of this try, from 1. */
  readonly attempt: number
  /** Counted against `maxInFlightBytes`. */
  readonly bytes: number
  /** It is given up when this try fails. */
  readonly isLast?: boolean | undefined
  /** What it is one of, for those who count. */
  readonly type?: string | undefined
  /** How old the item was when it was pulled, by the source's clock. */
  readonly ageMs: number
  /**
   * Items with the same chain are delivered one after another, in the order in which they were pulled, across all
   * batches that are open. When one is not delivered, or is given back, those behind it are given back.
   */
  readonly chain?: string | undefined
  /** Groups take turns: the items of one do not stand before those of another. */
  readonly group?: string | undefined
}

/** Items under one claim, ours until its lease ends. */
export interface PulledBatch<Item extends RunnerItem> {
  /** The claim token; every settle and extend names it. */
  readonly id: string
  readonly items: readonly Item[]
  readonly leaseMs: number
  /** The one item of this batch may have ended a process before: deliver it with nothing beside it. */
  readonly solo: boolean
}

/**
 * - `ack`: delivered.
 * - `retry`: failed; due again after `retryInMs`, or given up when its attempts are spent.
 * - `dead`: failed for good.
 * - `release`: not tried, or turned away; spends no attempt.
 */
export type Outcome =
  | { readonly id: string; readonly kind: 'ack' }
  | { readonly id: string; readonly kind: 'retry'; readonly error: string; readonly retryInMs: number }
  | { readonly id: string; readonly kind: 'dead'; readonly error: string }
  | { readonly id: string; readonly kind: 'release'; readonly retryInMs?: number; readonly error?: string }

/** What became of an outcome. `lost_claim`: the item belongs to somebody else by now, nothing changed. */
export type Answer = 'delivered' | 'requeued' | 'dead_lettered' | 'released' | 'lost_claim'

export interface Source<Batch extends PulledBatch<Item>, Item extends RunnerItem> {
  /**
   * True: what follows an item in its chain is pulled only when that item was answered, so a chain is in one open
   * batch at a time, and a pull that would only pass over such items waits for the answers. That is a queue.
   *
   * False: pulls are pages of a log and do not depend on answers, so a chain may be in several open batches, and pulls
   * go on beside unanswered chains. Once it has answered an outcome other than `ack`, the source gives nothing that
   * follows that item until the chain may go on behind it, also by pulls that began before. While such an outcome is
   * unanswered, whatever it gives of that chain comes back as `release`.
   */
  readonly chainsAwaitAnswers: boolean
  /** Up to `limit` due items under a fresh claim, or null when nothing is due. */
  pull(limit: number, signal: AbortSignal): Promise<Batch | null>
  /** An answer for each outcome, in order. Called again with the same outcomes when it rejects. */
  settle(batch: Batch, outcomes: readonly Outcome[]): Promise<readonly Answer[]>
  /** Renews the lease for another `leaseMs`; false when the claim is gone. */
  extend(batch: Batch): Promise<boolean>
}

export interface DeliverContext {
  /** Aborted when the time for this try is over, or when the runner was stopped and could not wait. */
  readonly signal: AbortSignal
  /** The claim this try belongs to. */
  readonly claimToken: string
}

/** Resolves when the item is delivered. What it throws decides what happens next: `outcomeOf`. */
export type Deliver<Item extends RunnerItem> =
  (item: Item, context: DeliverContext) => Promise<unknown> | undefined

/**
 * What a handler's answer is to the runner: something to wait for, or nothing. A query builder is run by being awaited,
 * so a promise is not all that counts.
 */
export function whenDone(answer: unknown): Promise<unknown> | undefined {
  const mayHave = (typeof answer === 'object' && answer !== null) || typeof answer === 'function'
  return mayHave && 'then' in answer && typeof answer.then === 'function' ? Promise.resolve(answer) : undefined
}
