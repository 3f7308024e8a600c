/** What the caller of the publisher suite hands in. */
import type { JournalStore } from '../../journal/contract.js'
import type { ProgressStore } from '../../journal/progress.js'
import type { RunnerTest, SuiteSkip } from '../store-suite.js'

/** A journal with its progress, of its own for one case: migrated, empty, seen by nobody else. */
export interface OpenedPublisherStore {
  readonly journal: JournalStore
  readonly progress: ProgressStore
  close(): Promise<void>
}

export interface PublisherSuiteOptions {
  /** The runner's own `test`, as for `outboxStoreSuite`. */
  readonly test: RunnerTest
  open(): Promise<OpenedPublisherStore>
  /** Cases that this store cannot pass. A skip that names no case, or gives no reason, fails. */
  readonly skip?: readonly SuiteSkip[]
}
