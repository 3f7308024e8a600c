/**
 * The subscribers that a store knows, for those who operate them: who is at work, how far each is in its feeds, what
 * was set aside, and what becomes of that. Whether a process works on them makes no difference.
 *
 * Concurrency: to forget, of a subscriber or of one of its feeds, ends the term of the process that works on it, in the
 * step that removes. So that process can save no more: what it has under way when it learns of it (with its next save,
 * or after a third of its lease) is dropped, and it begins anew from what is stored, as a new subscriber would.
 *
 * A result that was set aside is not the subscriber's any more: its checkpoint is behind it. To redrive is therefore
 * nobody's turn, names no term, and may be done by any process, beside the subscriber that goes on. A dead letter is
 * discarded by its number after its handler is through. Two who redrive at once may both handle it, and whoever dies in
 * between has handled it and left it; a result that was set aside again meanwhile has another number and stays.
 */
import type { Codec } from '../core/codec.js'
import { validationError } from '../core/errors.js'
import { isBehind, keyBefore } from '../core/key-order.js'
import { MAX_NAME_BYTES, MAX_OFFSET_NAME_BYTES, MAX_PAGE_LIMIT } from '../core/limits.js'
import { DEFAULT_SCOPE, isReservedKey, nameOfKey, scopedKey, scopedName, type ScopeId } from '../core/scope.js'
import { assertU64, type U64 } from '../core/u64.js'
import { assertInteger, assertName } from '../core/validate.js'
import type { CheckpointStore, DeadResult, StoredCheckpoint, SubscriberState } from './checkpoints.js'
import type { FeedStore } from './contract.js'
import { decodeResult } from './frame.js'
import type { FeedState, Result } from './result.js'

export interface SubscribersOptions {
  /** Only those behind this key. Default from the first. */
  readonly after?: string | undefined
  /** 0…1,000. Default 100. */
  readonly limit?: number | undefined
}

export interface DeadLettersOptions {
  /** Only those behind the one of this number. Default 0: from the first. */
  readonly after?: U64 | undefined
  /** 0…1,000. Default 100. A result has up to 64 MiB: ask for few where yours are large. */
  readonly limit?: number | undefined
}

/** A subscriber as it is stored. */
export interface StoredSubscriber {
  /** By which stores know it, and by which pages go on. */
  readonly key: string
  readonly id: string
  readonly scope: ScopeId
  /** Of the process that is it, also when its lease has run out; undefined when it let go. */
  readonly owner: string | undefined
  /** Grows with each change of the owner, also to none. */
  readonly term: bigint
  /** How long the lease still holds, by the store's clock; 0 when it does not. */
  readonly leaseMs: number
  /** By key. */
  readonly feeds: readonly SubscribedFeed[]
}

/** How far a subscriber is in a feed. */
export interface SubscribedFeed {
  readonly key: string
  readonly name: string
  readonly scope: ScopeId
  /** Every result up to it is behind the subscriber. */
  readonly sequence: bigint
  /** Empty, as the hash is, of a feed that was not there yet. */
  readonly incarnation: string
  readonly configHash: string
  /** When the checkpoint was saved last, by the store's clock, in milliseconds since 1970. */
  readonly savedAt: number
  /**
   * Results of the feed that are not behind it yet. Undefined when the feed began anew or went back since, or is not in
   * this store.
   */
  readonly behind: bigint | undefined
}

/** A result that a subscriber gave up. */
export interface ResultDeadLetter {
  /** Orders them; what was given up again has a new one. */
  readonly number: bigint
  /** The name of the feed, and the scope that this is of. */
  readonly feed: string
  readonly scope: ScopeId
  readonly incarnation: string
  readonly sequence: bigint
  readonly attempts: number
  readonly error: string
  /** By the store's clock, in milliseconds since 1970. */
  readonly diedAt: number
  /** Its bytes, as they were in the log. */
  readonly data: Uint8Array
  /** Undefined where the bytes cannot be read, which may be why it was given up. */
  readonly result: Result | undefined
}

export interface Redrive {
  /** How many were handled, and are discarded. */
  readonly handled: number
  /** Those that stay, with what the handler threw: CORRUPT where the bytes cannot be read. */
  readonly failed: readonly { readonly number: bigint; readonly error: unknown }[]
  /** Go on with `after` this one. Undefined when there are no more. */
  readonly next: bigint | undefined
}

export interface SubscribersPorts {
  readonly checkpoints: CheckpointStore
  /** Absent in a store that keeps checkpoints of feeds that are elsewhere. */
  readonly feeds: Pick<FeedStore, 'state'> | undefined
  readonly codec: Codec
  readonly scope: ScopeId | undefined
}

export class Subscribers {
  readonly #ports: SubscribersPorts

  constructor(ports: SubscribersPorts) {
    this.#ports = ports
  }

  /**
   * In the order of the keys' UTF-8 bytes, with how far each is behind. In a scoped view, the scope's own; else those
   * of all scopes. Asks each feed once.
   * @throws VALIDATION.
   */
  async list({ after = '', limit = 100 }: SubscribersOptions = {}): Promise<readonly StoredSubscriber[]> {
    assertInteger('limit', limit, 0, MAX_PAGE_LIMIT)
    const { checkpoints, scope } = this.#ports
    const prefix = scope === undefined || scope === DEFAULT_SCOPE ? '' : scopedKey(scope, '')
    let last = after === '' ? prefix : assertName('after', after, MAX_OFFSET_NAME_BYTES)
    if (isBehind(prefix, last)) last = prefix
    const found: SubscriberState[] = []
    while (found.length < limit) {
      const page = await checkpoints.list({ after: last, limit })
      found.push(...page.filter(({ subscriber }) => this.#isOwn(subscriber)).slice(0, limit - found.length))
      last = page.at(-1)?.subscriber ?? ''
      // Those of a scope are beside each other, but for the default one's.
      if (page.length < limit || !last.startsWith(prefix)) break
    }
    return this.#shown(found)
  }

  /** Undefined when there is none of this id. @throws VALIDATION. */
  async get(id: string): Promise<StoredSubscriber | undefined> {
    const key = this.#key(id)
    for (let after = keyBefore(key); ;) {
      const [state] = await this.#ports.checkpoints.list({ after, limit: 1 })
      if (state?.subscriber === key) return (await this.#shown([state]))[0]
      if (state === undefined || isBehind(state.subscriber, key)) return undefined
      after = state.subscriber
    }
  }

  /**
   * Forgets the subscriber with all that is stored of it, or one of its feeds: a name of this view's scope, or one as
   * `list` gives it. False when there is no such subscriber, or no checkpoint of the feed. One that runs drops what it
   * has under way, and begins as a new one; `start` says where.
   * @throws VALIDATION.
   * @example
   * await waybill.subscribers.forget('cache', 'open-orders')
   */
  async forget(id: string, feed?: string | { readonly key: string }): Promise<boolean> {
    const key = this.#key(id)
    return this.#ports.checkpoints.forget(key, feed === undefined ? undefined : this.#feedKey(feed))
  }

  /** Results that the subscriber gave up, the latest last. @throws VALIDATION. */
  async deadLetters(
    id: string, { after = 0n, limit = 100 }: DeadLettersOptions = {},
  ): Promise<readonly ResultDeadLetter[]> {
    assertInteger('limit', limit, 0, MAX_PAGE_LIMIT)
    const request = { subscriber: this.#key(id), after: assertU64('after', after), limit }
    const letters = limit === 0 ? [] : await this.#ports.checkpoints.deadLetters(request)
    return letters.map((letter) => this.#letterOf(letter))
  }

  /**
   * Removes dead letters for good, at most 1,000 by their numbers, and answers how many there were.
   * @throws VALIDATION.
   */
  async discard(id: string, numbers: readonly U64[]): Promise<number> {
    if (!Array.isArray(numbers)) throw validationError('numbers', 'must be an array')
    assertInteger('numbers.length', numbers.length, 0, MAX_PAGE_LIMIT)
    const valid = numbers.map((number: U64) => assertU64('numbers', number))
    return this.#ports.checkpoints.discard({ subscriber: this.#key(id), numbers: valid })
  }

  /**
   * Gives dead letters to a handler, the first that were given up first, one after another, and discards each that it
   * has handled. One that it throws at stays, and the next one's turn comes. At least once, and out of their order:
   * what came behind them was delivered long ago, so a handler must not put an old state over a new one.
   * @throws VALIDATION.
   * @example
   * const { failed } = await waybill.subscribers.redrive('mails', ({ changes }) => send(changes))
   */
  async redrive(
    id: string, handle: (result: Result, letter: ResultDeadLetter) => unknown,
    { after = 0n, limit = 100 }: DeadLettersOptions = {},
  ): Promise<Redrive> {
    if (typeof handle !== 'function') throw validationError('handle', 'must be a function')
    assertInteger('limit', limit, 0, MAX_PAGE_LIMIT)
    const { checkpoints, codec } = this.#ports
    const subscriber = this.#key(id)
    const failed: { number: bigint; error: unknown }[] = []
    let next = assertU64('after', after)
    let handled = 0
    while (handled + failed.length < limit) {
      // Each when its turn has come: they may be large.
      const [letter] = await checkpoints.deadLetters({ subscriber, after: next, limit: 1 })
      if (letter === undefined) return { handled, failed, next: undefined }
      next = letter.number
      try {
        const result = decodeResult(letter.sequence, letter.data, codec)
        await handle(result, { ...this.#letterOf(letter), result })
      } catch (error) {
        failed.push({ number: next, error })
        continue
      }
      await checkpoints.discard({ subscriber, numbers: [next] })
      handled += 1
    }
    return { handled, failed, next }
  }

  async #shown(states: readonly SubscriberState[]): Promise<readonly StoredSubscriber[]> {
    const { feeds } = this.#ports
    const known = new Map<string, FeedState | undefined>()
    for (const { feed } of states.flatMap(({ checkpoints }) => checkpoints)) {
      if (!known.has(feed)) known.set(feed, await feeds?.state(feed))
    }
    return states.map(({ subscriber: key, owner, term, leaseMs, checkpoints }) => {
      const { name: id, scope } = nameOfKey(key)
      return {
        key, id, scope, owner, term, leaseMs,
        feeds: checkpoints.map((checkpoint) => subscribed(checkpoint, known.get(checkpoint.feed))),
      }
    })
  }

  #letterOf({ feed, subscriber: _subscriber, ...rest }: DeadResult): ResultDeadLetter {
    const { name, scope } = nameOfKey(feed)
    return { ...rest, feed: name, scope, result: this.#readable(rest) }
  }

  #readable({ sequence, data }: Pick<DeadResult, 'sequence' | 'data'>): Result | undefined {
    try {
      return decodeResult(sequence, data, this.#ports.codec)
    } catch {
      return undefined
    }
  }

  #isOwn(key: string): boolean {
    const { scope } = this.#ports
    if (isReservedKey(key)) return false
    return scope === undefined || nameOfKey(key).scope === scope
  }

  #key(id: string): string {
    return scopedName(this.#scope, assertName('id', id, MAX_NAME_BYTES))
  }

  #feedKey(feed: string | { readonly key: string }): string {
    if (typeof feed === 'string') return scopedName(this.#scope, assertName('feed', feed, MAX_NAME_BYTES))
    return assertName('feed', feed?.key, MAX_OFFSET_NAME_BYTES)
  }

  get #scope(): ScopeId {
    return this.#ports.scope ?? DEFAULT_SCOPE
  }
}

function subscribed(checkpoint: StoredCheckpoint, state: FeedState | undefined): SubscribedFeed {
  const { feed: key, sequence, incarnation, configHash, savedAt } = checkpoint
  const isSame = state?.incarnation === incarnation && state.sequence >= sequence
  return {
    key, ...nameOfKey(key), sequence, incarnation, configHash, savedAt,
    behind: isSame ? state.sequence - sequence : undefined,
  }
}
