/**
 * The suite of publishers on a store's journal and progress. Run it on your store:
 *
 * @example
 * import { test } from 'node:test'
 * import { publisherSuite } from 'waybill/testkit'
 *
 * publisherSuite({ test, open: () => openMyStore() })
 */
import { registerStoreSuite } from '../store-suite.js'
import type { PublisherCase } from './case.js'
import { PublisherContext } from './context.js'
import { failureCases } from './failure.js'
import { publishCases } from './follow.js'
import { offsetCases } from './offsets.js'
import type { PublisherSuiteOptions } from './options.js'
import { shareCases } from './share.js'

const CASES: readonly PublisherCase[] = [...publishCases, ...failureCases, ...shareCases, ...offsetCases]

/** Every case, for tables. */
export const publisherCases: readonly { readonly id: string; readonly title: string }[] =
  CASES.map(({ id, title }) => ({ id, title }))

/** Registers a test for each case, named `<id> <title>`; skipped cases end in `[skipped: <reason>]`. */
export function publisherSuite(options: PublisherSuiteOptions): void {
  registerStoreSuite({
    contract: 'publisher', cases: CASES, test: options.test, skip: options.skip ?? [],
    open: async () => new PublisherContext(await options.open()),
  })
}
