/**
 * The suite of subscribers on a store's feeds and checkpoints. Run it on your store:
 *
 * @example
 * import { test } from 'node:test'
 * import { subscriberSuite } from 'waybill/testkit'
 *
 * subscriberSuite({ test, open: () => openMyStore() })
 */
import { registerStoreSuite } from '../store-suite.js'
import { batchCases } from './batch.js'
import type { SubscriberCase } from './case.js'
import { SubscriberContext } from './context.js'
import { failureCases } from './failure.js'
import { historyCases } from './histories.js'
import type { SubscriberSuiteOptions } from './options.js'
import { recoveryCases } from './recovery.js'
import { resumeCases } from './resume.js'
import { shareCases } from './share.js'
import { startCases } from './start.js'

const CASES: readonly SubscriberCase[] = [
  ...startCases, ...resumeCases, ...recoveryCases, ...failureCases, ...batchCases, ...shareCases,
  ...historyCases,
]

/** Every case, for tables. */
export const subscriberCases: readonly { readonly id: string; readonly title: string }[] =
  CASES.map(({ id, title }) => ({ id, title }))

/** Registers a test for each case, named `<id> <title>`; skipped cases end in `[skipped: <reason>]`. */
export function subscriberSuite(options: SubscriberSuiteOptions): void {
  const { test, open, skip = [], histories = 10, seed = 1 } = options
  registerStoreSuite({
    contract: 'subscriber', cases: CASES, test, skip,
    open: async () => new SubscriberContext(await open(), { first: seed, count: histories }),
  })
}
