/**
 * The conformance suite of the outbox contract. Run it on your store:
 *
 * @example
 * import { test } from 'node:test'
 * import { outboxStoreSuite } from 'waybill/testkit'
 *
 * outboxStoreSuite({ test, open: (settings) => openMyStore(settings) })
 */
import { registerStoreSuite } from '../store-suite.js'
import type { OutboxCase } from './case.js'
import { basicCases } from './basic.js'
import { clockCases } from './clock.js'
import { dedupeCases } from './dedupe.js'
import { dedupeRaceCases } from './dedupe-races.js'
import { editCases } from './edits.js'
import { closeCases, enqueueCases } from './enqueue.js'
import { extendCases } from './extend.js'
import { fairCases } from './fair.js'
import { faultCases } from './fault.js'
import { historyCases } from './histories.js'
import { idempotentCases } from './idempotent.js'
import { inspectCases } from './inspect.js'
import { lateCases } from './late.js'
import type { OutboxSuiteOptions } from './options.js'
import { orderCases } from './order.js'
import { orderHistoryCases } from './order-histories.js'
import { payloadCases } from './payload.js'
import { purgeCases } from './purge.js'
import { quarantineCases } from './quarantine.js'
import { raceCases } from './race.js'
import { redriveCases } from './redrive.js'
import { scopeCases } from './scope.js'
import { settleCases } from './settle.js'
import { suspectCases } from './suspect.js'
import { validateCases } from './validate.js'
import { OutboxContext, type ContextOptions } from './context.js'

const CASES: readonly OutboxCase[] = [
  ...basicCases, ...enqueueCases, ...lateCases, ...dedupeCases, ...dedupeRaceCases, ...idempotentCases, ...clockCases,
  ...suspectCases, ...settleCases, ...extendCases, ...inspectCases, ...purgeCases, ...payloadCases,
  ...validateCases, ...scopeCases, ...orderCases, ...orderHistoryCases, ...fairCases,
  ...redriveCases, ...quarantineCases, ...editCases, ...raceCases, ...faultCases, ...historyCases, ...closeCases,
]

/** Every case, for tables. */
export const outboxCases: readonly { readonly id: string; readonly title: string }[] =
  CASES.map(({ id, title }) => ({ id, title }))

/** Registers a test for each case, named `<id> <title>`; skipped cases end in `[skipped: <reason>]`. */
export function outboxStoreSuite<Tx>(options: OutboxSuiteOptions<Tx>): void {
  const contextOptions: ContextOptions = {
    open: (settings) => options.open(settings),
    histories: options.histories ?? 25,
    seed: options.seed ?? 1,
  }
  registerStoreSuite({
    contract: 'outbox', cases: CASES, test: options.test, skip: options.skip ?? [],
    open: (each) => OutboxContext.create(contextOptions, each.settings),
    manifest: ({ store }) => store.capabilities,
  })
}
