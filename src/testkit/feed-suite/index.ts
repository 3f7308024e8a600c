/**
 * The conformance suites of what feeds are made of: the result log, the live results, and the feed over both. Run them
 * on your store:
 *
 * @example
 * import { test } from 'node:test'
 * import { feedStoreSuite, liveResultsSuite, resultLogSuite } from 'waybill/testkit'
 *
 * resultLogSuite({ test, open: openedResultLog(openMyFeeds) })
 * liveResultsSuite({ test, open: openedLiveResults(openMyFeeds) })
 * feedStoreSuite({ test, open: openMyFeeds })
 */
import { registerStoreSuite, type SuiteCase } from '../store-suite.js'
import { LACKS, type CaseNeeds, type FeedCase, type LogCase, type RowsCase } from './case.js'
import { commitCases } from './commit.js'
import { FeedContext, type ContextOptions } from './context.js'
import { historyCases } from './histories.js'
import { listCases } from './list.js'
import { LogContext } from './log-context.js'
import { logCases } from './log.js'
import { openCases } from './open.js'
import type {
  FeedSuiteOptions, LiveResultsSuiteOptions, OpenedFeeds, OpenedLiveResults, OpenedResultLog, ResultLogSuiteOptions,
} from './options.js'
import { pageCases } from './page.js'
import { raceCases } from './race.js'
import { RowsContext } from './rows-context.js'
import { rowsCases } from './rows.js'
import { snapshotCases } from './snapshot.js'
import { transactionCases } from './transactions.js'

const LOG_CASES: readonly LogCase[] = logCases
const ROWS_CASES: readonly RowsCase[] = rowsCases
const FEED_CASES: readonly FeedCase[] = [
  ...openCases, ...commitCases, ...pageCases, ...snapshotCases, ...transactionCases, ...raceCases, ...listCases,
  ...historyCases,
]

type Titles = readonly { readonly id: string; readonly title: string }[]

/** Every case, for tables. */
export const resultLogCases: Titles = titlesOf(LOG_CASES)
export const liveResultsCases: Titles = titlesOf(ROWS_CASES)
export const feedCases: Titles = titlesOf(FEED_CASES)

/** Registers a test for each case, named `<id> <title>`; skipped cases end in `[skipped: <reason>]`. */
export function resultLogSuite<Tx>({ test, open, skip = [] }: ResultLogSuiteOptions<Tx>): void {
  registerStoreSuite({
    contract: 'result log', cases: LOG_CASES, test, skip,
    open: async () => new LogContext(await open() as OpenedResultLog<unknown>),
    missing: ({ needs }, { opened }) => lack(needs, {
      transactions: opened.transactions, reopen: opened.reopen !== undefined,
    }),
  })
}

/** As `resultLogSuite`. */
export function liveResultsSuite<Tx>({ test, open, skip = [] }: LiveResultsSuiteOptions<Tx>): void {
  registerStoreSuite({
    contract: 'live results', cases: ROWS_CASES, test, skip,
    open: async () => new RowsContext(await open() as OpenedLiveResults<unknown>),
    missing: ({ needs }, { opened: { capabilities: { transactions, snapshots }, reopen } }) => lack(needs, {
      transactions, exact: snapshots === 'exact', reopen: reopen !== undefined,
    }),
  })
}

/** As `resultLogSuite`. */
export function feedStoreSuite<Tx>({ test, open, skip = [], histories = 25, seed = 1 }: FeedSuiteOptions<Tx>): void {
  const options: ContextOptions = { open, histories, seed }
  registerStoreSuite({
    contract: 'feed', cases: FEED_CASES, test, skip,
    open: () => FeedContext.create(options),
    manifest: ({ store }) => store.capabilities,
    missing: ({ needs }, { opened: { store: { capabilities }, begin, reopen, faulty, setSequence } }) => lack(needs, {
      transactions: capabilities.transactions && begin !== undefined, exact: capabilities.snapshots === 'exact',
      reopen: reopen !== undefined, faulty: faulty !== undefined, setSequence: setSequence !== undefined,
    }),
  })
}

/** The log of a feed store, for `resultLogSuite`. */
export function openedResultLog<Tx>(open: () => Promise<OpenedFeeds<Tx>>): () => Promise<OpenedResultLog<Tx>> {
  return async () => {
    const opened = await open()
    const { reopen } = opened
    let { store } = opened
    return {
      log: store.log, transactions: store.capabilities.transactions,
      transaction: (work) => store.transaction(work),
      close: () => opened.close(),
      ...(reopen !== undefined && { reopen: async () => (store = await reopen.call(opened)).log }),
    }
  }
}

/** The rows of a feed store, for `liveResultsSuite`. */
export function openedLiveResults<Tx>(open: () => Promise<OpenedFeeds<Tx>>): () => Promise<OpenedLiveResults<Tx>> {
  return async () => {
    const opened = await open()
    const { reopen } = opened
    let { store } = opened
    return {
      live: store.live, capabilities: store.capabilities,
      transaction: (work) => store.transaction(work),
      close: () => opened.close(),
      ...(reopen !== undefined && { reopen: async () => (store = await reopen.call(opened)).live }),
    }
  }
}

function lack(
  needs: CaseNeeds['needs'], has: { readonly [Need in NonNullable<CaseNeeds['needs']>]?: boolean },
): string | undefined {
  return needs === undefined || has[needs] === true ? undefined : LACKS[needs]
}

function titlesOf(cases: readonly SuiteCase[]): Titles {
  return cases.map(({ id, title }) => ({ id, title }))
}
