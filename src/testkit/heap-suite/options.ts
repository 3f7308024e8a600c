/** What the caller of the heap suite hands in. */
import type { Clock } from '../../core/environment.js'
import type { HeapStore } from '../../deadletters/contract.js'
import type { DlqHeap } from '../../deadletters/heap.js'
import { StoredHeap, type HeapPurgeOptions } from '../../deadletters/stored-heap.js'
import type { RunnerTest, SuiteSkip } from '../store-suite.js'

export interface OpenHeapSettings {
  /** Absent: the heaps' own clock. */
  readonly now?: Clock
}

/** Heaps of its own for one case: empty, seen by nobody else. */
export interface OpenedHeaps {
  /** An object of its own at each call. The lease is that of its drains. */
  open(name: string, drainLeaseMs: number): DlqHeap
  /** The same heaps as another process has them; `open` where there can be no other. */
  openOther(name: string, drainLeaseMs: number): DlqHeap
  /** Absent where heaps are not purged by age. */
  purge?(options: HeapPurgeOptions & { readonly name?: string }): Promise<number>
  /** The first heap behind this name. Absent where the names are not listed. */
  nextHeap?(after: string): Promise<string | undefined>
  /** Sets the count of an id that has failed before. Absent where that cannot be done. */
  setFailures?(name: string, id: string, failures: number): Promise<void>
  /** Ends what `open` opens as its owner would: later calls throw CLOSED. */
  shut(): Promise<void>
  /** Frees everything, also after `shut`. */
  close(): Promise<void>
}

export interface HeapSuiteOptions {
  /** The runner's own `test`, as for `outboxStoreSuite`. */
  readonly test: RunnerTest
  open(settings: OpenHeapSettings): Promise<OpenedHeaps>
  /** Cases that this heap cannot pass. A skip that names no case, or gives no reason, fails. */
  readonly skip?: readonly SuiteSkip[]
}

export interface HeapStorePair {
  readonly store: HeapStore
  /** Another handle onto the same store, as another process has one; the same where there can be no other. */
  readonly other: HeapStore
  readonly setFailures?: OpenedHeaps['setFailures']
  close(): Promise<void>
}

/** The heaps of a store, for the suite. */
export function openedHeaps({ store, other, setFailures, close }: HeapStorePair): OpenedHeaps {
  return {
    open: (name, drainLeaseMs) => new StoredHeap(store, name, { drainLeaseMs }),
    openOther: (name, drainLeaseMs) => new StoredHeap(other, name, { drainLeaseMs }),
    purge: ({ name, olderThanMs, limit = 1_000, dryRun = false }) => (
      store.purge({ heap: name, olderThanMs, limit, dryRun })),
    nextHeap: (after) => store.nextHeap(after),
    ...setFailures === undefined ? {} : { setFailures },
    shut: () => store.close(),
    close,
  }
}
