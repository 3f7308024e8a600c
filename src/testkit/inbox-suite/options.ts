/** What the caller of the inbox suite hands in. */
import type { Clock } from '../../core/environment.js'
import type { InboxStore } from '../../inbox/contract.js'
import type { Isolation, OpenTransaction } from '../open-transactions.js'
import type { RunnerTest, SuiteSkip } from '../store-suite.js'

export interface OpenInboxSettings {
  /** Absent: the store's own clock. */
  readonly now?: Clock
}

/** A store of its own for one case: migrated, empty, seen by nobody else. */
export interface OpenedInbox<Tx> {
  readonly store: InboxStore<Tx>
  /** Another handle onto the same store, as another process has one; the same where there can be no other. */
  readonly other: InboxStore<Tx>
  /** A caller's transaction, on a connection of its own. Default isolation: read committed. */
  begin(isolation?: Isolation): Promise<OpenTransaction<Tx>>
  /** The same transaction, whose statement number `failAt` fails, from 1 on. Absent where that cannot be done. */
  faulty?(tx: Tx, failAt: number): Tx
  /** Frees everything, also when the case has closed a handle already. */
  close(): Promise<void>
}

export interface InboxSuiteOptions<Tx> {
  /** The runner's own `test`, as for `outboxStoreSuite`. */
  readonly test: RunnerTest
  open(settings: OpenInboxSettings): Promise<OpenedInbox<Tx>>
  /** Cases that this store cannot pass. A skip that names no case, or gives no reason, fails. */
  readonly skip?: readonly SuiteSkip[]
  /** How many random histories to run. Default 10. */
  readonly histories?: number | undefined
  /** The first seed. Default 1. */
  readonly seed?: number | undefined
}
