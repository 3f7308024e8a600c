/**
 * The checkpoints of subscribers in the memory of one process. Nothing is awaited inside a call, so each is a step that
 * nothing interleaves with.
 */
import { systemClock, type Clock } from '../../core/environment.js'
import { WaybillError } from '../../core/errors.js'
import { MAX_TIME } from '../../core/validate.js'
import type {
  CheckpointStore, DeadResult, DeadResultDraft, DeadResultsRequest, DiscardResults, PurgeDeadResults, SaveCheckpoints,
  StoredCheckpoint, SubscribersRequest, SubscriberState, TakeSubscriber,
} from '../../feeds/checkpoints.js'

/** It stays when it is forgotten, for its term. */
interface Subscriber {
  owner: string | undefined
  term: bigint
  leaseUntil: number
  isForgotten: boolean
  readonly checkpoints: Map<string, StoredCheckpoint>
  /** By the result, the latest last. */
  readonly dead: Map<string, DeadResult>
}

export class MemoryCheckpointStore implements CheckpointStore {
  readonly capabilities = { durable: false, shared: false }
  readonly #now: Clock
  readonly #subscribers = new Map<string, Subscriber>()
  #lastDead = 0n
  #closed = false

  constructor({ now = systemClock }: { readonly now?: Clock | undefined } = {}) {
    this.#now = now
  }

  async take({ subscriber, owner, leaseMs }: TakeSubscriber): Promise<SubscriberState | undefined> {
    const now = this.#now()
    const found = this.#find(subscriber) ?? newSubscriber()
    if (found.owner !== undefined && found.owner !== owner && found.leaseUntil > now) return undefined
    if (found.owner !== owner) found.term += 1n
    found.owner = owner
    found.leaseUntil = Math.min(now + leaseMs, MAX_TIME)
    found.isForgotten = false
    this.#subscribers.set(subscriber, found)
    return shown(subscriber, found, now)
  }

  async save({ subscriber, term, checkpoints, dead }: SaveCheckpoints): Promise<boolean> {
    const found = this.#find(subscriber)
    if (found?.term !== term) return false
    const savedAt = this.#now()
    for (const checkpoint of checkpoints) found.checkpoints.set(checkpoint.feed, { ...checkpoint, savedAt })
    for (const draft of dead) {
      const key = keyOf(draft)
      found.dead.delete(key)
      this.#lastDead += 1n
      found.dead.set(key, {
        ...draft, data: draft.data.slice(), number: this.#lastDead, subscriber, diedAt: savedAt,
      })
    }
    return true
  }

  async release({ subscriber, term }: { readonly subscriber: string; readonly term: bigint }): Promise<void> {
    const found = this.#find(subscriber)
    if (found?.term === term && found.owner !== undefined) free(found)
  }

  async list({ after, limit }: SubscribersRequest): Promise<readonly SubscriberState[]> {
    this.#assertOpen()
    const now = this.#now()
    return [...this.#subscribers]
      .filter(([name, { isForgotten }]) => !isForgotten && inOrder(after, name) < 0)
      .sort(([a], [b]) => inOrder(a, b))
      .slice(0, limit)
      .map(([name, found]) => shown(name, found, now))
  }

  async deadLetters({ subscriber, after, limit }: DeadResultsRequest): Promise<readonly DeadResult[]> {
    return [...this.#find(subscriber)?.dead.values() ?? []]
      .filter(({ number }) => number > after)
      .slice(0, limit)
      .map((letter) => ({ ...letter, data: letter.data.slice() }))
  }

  async discard({ subscriber, numbers }: DiscardResults): Promise<number> {
    const dead = this.#find(subscriber)?.dead ?? new Map<string, DeadResult>()
    const gone = new Set(numbers)
    const before = dead.size
    for (const [key, { number }] of dead) if (gone.has(number)) dead.delete(key)
    return before - dead.size
  }

  async purgeDead({ subscriber, olderThanMs, limit, dryRun }: PurgeDeadResults): Promise<number> {
    this.#assertOpen()
    const diedBy = this.#now() - olderThanMs
    const old = [...this.#subscribers]
      .filter(([name]) => subscriber === undefined || name === subscriber)
      .flatMap(([, { dead }]) => [...dead].map(([key, { diedAt }]) => ({ dead, key, diedAt })))
      .filter(({ diedAt }) => diedAt <= diedBy)
      .sort((a, b) => a.diedAt - b.diedAt)
      .slice(0, limit)
    if (!dryRun) for (const { dead, key } of old) dead.delete(key)
    return old.length
  }

  async forget(subscriber: string, feed?: string): Promise<boolean> {
    const found = this.#find(subscriber)
    if (found === undefined || found.isForgotten) return false
    if (feed !== undefined) return forgetFeed(found, feed)
    free(found)
    found.isForgotten = true
    found.checkpoints.clear()
    found.dead.clear()
    return true
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #find(subscriber: string): Subscriber | undefined {
    this.#assertOpen()
    return this.#subscribers.get(subscriber)
  }

  #assertOpen(): void {
    if (this.#closed) throw new WaybillError('CLOSED', 'the store is closed')
  }
}

function newSubscriber(): Subscriber {
  return { owner: undefined, term: 0n, leaseUntil: 0, isForgotten: false, checkpoints: new Map(), dead: new Map() }
}

function free(found: Subscriber): void {
  found.owner = undefined
  found.term += 1n
  found.leaseUntil = 0
}

function forgetFeed(found: Subscriber, feed: string): boolean {
  if (!found.checkpoints.delete(feed)) return false
  free(found)
  for (const [key, letter] of found.dead) if (letter.feed === feed) found.dead.delete(key)
  return true
}

function shown(subscriber: string, { owner, term, leaseUntil, checkpoints }: Subscriber, now: number): SubscriberState {
  const byFeed = [...checkpoints.values()].sort((a, b) => inOrder(a.feed, b.feed))
  return { subscriber, owner, term, leaseMs: Math.max(0, leaseUntil - now), checkpoints: byFeed }
}

function keyOf({ feed, incarnation, sequence }: DeadResultDraft): string {
  return JSON.stringify([feed, incarnation, `${sequence}`])
}

/** By the bytes of their UTF-8. */
function inOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
