/**
 * The conformance suite of the progress contract. Run it on your store:
 *
 * @example
 * import { test } from 'node:test'
 * import { progressStoreSuite } from 'waybill/testkit'
 *
 * progressStoreSuite({ test, open: (settings) => openMyProgress(settings) })
 */
import { registerStoreSuite } from '../store-suite.js'
import type { ProgressCase } from './case.js'
import { ProgressContext } from './context.js'
import { deadCases } from './dead.js'
import { divideCases } from './divide.js'
import { holdCases } from './hold.js'
import { leaseCases } from './lease.js'
import { listCases } from './list.js'
import type { ProgressSuiteOptions } from './options.js'
import { purgeCases } from './purge.js'
import { raceCases } from './race.js'
import { rebaseCases } from './rebase.js'
import { resolveCases } from './resolve.js'
import { saveCases } from './save.js'
import { takeCases } from './take.js'

const CASES: readonly ProgressCase[] = [
  ...takeCases, ...leaseCases, ...saveCases, ...divideCases, ...holdCases, ...deadCases, ...purgeCases, ...listCases,
  ...rebaseCases, ...resolveCases, ...raceCases,
]

/** Every case, for tables. */
export const progressCases: readonly { readonly id: string; readonly title: string }[] =
  CASES.map(({ id, title }) => ({ id, title }))

/** Registers a test for each case, named `<id> <title>`; skipped cases end in `[skipped: <reason>]`. */
export function progressStoreSuite(options: ProgressSuiteOptions): void {
  registerStoreSuite({
    contract: 'progress', cases: CASES, test: options.test, skip: options.skip ?? [],
    open: () => ProgressContext.create((settings) => options.open(settings)),
  })
}
