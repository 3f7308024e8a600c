/**
 * What a store implements of heaps (heap.ts): the inner half, with the heap's name in each call. It may assume valid
 * arguments. Heaps of different names have nothing in common [heap-name-1].
 *
 * Concurrency: every method may be called by any number of processes at once, and is one step: all of it, or nothing.
 * The store's clock decides whether a drain's lease holds.
 */
import type { HeapEntry, HeapPlace, HeapRecord } from './heap.js'

export interface HeapStore {
  readonly capabilities: { readonly durable: boolean; readonly shared: boolean }

  /** `error` undefined: the one that is kept stays. */
  recordFailure(failure: { readonly heap: string; readonly id: string; readonly error: string | undefined }):
  Promise<void>

  recordSuccess(success: { readonly heap: string; readonly id: string }): Promise<void>

  /**
   * Hides what it answers until the lease is over, and notes the owner; failures from now on are also counted apart.
   * It may leave out an entry that another call is changing at this moment: the next drain has it.
   */
  drain(request: DrainRequest): Promise<readonly HeapEntry[]>

  /**
   * Of the entries that the owner was the last to drain: removes those that have not failed since, and leaves the
   * others with what was counted apart. A lease that is over is no hindrance [heap-confirm-5].
   */
  confirm(request: ConfirmRequest): Promise<void>

  /**
   * Removes entries whose last failure is at least as old as asked, unless a drain's lease holds on them; at most
   * `limit` [heap-purge-*]. Answers how many.
   */
  purge(request: HeapPurgeRequest): Promise<number>

  /** One page of a heap: see `DlqHeap.list`. */
  list(request: HeapListRequest): Promise<readonly HeapRecord[]>

  /** The entry of an id; undefined when there is none [heap-list-4]. */
  find(entry: { readonly heap: string; readonly id: string }): Promise<HeapRecord | undefined>

  /**
   * The first heap behind this name, in the order of the names' UTF-8 bytes; undefined behind the last [heap-list-5].
   * It may be one that has no entries any more.
   */
  nextHeap(after: string): Promise<string | undefined>

  /** Later calls throw CLOSED. */
  close(): Promise<void>
}

export interface DrainRequest {
  readonly heap: string
  readonly threshold: number
  readonly limit: number
  readonly leaseMs: number
  readonly owner: string
}

export interface HeapListRequest {
  readonly heap: string
  readonly threshold: number
  /** Undefined at first. */
  readonly after: HeapPlace | undefined
  /** At least 1. */
  readonly limit: number
}

export interface ConfirmRequest {
  readonly heap: string
  readonly owner: string
  /** Some may be there more than once. */
  readonly ids: readonly string[]
}

export interface HeapPurgeRequest {
  /** Undefined: of all heaps. */
  readonly heap: string | undefined
  readonly olderThanMs: number
  readonly limit: number
  /** Counts what the call would remove, and removes nothing. */
  readonly dryRun: boolean
}
