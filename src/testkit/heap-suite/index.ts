/**
 * The conformance suite of the heap contract. Run it on the heaps of your store, or on a heap of your own; where that
 * has three methods, the cases about confirmation note that there is nothing to check.
 *
 * @example
 * import { test } from 'node:test'
 * import { heapSuite, openedHeaps } from 'waybill/testkit'
 *
 * heapSuite({ test, open: async (settings) => openedHeaps(await openMyHeapStores(settings)) })
 */
import { registerStoreSuite } from '../store-suite.js'
import { HeapContext, type HeapCase } from './context.js'
import { confirmCases } from './confirm.js'
import { countCases } from './count.js'
import { drainCases } from './drain.js'
import type { HeapSuiteOptions } from './options.js'
import { listCases } from './list.js'
import { purgeCases } from './purge.js'
import { raceCases } from './race.js'

const CASES: readonly HeapCase[] = [
  ...countCases, ...drainCases, ...confirmCases, ...listCases, ...purgeCases, ...raceCases,
]

/** Every case, for tables. */
export const heapCases: readonly { readonly id: string; readonly title: string }[] =
  CASES.map(({ id, title }) => ({ id, title }))

/** Registers a test for each case, named `<id> <title>`; skipped cases end in `[skipped: <reason>]`. */
export function heapSuite(options: HeapSuiteOptions): void {
  registerStoreSuite({
    contract: 'heap', cases: CASES, test: options.test, skip: options.skip ?? [],
    open: () => HeapContext.create((settings) => options.open(settings)),
    missing: ({ needs }, context) => context.lacks(needs),
  })
}
