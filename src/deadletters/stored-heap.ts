/**
 * One heap of a store: checks what is given, and stands for whoever drains. An entry that was drained has the object's
 * name on it, so that of two processes that have drained the same one after another, only the second confirms it. So
 * nothing of a drain is kept in memory.
 */
import { newToken } from '../core/environment.js'
import { describeError, validationError } from '../core/errors.js'
import {
  MAX_HEAP_DRAIN, MAX_HEAP_FAILURES, MAX_KEY_BYTES, MAX_LEASE_MS, MAX_NAME_BYTES, MAX_PAGE_LIMIT,
} from '../core/limits.js'
import { DEFAULT_SCOPE, scopedName, type ScopeId } from '../core/scope.js'
import { assertDuration, assertInteger, assertName } from '../core/validate.js'
import type { HeapStore } from './contract.js'
import type { DlqHeap, HeapEntry, HeapListOptions, HeapRecord } from './heap.js'

/** How long entries are hidden by a drain: 5 min. */
export const DEFAULT_DRAIN_LEASE_MS = 300_000

export interface HeapOptions {
  /** How long a drain hides what it has taken, 1 ms to one day. Longer than a quarantine takes. Default 5 min. */
  readonly drainLeaseMs?: number | undefined
}

export interface HeapPurgeOptions {
  /** Since the last failure. */
  readonly olderThanMs: number
  /** At most this many. 1…100,000. Default 1,000. */
  readonly limit?: number | undefined
  /** Only counts what would be removed. Default false. */
  readonly dryRun?: boolean | undefined
}

/**
 * @example
 * const heap = waybill.heap('mailer')
 * await heap.recordFailure(message.id, 'refused')
 * const entries = await heap.drainExceeded(10)
 */
export class StoredHeap implements DlqHeap {
  readonly name: string
  readonly #store: HeapStore
  readonly #heap: string
  readonly #leaseMs: number
  readonly #owner = newToken()

  /** Use `waybill.heap`. @throws VALIDATION naming the option. */
  constructor(store: HeapStore, name: string, { drainLeaseMs }: HeapOptions = {}, scope: ScopeId = DEFAULT_SCOPE) {
    this.name = assertName('name', name, MAX_NAME_BYTES)
    this.#store = store
    this.#heap = scopedName(scope, name)
    this.#leaseMs = assertDuration('drainLeaseMs', drainLeaseMs ?? DEFAULT_DRAIN_LEASE_MS, 1, MAX_LEASE_MS)
  }

  async recordFailure(id: string, error?: string): Promise<void> {
    await this.#store.recordFailure({
      heap: this.#heap, id: assertId('id', id), error: error === undefined ? undefined : describeError(error),
    })
  }

  async recordSuccess(id: string): Promise<void> {
    await this.#store.recordSuccess({ heap: this.#heap, id: assertId('id', id) })
  }

  async drainExceeded(threshold: number): Promise<readonly HeapEntry[]> {
    return this.#store.drain({
      heap: this.#heap, threshold: assertThreshold(threshold), limit: MAX_HEAP_DRAIN, leaseMs: this.#leaseMs,
      owner: this.#owner,
    })
  }

  /** At most 1,000 at a time. @throws VALIDATION. */
  async confirmDrained(ids: readonly string[]): Promise<void> {
    if (!Array.isArray(ids) || ids.length > MAX_HEAP_DRAIN) {
      throw validationError('ids', `must be a list of at most ${MAX_HEAP_DRAIN}`, { max: MAX_HEAP_DRAIN })
    }
    for (const id of ids) assertId('ids', id)
    if (ids.length > 0) await this.#store.confirm({ heap: this.#heap, owner: this.#owner, ids })
  }

  /** @throws VALIDATION. */
  async get(id: string): Promise<HeapRecord | undefined> {
    return this.#store.find({ heap: this.#heap, id: assertId('id', id) })
  }

  /** @throws VALIDATION. */
  async list({ threshold = 1, after, limit = 100 }: HeapListOptions = {}): Promise<readonly HeapRecord[]> {
    assertInteger('limit', limit, 0, MAX_PAGE_LIMIT)
    const place = after && { id: assertId('after.id', after.id), failures: assertThreshold(after.failures) }
    const request = { heap: this.#heap, threshold: assertThreshold(threshold), after: place, limit }
    return limit === 0 ? [] : this.#store.list(request)
  }

  /**
   * Removes entries that have not failed for long, such as those of messages that are gone; answers how many. Nothing
   * else removes them. What is drained, and not confirmed, stays until the drain's lease is over.
   * @throws VALIDATION.
   */
  async purge({ olderThanMs, limit = 1_000, dryRun = false }: HeapPurgeOptions): Promise<number> {
    return this.#store.purge({
      heap: this.#heap, olderThanMs: assertDuration('olderThanMs', olderThanMs),
      limit: assertInteger('limit', limit, 1, 100_000), dryRun,
    })
  }
}

/** Inclusive. @throws VALIDATION. */
export function assertThreshold(threshold: unknown): number {
  return assertInteger('threshold', threshold, 1, MAX_HEAP_FAILURES)
}

function assertId(field: string, id: unknown): string {
  return assertName(field, id, MAX_KEY_BYTES)
}
