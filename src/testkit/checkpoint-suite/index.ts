/**
 * The conformance suite of the checkpoint contract. Run it on your store:
 *
 * @example
 * import { test } from 'node:test'
 * import { checkpointStoreSuite } from 'waybill/testkit'
 *
 * checkpointStoreSuite({ test, open: (settings) => openMyCheckpoints(settings) })
 */
import { registerStoreSuite } from '../store-suite.js'
import type { CheckpointCase } from './case.js'
import { CheckpointContext } from './context.js'
import { listCases } from './list.js'
import type { CheckpointSuiteOptions } from './options.js'
import { purgeCases } from './purge.js'
import { raceCases } from './race.js'
import { saveCases } from './save.js'
import { takeCases } from './take.js'

const CASES: readonly CheckpointCase[] = [...takeCases, ...saveCases, ...listCases, ...purgeCases, ...raceCases]

/** Every case, for tables. */
export const checkpointCases: readonly { readonly id: string; readonly title: string }[] =
  CASES.map(({ id, title }) => ({ id, title }))

/** Registers a test for each case, named `<id> <title>`; skipped cases end in `[skipped: <reason>]`. */
export function checkpointStoreSuite(options: CheckpointSuiteOptions): void {
  registerStoreSuite({
    contract: 'checkpoints', cases: CASES, test: options.test, skip: options.skip ?? [],
    open: () => CheckpointContext.create((settings) => options.open(settings)),
  })
}
