/** What the caller of the journal suite hands in. */
import type { Clock } from '../../core/environment.js'
import type { JournalStore } from '../../journal/contract.js'
import type { OutboxStore } from '../../outbox/contract.js'
import type { Isolation, OpenTransaction } from '../open-transactions.js'
import type { RunnerTest, SuiteSkip } from '../store-suite.js'

export interface OpenJournalSettings {
  /** Absent: the store's own clock. */
  readonly now?: Clock
}

/** A store of its own for one case: migrated, empty, seen by nobody else. */
export interface OpenedJournal<Tx> {
  readonly store: JournalStore<Tx>
  /** The outbox that shares its transactions, where there is one. */
  readonly outbox?: OutboxStore<Tx>
  /** A caller's transaction, on a connection of its own. A store with one isolation ignores the argument. */
  begin(isolation?: Isolation): Promise<OpenTransaction<Tx>>
  /** Frees everything, also when the case has closed the store already. */
  close(): Promise<void>
}

export type JournalSkip = SuiteSkip

export interface JournalSuiteOptions<Tx> {
  /** The runner's own `test`, as for `outboxStoreSuite`. */
  readonly test: RunnerTest
  open(settings: OpenJournalSettings): Promise<OpenedJournal<Tx>>
  /** Cases that this store cannot pass. A skip that names no case, or gives no reason, fails. */
  readonly skip?: readonly JournalSkip[]
  /** How many random histories to run. Default 25. */
  readonly histories?: number | undefined
  /** The first seed. Default 1. */
  readonly seed?: number
}
