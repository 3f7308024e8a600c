/**
 * The conformance suite of the inbox contract. Run it on your store:
 *
 * @example
 * import { test } from 'node:test'
 * import { inboxSuite } from 'waybill/testkit'
 *
 * inboxSuite({ test, open: (settings) => openMyInbox(settings) })
 */
import { registerStoreSuite } from '../store-suite.js'
import type { InboxCase } from './case.js'
import { InboxContext, type ContextOptions } from './context.js'
import { manyCases } from './many.js'
import { onceCases } from './once.js'
import type { InboxSuiteOptions } from './options.js'
import { purgeCases } from './purge.js'
import { raceCases } from './race.js'
import { transactionCases } from './transactions.js'

const CASES: readonly InboxCase[] = [...onceCases, ...manyCases, ...transactionCases, ...raceCases, ...purgeCases]

/** Every case, for tables. */
export const inboxCases: readonly { readonly id: string; readonly title: string }[] =
  CASES.map(({ id, title }) => ({ id, title }))

/** Registers a test for each case, named `<id> <title>`; skipped cases end in `[skipped: <reason>]`. */
export function inboxSuite<Tx>({ test, open, skip = [], histories = 10, seed = 1 }: InboxSuiteOptions<Tx>): void {
  const options: ContextOptions = { open: (settings) => open(settings), histories, seed }
  registerStoreSuite({
    contract: 'inbox', cases: CASES, test, skip,
    open: () => InboxContext.create(options),
    manifest: ({ opened }) => opened.store.capabilities,
    missing: ({ needs }, { opened }) => (needs === undefined || opened.faulty !== undefined ? undefined
      : 'this store was opened without a way to let a statement fail'),
  })
}
