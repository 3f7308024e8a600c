/** What the caller of the feed suites hands in. */
import type { FeedCapabilities, FeedStore, LiveResults, ResultLog } from '../../feeds/contract.js'
import type { Isolation, OpenTransaction } from '../open-transactions.js'
import type { RunnerTest, SuiteSkip } from '../store-suite.js'

/** A log of its own for one case: empty, seen by nobody else. */
export interface OpenedResultLog<Tx> {
  readonly log: ResultLog<Tx>
  /** Calls may be part of a transaction that is rolled back. */
  readonly transactions: boolean
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** Ends this handle and opens another onto the same log. Absent where nothing outlives a handle. */
  reopen?(): Promise<ResultLog<Tx>>
  /** Frees everything. */
  close(): Promise<void>
}

/** Rows of their own for one case: none, seen by nobody else. */
export interface OpenedLiveResults<Tx> {
  readonly live: LiveResults<Tx>
  readonly capabilities: Pick<FeedCapabilities, 'transactions' | 'snapshots'>
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  reopen?(): Promise<LiveResults<Tx>>
  close(): Promise<void>
}

/** A store of its own for one case: migrated, empty, seen by nobody else. */
export interface OpenedFeeds<Tx> {
  readonly store: FeedStore<Tx>
  /** Another handle onto the same store, as another process has one; the same where there can be no other. */
  readonly other: FeedStore<Tx>
  /** A caller's transaction, on a connection of its own. Absent where there are none. */
  begin?(isolation?: Isolation): Promise<OpenTransaction<Tx>>
  /** Closes both handles and opens another onto the same feeds. Absent where nothing outlives a handle. */
  reopen?(): Promise<FeedStore<Tx>>
  /** The same transaction, whose statement number `failAt` fails, from 1 on. Absent where that cannot be done. */
  faulty?(tx: Tx, failAt: number): Tx
  /** Sets the sequence of a feed by hand, as if all results up to it had left. Absent where that cannot be done. */
  setSequence?(feed: string, sequence: bigint): Promise<void>
  /** Frees everything, also when the case has closed a handle already. */
  close(): Promise<void>
}

interface SuiteOptions<Opened> {
  /** The runner's own `test`, as for `outboxStoreSuite`. */
  readonly test: RunnerTest
  open(): Promise<Opened>
  /** Cases that this store cannot pass. A skip that names no case, or gives no reason, fails. */
  readonly skip?: readonly SuiteSkip[] | undefined
}

export type ResultLogSuiteOptions<Tx> = SuiteOptions<OpenedResultLog<Tx>>
export type LiveResultsSuiteOptions<Tx> = SuiteOptions<OpenedLiveResults<Tx>>

export interface FeedSuiteOptions<Tx> extends SuiteOptions<OpenedFeeds<Tx>> {
  /** How many random histories to run. Default 25. */
  readonly histories?: number | undefined
  /** The first seed. Default 1. */
  readonly seed?: number | undefined
}
