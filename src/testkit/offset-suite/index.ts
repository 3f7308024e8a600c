/**
 * The conformance suite of the offset store contract. Run it on yours:
 *
 * @example
 * import { test } from 'node:test'
 * import { offsetStoreSuite } from 'waybill/testkit'
 *
 * offsetStoreSuite({ test, open: () => openMyOffsets() })
 */
import { registerStoreSuite } from '../store-suite.js'
import { basicCases } from './basic.js'
import { OffsetContext, type ContextOptions, type OffsetCase } from './context.js'
import { faultCases } from './fault.js'
import { historyCases } from './histories.js'
import type { OffsetSuiteOptions } from './options.js'

const CASES: readonly OffsetCase[] = [...basicCases, ...faultCases, ...historyCases]

/** Every case, for tables. */
export const offsetCases: readonly { readonly id: string; readonly title: string }[] =
  CASES.map(({ id, title }) => ({ id, title }))

/** Registers a test for each case, named `<id> <title>`; skipped cases end in `[skipped: <reason>]`. */
export function offsetStoreSuite(options: OffsetSuiteOptions): void {
  const contextOptions: ContextOptions = {
    open: () => options.open(), histories: options.histories ?? 25, seed: options.seed ?? 1,
  }
  registerStoreSuite({
    contract: 'offsets', cases: CASES, test: options.test, skip: options.skip ?? [],
    open: () => OffsetContext.create(contextOptions),
    missing: (each, { opened }) => (
      each.spoils === true && opened.spoil === undefined ? 'what this store has cannot be damaged' : undefined),
  })
}
