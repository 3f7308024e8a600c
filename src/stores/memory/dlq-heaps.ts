/**
 * Heaps in the memory of one process. Nothing is awaited inside a call, so each is a step that nothing comes into.
 */
import { systemClock, type Clock } from '../../core/environment.js'
import { WaybillError } from '../../core/errors.js'
import { isBehind } from '../../core/key-order.js'
import { MAX_HEAP_FAILURES } from '../../core/limits.js'
import { MAX_TIME } from '../../core/validate.js'
import type {
  ConfirmRequest, DrainRequest, HeapListRequest, HeapPurgeRequest, HeapStore,
} from '../../deadletters/contract.js'
import type { HeapEntry, HeapPlace, HeapRecord } from '../../deadletters/heap.js'

interface Entry {
  failures: number
  lastError: string | undefined
  failedAt: number
  drain: Drain | undefined
}

interface Drain {
  readonly owner: string
  readonly until: number
  /** Failures since. */
  fresh: number
}

export class MemoryHeapStore implements HeapStore {
  readonly capabilities = { durable: false, shared: false }
  readonly #now: Clock
  readonly #heaps = new Map<string, Map<string, Entry>>()
  #closed = false

  constructor({ now = systemClock }: { readonly now?: Clock | undefined } = {}) {
    this.#now = now
  }

  async recordFailure({ heap, id, error }: Parameters<HeapStore['recordFailure']>[0]): Promise<void> {
    this.#assertOpen()
    const entries = this.#heaps.get(heap) ?? new Map<string, Entry>()
    const entry = entries.get(id) ?? { failures: 0, lastError: undefined, failedAt: 0, drain: undefined }
    entry.failures = oneMore(entry.failures)
    if (entry.drain !== undefined) entry.drain.fresh = oneMore(entry.drain.fresh)
    entry.lastError = error ?? entry.lastError
    entry.failedAt = this.#now()
    this.#heaps.set(heap, entries.set(id, entry))
  }

  async recordSuccess({ heap, id }: { readonly heap: string; readonly id: string }): Promise<void> {
    this.#entries(heap).delete(id)
  }

  async drain({ heap, threshold, limit, leaseMs, owner }: DrainRequest): Promise<readonly HeapEntry[]> {
    const now = this.#now()
    const found = [...this.#entries(heap)]
      .filter(([, { failures, drain }]) => failures >= threshold && !holds(drain, now))
      .sort(([, a], [, b]) => b.failures - a.failures)
      .slice(0, limit)
    return found.map(([id, entry]) => {
      entry.drain = { owner, until: Math.min(now + leaseMs, MAX_TIME), fresh: 0 }
      return { id, failures: entry.failures, ...entry.lastError === undefined ? {} : { lastError: entry.lastError } }
    })
  }

  async confirm({ heap, owner, ids }: ConfirmRequest): Promise<void> {
    const entries = this.#entries(heap)
    for (const id of ids) {
      const entry = entries.get(id)
      if (entry?.drain?.owner !== owner) continue
      entry.failures = entry.drain.fresh
      entry.drain = undefined
      if (entry.failures === 0) entries.delete(id)
    }
  }

  async purge({ heap, olderThanMs, limit, dryRun }: HeapPurgeRequest): Promise<number> {
    this.#assertOpen()
    const now = this.#now()
    const old = (heap === undefined ? [...this.#heaps.values()] : [this.#entries(heap)]).flatMap((entries) => (
      [...entries].filter(([, { failedAt, drain }]) => failedAt <= now - olderThanMs && !holds(drain, now))
        .map(([id, { failedAt }]) => ({ entries, id, failedAt }))))
    const gone = old.sort((a, b) => a.failedAt - b.failedAt).slice(0, limit)
    if (!dryRun) for (const { entries, id } of gone) entries.delete(id)
    return gone.length
  }

  async list({ heap, threshold, after, limit }: HeapListRequest): Promise<readonly HeapRecord[]> {
    const now = this.#now()
    return [...this.#entries(heap)].map(([id, entry]) => recordOf(id, entry, now))
      .filter((entry) => entry.failures >= threshold && (after === undefined || inOrder(after, entry) < 0))
      .sort(inOrder)
      .slice(0, limit)
  }

  async find({ heap, id }: { readonly heap: string; readonly id: string }): Promise<HeapRecord | undefined> {
    const entry = this.#entries(heap).get(id)
    return entry && recordOf(id, entry, this.#now())
  }

  async nextHeap(after: string): Promise<string | undefined> {
    this.#assertOpen()
    return [...this.#heaps.keys()].filter((name) => isBehind(name, after)).sort((a, b) => (isBehind(a, b) ? 1 : -1))[0]
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #entries(heap: string): Map<string, Entry> {
    this.#assertOpen()
    return this.#heaps.get(heap) ?? new Map<string, Entry>()
  }

  #assertOpen(): void {
    if (this.#closed) throw new WaybillError('CLOSED', 'the store is closed')
  }
}

function inOrder(a: HeapPlace, b: HeapPlace): number {
  return b.failures - a.failures || Buffer.compare(Buffer.from(b.id), Buffer.from(a.id))
}

function recordOf(id: string, { failures, lastError, failedAt, drain }: Entry, now: number): HeapRecord {
  return { id, failures, ...lastError === undefined ? {} : { lastError }, failedAt, isDrained: holds(drain, now) }
}

function oneMore(count: number): number {
  return Math.min(count + 1, MAX_HEAP_FAILURES)
}

function holds(drain: Drain | undefined, now: number): boolean {
  return drain !== undefined && drain.until > now
}
