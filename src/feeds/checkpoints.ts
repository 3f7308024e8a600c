/**
 * The checkpoint contract: how far a subscriber is in each of its feeds, and which process is the subscriber now.
 *
 *     subscriber ── owner a · term 4 · lease ─┬─ feed open-orders · sequence 43 · incarnation · config hash
 *                                             └─ feed stock       · sequence 7  · incarnation · config hash
 *
 * One process at a time: the others wait until its lease has run out. A store implements this interface and nothing
 * else, and may assume valid arguments. The names in brackets are the cases of the published suite.
 *
 * Concurrency: every method may be called by any number of processes at once, and changes one subscriber entirely or
 * not at all [checkpoint-race-*]. The store's clock decides whether a lease holds.
 */
export interface CheckpointStore {
  readonly capabilities: { readonly durable: boolean; readonly shared: boolean }

  /**
   * Becomes the subscriber's process, under a term above all before, unless another has a lease that holds: then
   * undefined. Who is it already goes on under its term, and its lease is renewed [checkpoint-take-*].
   */
  take(request: TakeSubscriber): Promise<SubscriberState | undefined>

  /**
   * Writes checkpoints and dead letters over what is stored of the same feeds, if and only if the term is still the
   * caller's; else nothing changes and the answer is false [checkpoint-save-*]. A lease that has run out is no
   * hindrance while nobody has taken over [checkpoint-save-3]. A save may be repeated, as after a lost answer.
   */
  save(request: SaveCheckpoints): Promise<boolean>

  /** Ends the caller's lease, so that another may take over at once. Nothing happens under a stale term. */
  release(request: { readonly subscriber: string; readonly term: bigint }): Promise<void>

  /** In the order of the names' UTF-8 bytes. Writes nothing [checkpoint-list-*]. */
  list(request: SubscribersRequest): Promise<readonly SubscriberState[]>

  /** Results that the subscriber gave up, the latest last, each once [checkpoint-dead-*]. */
  deadLetters(request: DeadResultsRequest): Promise<readonly DeadResult[]>

  /**
   * Removes dead letters of this subscriber, and answers how many there were [checkpoint-discard-*]. A result that was
   * given up again meanwhile has another number by then, and stays [checkpoint-discard-2].
   */
  discard(request: DiscardResults): Promise<number>

  /**
   * Removes dead letters that were given up at least as long ago as asked, the oldest first, at most `limit`; answers
   * how many [checkpoint-purge-*]. One that another call is changing at this moment may be left to the next purge.
   */
  purgeDead(request: PurgeDeadResults): Promise<number>

  /**
   * Forgets the subscriber with all that it has, whoever works on it: its term is over. False when there is none. One
   * of the same name goes on with the terms [checkpoint-forget-*]. With a feed only its checkpoint and dead letters go,
   * and where it has no checkpoint nothing happens: the answer is false, the term stays [checkpoint-forget-3, -4].
   */
  forget(subscriber: string, feed?: string): Promise<boolean>

  /** Later calls throw CLOSED. */
  close(): Promise<void>
}

export interface Checkpoint {
  /** The feed's key. */
  readonly feed: string
  /** Every result up to it is behind the subscriber. */
  readonly sequence: bigint
  /** Empty, as the hash is: the feed was not there yet, and is read from its first result on when it comes. */
  readonly incarnation: string
  readonly configHash: string
}

export interface StoredCheckpoint extends Checkpoint {
  /** When it was saved last, by the store's clock, in milliseconds since 1970 [checkpoint-save-6]. */
  readonly savedAt: number
}

export interface SubscriberState {
  /** Its key: the id, with the scope in front where it has one. */
  readonly subscriber: string
  /** Undefined when nobody is it. It stays when only the lease has run out. */
  readonly owner: string | undefined
  /** Grows with each change of the owner, also to none. */
  readonly term: bigint
  /** How long the lease still holds, by the store's clock; 0 when it does not. */
  readonly leaseMs: number
  /** By feed. */
  readonly checkpoints: readonly StoredCheckpoint[]
}

export interface TakeSubscriber {
  readonly subscriber: string
  readonly owner: string
  readonly leaseMs: number
}

export interface SaveCheckpoints {
  readonly subscriber: string
  readonly term: bigint
  readonly checkpoints: readonly Checkpoint[]
  readonly dead: readonly DeadResultDraft[]
}

export interface SubscribersRequest {
  /** The last name of the page before; '' at first. */
  readonly after: string
  /** At least 1. */
  readonly limit: number
}

/** A result that its subscriber could not take. */
export interface DeadResultDraft {
  readonly feed: string
  readonly incarnation: string
  readonly sequence: bigint
  /** As it was in the log, which may have lost it by now. */
  readonly data: Uint8Array
  readonly attempts: number
  readonly error: string
}

export interface DeadResult extends DeadResultDraft {
  /** Orders the dead letters of all subscribers. */
  readonly number: bigint
  readonly subscriber: string
  readonly diedAt: number
}

export interface DeadResultsRequest {
  readonly subscriber: string
  /** The number of the last one of the page before; 0 at first. */
  readonly after: bigint
  /** At least 1. */
  readonly limit: number
}

export interface DiscardResults {
  readonly subscriber: string
  /** Of the dead letters, any of u64. */
  readonly numbers: readonly bigint[]
}

export interface PurgeDeadResults {
  /** Undefined: of all subscribers. */
  readonly subscriber: string | undefined
  readonly olderThanMs: number
  /** At least 1. */
  readonly limit: number
  /** Counts what the call would remove, and removes nothing. */
  readonly dryRun: boolean
}
