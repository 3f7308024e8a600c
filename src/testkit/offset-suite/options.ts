/** What the caller of the offset suite hands in. */
import type { OffsetStore } from '../../journal/offset-store.js'
import type { RunnerTest, SuiteSkip } from '../store-suite.js'

/**
 * - `none`: the write goes through.
 * - `before`: throws STORE_UNAVAILABLE and writes nothing.
 * - `after`: writes, then throws STORE_UNAVAILABLE.
 */
export type OffsetFault = 'none' | 'before' | 'after'

/** A database of its own for one case: empty, seen by nobody else. */
export interface OpenedOffsets {
  /** What one process has of this name. `fault` is asked at each write, and what it says comes true. */
  open(name: string, fault: () => OffsetFault): OffsetStore
  /** Damages what was saved of the name. Absent where it cannot be damaged. */
  spoil?(name: string): Promise<void>
  /** Ends the store as its owner would: later calls cannot reach it. */
  shut(): Promise<void>
  /** Frees everything, also after `shut`. */
  close(): Promise<void>
}

export type OffsetSkip = SuiteSkip

export interface OffsetSuiteOptions {
  /** The runner's own `test`, as for `outboxStoreSuite`. */
  readonly test: RunnerTest
  open(): Promise<OpenedOffsets>
  /** Cases that this store cannot pass. A skip that names no case, or gives no reason, fails. */
  readonly skip?: readonly OffsetSkip[]
  /** How many random histories to run. Default 25. */
  readonly histories?: number | undefined
  /** The first seed. Default 1. */
  readonly seed?: number
}
