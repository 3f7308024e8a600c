/**
 * The conformance suite of the journal contract. Run it on your store:
 *
 * @example
 * import { test } from 'node:test'
 * import { journalStoreSuite } from 'waybill/testkit'
 *
 * journalStoreSuite({ test, open: (settings) => openMyJournal(settings) })
 */
import { registerStoreSuite } from '../store-suite.js'
import { appendCases } from './append.js'
import { basicCases } from './basic.js'
import type { JournalCase } from './case.js'
import { JournalContext, type ContextOptions } from './context.js'
import { crowdCases } from './crowd.js'
import { cursorCases } from './cursor.js'
import { deleteCases } from './delete.js'
import { eventStoreCases } from './event-store.js'
import { expectedCases } from './expected.js'
import { followCases } from './follow.js'
import { historyCases } from './histories.js'
import { idempotencyCases } from './idempotency.js'
import type { JournalSuiteOptions } from './options.js'
import { payloadCases } from './payload.js'
import { pointerCases } from './pointer.js'
import { pruneCases } from './prune.js'
import { raceCases } from './race.js'
import { readCases } from './read.js'
import { removeCases } from './remove.js'
import { scopeCases } from './scope.js'
import { streamCases } from './streams.js'
import { tagCases } from './tag.js'
import { tailCases } from './tail.js'
import { validateCases } from './validate.js'

const CASES: readonly JournalCase[] = [
  ...basicCases, ...readCases, ...appendCases, ...expectedCases, ...idempotencyCases, ...eventStoreCases,
  ...cursorCases, ...tailCases, ...tagCases, ...streamCases, ...deleteCases, ...removeCases, ...payloadCases,
  ...validateCases, ...followCases, ...scopeCases, ...pointerCases, ...pruneCases,
  ...raceCases, ...crowdCases, ...historyCases,
]

/** Every case, for tables. */
export const journalCases: readonly { readonly id: string; readonly title: string }[] =
  CASES.map(({ id, title }) => ({ id, title }))

/** Registers a test for each case, named `<id> <title>`; skipped cases end in `[skipped: <reason>]`. */
export function journalStoreSuite<Tx>(options: JournalSuiteOptions<Tx>): void {
  const contextOptions: ContextOptions = {
    open: (settings) => options.open(settings),
    histories: options.histories ?? 25,
    seed: options.seed ?? 1,
  }
  registerStoreSuite({
    contract: 'journal', cases: CASES, test: options.test, skip: options.skip ?? [],
    open: () => JournalContext.create(contextOptions),
    manifest: ({ store }) => store.capabilities,
    missing: (each, { opened }) => (
      each.withOutbox === true && opened.outbox === undefined ? 'this store was opened without an outbox' : undefined),
  })
}
