/** What the caller of the maintenance suite hands in. */
import type { Clock } from '../../core/environment.js'
import type { Store } from '../../store.js'
import type { RunnerTest, SuiteSkip } from '../store-suite.js'

export interface OpenMaintainedSettings {
  readonly now: Clock
}

/** A store of its own for one case: migrated, empty, seen by nobody else. */
export interface OpenedMaintained {
  readonly store: Store
  /** Another handle onto the same store, as another process has one; the same where there can be no other. */
  readonly other: Store
  close(): Promise<void>
}

export interface MaintenanceSuiteOptions {
  /** The runner's own `test`, as for `outboxStoreSuite`. */
  readonly test: RunnerTest
  open(settings: OpenMaintainedSettings): Promise<OpenedMaintained>
  /** Cases that this store cannot pass. A skip that names no case, or gives no reason, fails. */
  readonly skip?: readonly SuiteSkip[]
}
