/**
 * The conformance suite of the outbox contract. Run it on your store:
 *
 * @example
 * import { test } from 'node:test'
 * import { outboxStoreSuite } from 'waybill/testkit'
 *
 * outboxStoreSuite({ test, open: (settings) => openMyStore(settings) })
 */
import assert from 'node:assert/strict'
import { note } from '../note.js'
import type { OutboxCase } from './case.js'
import { basicCases } from './basic.js'
import { clockCases } from './clock.js'
import { dedupeCases } from './dedupe.js'
import { dedupeRaceCases } from './dedupe-races.js'
import { closeCases, enqueueCases } from './enqueue.js'
import { extendCases } from './extend.js'
import { fairCases } from './fair.js'
import { faultCases } from './fault.js'
import { historyCases } from './histories.js'
import { inspectCases } from './inspect.js'
import { lateCases } from './late.js'
import type { OutboxSkip, OutboxSuiteOptions } from './options.js'
import { orderCases } from './order.js'
import { orderHistoryCases } from './order-histories.js'
import { payloadCases } from './payload.js'
import { purgeCases } from './purge.js'
import { raceCases } from './race.js'
import { redriveCases } from './redrive.js'
import { scopeCases } from './scope.js'
import { settleCases } from './settle.js'
import { suspectCases } from './suspect.js'
import { validateCases } from './validate.js'
import { OutboxContext, type ContextOptions } from './context.js'

const CASES: readonly OutboxCase[] = [
  ...basicCases, ...enqueueCases, ...lateCases, ...dedupeCases, ...dedupeRaceCases, ...clockCases,
  ...suspectCases, ...settleCases, ...extendCases, ...inspectCases, ...purgeCases, ...payloadCases,
  ...validateCases, ...scopeCases, ...orderCases, ...orderHistoryCases, ...fairCases,
  ...redriveCases, ...raceCases, ...faultCases, ...historyCases, ...closeCases,
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
  const skip = options.skip ?? []
  const manifests: string[] = []
  // Bodies take rest arguments, because jest and mocha expect of one with a parameter that it calls back.
  options.test('suite-1 every skip names a case and gives a reason', async (...[testContext]) => {
    note(testContext, 'contract', 'outbox')
    checkSkips(skip)
  })
  for (const each of CASES) {
    const reason = skip.find((entry) => entry.case === each.id)?.reason
    if (reason !== undefined) {
      const name = `${each.id} ${each.title} [skipped: ${reason}]`
      options.test(name, async (...[testContext]) => note(testContext, 'note', `skipped: ${reason}`))
      continue
    }
    const name = `${each.id} ${each.title}`
    options.test(name, (...[testContext]) => runCase(each, contextOptions, manifests, testContext))
  }
  options.test('suite-2 the manifest did not change during the run', async () => {
    assert.ok(new Set(manifests).size <= 1, `capabilities changed: ${[...new Set(manifests)].join(' then ')}`)
  })
}

async function runCase(
  each: OutboxCase, options: ContextOptions, manifests: string[], testContext: unknown,
): Promise<void> {
  const context = await OutboxContext.create(options, each.settings)
  try {
    manifests.push(JSON.stringify(context.store.capabilities))
    const isSerial = each.concurrent === true && !context.store.capabilities.concurrentTransactions
    if (!isSerial) return await each.run(context)
    const form = each.serial === undefined ? 'nothing to check' : 'in serial form'
    note(testContext, 'note', `${form}: this store has one writing transaction at a time`)
    await each.serial?.(context)
  } finally {
    await context.close()
  }
}

function checkSkips(skip: readonly OutboxSkip[]): void {
  for (const { case: id, reason } of skip) {
    assert.ok(CASES.some((each) => each.id === id), `skip names no case: ${id}`)
    assert.ok(reason.trim() !== '', `skip of ${id} gives no reason`)
  }
  assert.equal(new Set(skip.map((entry) => entry.case)).size, skip.length, 'a case is skipped twice')
}
