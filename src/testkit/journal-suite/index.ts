/**
 * The conformance suite of the journal contract. Run it on your store:
 *
 * @example
 * import { test } from 'node:test'
 * import { journalStoreSuite } from 'waybill/testkit'
 *
 * journalStoreSuite({ test, open: (settings) => openMyJournal(settings) })
 */
import assert from 'node:assert/strict'
import { note } from '../note.js'
import { appendCases } from './append.js'
import { basicCases } from './basic.js'
import type { JournalCase } from './case.js'
import { JournalContext, type ContextOptions } from './context.js'
import { crowdCases } from './crowd.js'
import { cursorCases } from './cursor.js'
import { deleteCases } from './delete.js'
import { eventStoreCases } from './event-store.js'
import { expectedCases } from './expected.js'
import { historyCases } from './histories.js'
import { idempotencyCases } from './idempotency.js'
import type { JournalSkip, JournalSuiteOptions } from './options.js'
import { payloadCases } from './payload.js'
import { pointerCases } from './pointer.js'
import { raceCases } from './race.js'
import { readCases } from './read.js'
import { scopeCases } from './scope.js'
import { streamCases } from './streams.js'
import { tagCases } from './tag.js'
import { tailCases } from './tail.js'
import { validateCases } from './validate.js'

const CASES: readonly JournalCase[] = [
  ...basicCases, ...readCases, ...appendCases, ...expectedCases, ...idempotencyCases, ...eventStoreCases,
  ...cursorCases, ...tailCases, ...tagCases, ...streamCases, ...deleteCases, ...payloadCases, ...validateCases,
  ...scopeCases, ...pointerCases, ...raceCases, ...crowdCases, ...historyCases,
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
  const skip = options.skip ?? []
  const manifests: string[] = []
  // Bodies take rest arguments, because jest and mocha expect of one with a parameter that it calls back.
  options.test('suite-1 every skip names a case and gives a reason', async (...[testContext]) => {
    note(testContext, 'contract', 'journal')
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
  each: JournalCase, options: ContextOptions, manifests: string[], testContext: unknown,
): Promise<void> {
  const context = await JournalContext.create(options)
  try {
    manifests.push(JSON.stringify(context.store.capabilities))
    if (each.withOutbox === true && context.opened.outbox === undefined) {
      return note(testContext, 'note', 'nothing to check: this store was opened without an outbox')
    }
    const isSerial = each.concurrent === true && !context.store.capabilities.concurrentTransactions
    if (!isSerial) return await each.run(context)
    const form = each.serial === undefined ? 'nothing to check' : 'in serial form'
    note(testContext, 'note', `${form}: this store has one writing transaction at a time`)
    await each.serial?.(context)
  } finally {
    await context.close()
  }
}

function checkSkips(skip: readonly JournalSkip[]): void {
  for (const { case: id, reason } of skip) {
    assert.ok(CASES.some((each) => each.id === id), `skip names no case: ${id}`)
    assert.ok(reason.trim() !== '', `skip of ${id} gives no reason`)
  }
  assert.equal(new Set(skip.map((entry) => entry.case)).size, skip.length, 'a case is skipped twice')
}
