/**
 * The suite of maintenance over all halves of a store. Run it on your store:
 *
 * @example
 * import { test } from 'node:test'
 * import { maintenanceSuite } from 'waybill/testkit'
 *
 * maintenanceSuite({ test, open: (settings) => openMyStores(settings) })
 */
import { registerStoreSuite } from '../store-suite.js'
import { ageCases } from './ages.js'
import { MaintenanceContext, type MaintenanceCase } from './context.js'
import type { MaintenanceSuiteOptions } from './options.js'
import { workCases } from './work.js'

const CASES: readonly MaintenanceCase[] = [...ageCases, ...workCases]

/** Every case, for tables. */
export const maintenanceCases: readonly { readonly id: string; readonly title: string }[] =
  CASES.map(({ id, title }) => ({ id, title }))

/** Registers a test for each case, named `<id> <title>`; skipped cases end in `[skipped: <reason>]`. */
export function maintenanceSuite(options: MaintenanceSuiteOptions): void {
  registerStoreSuite({
    contract: 'maintenance', cases: CASES, test: options.test, skip: options.skip ?? [],
    open: () => MaintenanceContext.create((settings) => options.open(settings)),
  })
}
