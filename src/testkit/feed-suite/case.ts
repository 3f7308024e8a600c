/** What the cases of the feed suites are. */
import type { StoreCase } from '../store-suite.js'
import type { FeedContext } from './context.js'
import type { LogContext } from './log-context.js'
import type { RowsContext } from './rows-context.js'

export type LogCase = StoreCase<LogContext> & CaseNeeds
export type RowsCase = StoreCase<RowsContext> & CaseNeeds
export type FeedCase = StoreCase<FeedContext> & CaseNeeds

/** What a case cannot do without. Where the opened store lacks it, there is nothing to check. */
export interface CaseNeeds {
  readonly needs?: 'transactions' | 'exact' | 'reopen' | 'faulty' | 'setSequence'
}

export const LACKS: Readonly<Record<NonNullable<CaseNeeds['needs']>, string>> = {
  transactions: 'this store has no transactions',
  exact: 'the snapshots of this store are corrected from the log',
  reopen: 'this store was opened without a way to open it anew',
  faulty: 'this store was opened without a way to let a statement fail',
  setSequence: 'this store was opened without a way to set a sequence',
}
