/** What the caller of the checkpoint suite hands in. */
import type { Clock } from '../../core/environment.js'
import type { CheckpointStore } from '../../feeds/checkpoints.js'
import type { RunnerTest, SuiteSkip } from '../store-suite.js'

export interface OpenCheckpointSettings {
  /** Absent: the store's own clock. */
  readonly now?: Clock
}

/** A store of its own for one case: migrated, empty, seen by nobody else. */
export interface OpenedCheckpoints {
  readonly store: CheckpointStore
  /** Another handle onto the same store, as another process has one; the same where there can be no other. */
  readonly other: CheckpointStore
  /** Frees everything, also when the case has closed a handle already. */
  close(): Promise<void>
}

export interface CheckpointSuiteOptions {
  /** The runner's own `test`, as for `outboxStoreSuite`. */
  readonly test: RunnerTest
  open(settings: OpenCheckpointSettings): Promise<OpenedCheckpoints>
  /** Cases that this store cannot pass. A skip that names no case, or gives no reason, fails. */
  readonly skip?: readonly SuiteSkip[]
}
