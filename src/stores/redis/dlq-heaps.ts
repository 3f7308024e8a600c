/**
 * Heaps on a server of the Redis protocol. How they are stored: dlq-heap-scripts.ts. Every call is one script, so
 * nothing comes between what it reads and what it writes.
 */
import type { Clock } from '../../core/environment.js'
import type { RedisCommands, RedisReply } from '../../core/redis-commands.js'
import type {
  ConfirmRequest, DrainRequest, HeapListRequest, HeapPurgeRequest, HeapStore,
} from '../../deadletters/contract.js'
import type { HeapEntry, HeapRecord } from '../../deadletters/heap.js'
import { RedisConnection } from './connection.js'
import { CONFIRM, DRAIN, FIND, LIST, PURGE, RECORD_FAILURE, RECORD_SUCCESS } from './dlq-heap-scripts.js'
import { RedisKeys } from './keys.js'
import { RedisRegistry } from './registry.js'
import { listOf, textOf } from './replies.js'

export interface RedisHeapOptions {
  readonly prefix: string
  /** Replaces the server's clock, for tests. */
  readonly now?: Clock | undefined
}

const NAMES_PAGE = 100

export class RedisHeapStore implements HeapStore {
  readonly capabilities = { durable: true, shared: true }
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys
  /** Of all heaps, for a purge of all. No name is ever taken out: there are as many as the application uses. */
  readonly #names: RedisRegistry
  readonly #known = new Set<string>()
  readonly #clock: Clock | undefined

  constructor(commands: RedisCommands, { prefix, now }: RedisHeapOptions) {
    this.#connection = new RedisConnection(commands)
    this.#keys = new RedisKeys(prefix)
    this.#names = new RedisRegistry(this.#connection, this.#keys.heaps)
    this.#clock = now
  }

  async recordFailure({ heap, id, error }: Parameters<HeapStore['recordFailure']>[0]): Promise<void> {
    if (!this.#known.has(heap)) await this.#names.add(heap)
    this.#known.add(heap)
    const args = [this.#now(), id, ...error === undefined ? [] : [error]]
    const isFirst = await this.#connection.run(RECORD_FAILURE, this.#keys.heap(heap), args) === 1
    // The server may have been emptied since.
    if (isFirst) await this.#names.add(heap)
  }

  async recordSuccess({ heap, id }: { readonly heap: string; readonly id: string }): Promise<void> {
    await this.#connection.run(RECORD_SUCCESS, this.#keys.heap(heap), [id])
  }

  async drain({ heap, threshold, limit, leaseMs, owner }: DrainRequest): Promise<readonly HeapEntry[]> {
    const found = listOf(await this.#connection.run(DRAIN, this.#keys.heap(heap), [
      this.#now(), `${threshold}`, `${limit}`, `${leaseMs}`, owner,
    ]))
    const entries: HeapEntry[] = []
    for (let at = 0; at < found.length; at += 3) {
      const error = found[at + 2]
      entries.push({
        id: textOf(found[at]), failures: Number(textOf(found[at + 1])),
        ...error === null ? {} : { lastError: textOf(error) },
      })
    }
    return entries
  }

  async confirm({ heap, owner, ids }: ConfirmRequest): Promise<void> {
    await this.#connection.run(CONFIRM, this.#keys.heap(heap), [owner, ...ids])
  }

  async purge({ heap, ...request }: HeapPurgeRequest): Promise<number> {
    if (heap !== undefined) return this.#purgeOne(heap, request)
    let count = 0
    for (let after = ''; count < request.limit;) {
      const names = await this.#names.list(after, NAMES_PAGE, async (name) => name)
      for (const name of names) {
        if (count < request.limit) count += await this.#purgeOne(name, { ...request, limit: request.limit - count })
      }
      after = names.at(-1) ?? after
      if (names.length < NAMES_PAGE) return count
    }
    return count
  }

  async list({ heap, threshold, after, limit }: HeapListRequest): Promise<readonly HeapRecord[]> {
    return recordsOf(await this.#connection.run(LIST, this.#keys.heap(heap), [
      this.#now(), `${threshold}`, `${limit}`, after === undefined ? '' : `${after.failures}`, after?.id ?? '',
    ]))
  }

  async find({ heap, id }: { readonly heap: string; readonly id: string }): Promise<HeapRecord | undefined> {
    return recordsOf(await this.#connection.run(FIND, this.#keys.heap(heap), [this.#now(), id]))[0]
  }

  async nextHeap(after: string): Promise<string | undefined> {
    return (await this.#names.list(after, 1, async (name) => name))[0]
  }

  async close(): Promise<void> {
    this.#connection.close()
  }

  async #purgeOne(
    heap: string, { olderThanMs, limit, dryRun }: Omit<HeapPurgeRequest, 'heap'>,
  ): Promise<number> {
    return Number(await this.#connection.run(PURGE, this.#keys.heap(heap), [
      this.#now(), `${olderThanMs}`, `${limit}`, dryRun ? '1' : '0',
    ]))
  }

  /** '' stands for the server's. */
  #now(): string {
    return this.#clock?.().toString() ?? ''
  }
}

function recordsOf(reply: RedisReply): readonly HeapRecord[] {
  const found = listOf(reply)
  const entries: HeapRecord[] = []
  for (let at = 0; at < found.length; at += 5) {
    const error = found[at + 4]
    entries.push({
      id: textOf(found[at]), failures: Number(textOf(found[at + 1])), failedAt: Number(textOf(found[at + 2])),
      isDrained: textOf(found[at + 3]) === '1', ...error === null ? {} : { lastError: textOf(error) },
    })
  }
  return entries
}
