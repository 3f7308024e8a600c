/** What the caller of the outbox suite hands in. */
import type { Clock } from '../../core/environment.js'
import type { OutboxStore } from '../../outbox/contract.js'
import type { Isolation, OpenTransaction } from '../open-transactions.js'
import type { RunnerTest, SuiteSkip } from '../store-suite.js'

export interface OpenSettings {
  /** Absent: the store's own clock. */
  readonly now?: Clock
  readonly retainDeliveredMs?: number
}

/** A store of its own for one case: migrated, empty, seen by nobody else. */
export interface OpenedOutbox<Tx> {
  readonly store: OutboxStore<Tx>
  /** A caller's transaction, on a connection of its own. A store with one isolation ignores the argument. */
  begin(isolation?: Isolation): Promise<OpenTransaction<Tx>>
  /** Frees everything, also when the case has closed the store already. */
  close(): Promise<void>
}

export type OutboxSkip = SuiteSkip

export interface OutboxSuiteOptions<Tx> {
  /**
   * The runner's own `test`, of vitest, node:test, jest or mocha. The suite needs nothing else of the runner;
   * notes, such as why a case ran in its serial form, go to the runner's test context where it has one.
   */
  readonly test: RunnerTest
  open(settings: OpenSettings): Promise<OpenedOutbox<Tx>>
  /** Cases that this store cannot pass. A skip that names no case, or gives no reason, fails. */
  readonly skip?: readonly OutboxSkip[]
  /** How many random histories to run. Default 25. */
  readonly histories?: number | undefined
  /** The first seed. Default 1. */
  readonly seed?: number
}
