/** What the caller of the subscriber suite hands in. */
import type { CheckpointStore } from '../../feeds/checkpoints.js'
import type { FeedStore } from '../../feeds/contract.js'
import type { RunnerTest, SuiteSkip } from '../store-suite.js'

/** Feeds and checkpoints of their own for one case: migrated, empty, seen by nobody else. */
export interface OpenedSubscriberStore {
  readonly feeds: FeedStore
  readonly checkpoints: CheckpointStore
  close(): Promise<void>
}

export interface SubscriberSuiteOptions {
  /** The runner's own `test`, as for `outboxStoreSuite`. */
  readonly test: RunnerTest
  open(): Promise<OpenedSubscriberStore>
  /** Cases that this store cannot pass. A skip that names no case, or gives no reason, fails. */
  readonly skip?: readonly SuiteSkip[]
  /** How many random histories to run. Default 10. */
  readonly histories?: number | undefined
  /** The first seed. Default 1. */
  readonly seed?: number | undefined
}
