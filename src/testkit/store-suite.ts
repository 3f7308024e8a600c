/** How the suite of a store's contract is registered with a test runner. What a contract adds is its cases. */
import assert from 'node:assert/strict'
import { note } from './note.js'

export interface SuiteCase {
  /** Stable: skips and the contract's comments name it. */
  readonly id: string
  readonly title: string
}

/** The runner's own `test`. */
export type RunnerTest = (name: string, body: (testContext?: unknown) => Promise<void>) => void

export interface SuiteSkip {
  /** The case's id. */
  readonly case: string
  readonly reason: string
}

/** What a case works with. */
interface SuiteContext {
  close(): Promise<void>
}

/** What every manifest of capabilities says. */
export interface SuiteManifest {
  readonly concurrentTransactions: boolean
}

/** A case of a contract whose stores may have one writing transaction at a time. */
export interface StoreCase<Context> extends SuiteCase {
  /** Needs two transactions open at once. Where there is one writer at a time, `serial` runs instead. */
  readonly concurrent?: true
  run(context: Context): Promise<void>
  /** What is left to check of a concurrent case where transactions come one after another. */
  serial?(context: Context): Promise<void>
}

export interface StoreSuite<Context, Case extends StoreCase<Context>> {
  readonly contract: string
  readonly cases: readonly Case[]
  readonly test: RunnerTest
  readonly skip: readonly SuiteSkip[]
  open(each: Case): Promise<Context>
  /** Absent: stores of this contract have none. */
  readonly manifest?: (context: Context) => SuiteManifest
  /** Why the opened store has nothing to check in this case. */
  readonly missing?: (each: Case, context: Context) => string | undefined
}

/** Registers a test for each case, named `<id> <title>`; skipped cases end in `[skipped: <reason>]`. */
export function registerStoreSuite<Context extends SuiteContext, Case extends StoreCase<Context>>(
  suite: StoreSuite<Context, Case>,
): void {
  const { contract, cases, test, skip } = suite
  const manifests: string[] = []
  // Bodies take rest arguments, because jest and mocha expect of one with a parameter that it calls back.
  test('suite-1 every skip names a case and gives a reason', async (...[testContext]) => {
    note(testContext, 'contract', contract)
    checkSkips(cases, skip)
  })
  for (const each of cases) {
    const reason = skip.find((entry) => entry.case === each.id)?.reason
    if (reason !== undefined) {
      const name = `${each.id} ${each.title} [skipped: ${reason}]`
      test(name, async (...[testContext]) => note(testContext, 'note', `skipped: ${reason}`))
      continue
    }
    test(`${each.id} ${each.title}`, (...[testContext]) => runCase(suite, each, manifests, testContext))
  }
  if (suite.manifest === undefined) return
  test('suite-2 the manifest did not change during the run', async () => {
    assert.ok(new Set(manifests).size <= 1, `capabilities changed: ${[...new Set(manifests)].join(' then ')}`)
  })
}

async function runCase<Context extends SuiteContext, Case extends StoreCase<Context>>(
  { open, manifest, missing }: StoreSuite<Context, Case>, each: Case, manifests: string[], testContext: unknown,
): Promise<void> {
  const context = await open(each)
  try {
    const capabilities = manifest?.(context)
    manifests.push(JSON.stringify(capabilities))
    const lack = missing?.(each, context)
    if (lack !== undefined) return note(testContext, 'note', `nothing to check: ${lack}`)
    if (each.concurrent !== true || capabilities?.concurrentTransactions === true) return await each.run(context)
    const form = each.serial === undefined ? 'nothing to check' : 'in serial form'
    note(testContext, 'note', `${form}: this store has one writing transaction at a time`)
    await each.serial?.(context)
  } finally {
    await context.close()
  }
}

function checkSkips(cases: readonly SuiteCase[], skip: readonly SuiteSkip[]): void {
  for (const { case: id, reason } of skip) {
    assert.ok(cases.some((each) => each.id === id), `skip names no case: ${id}`)
    assert.ok(reason.trim() !== '', `skip of ${id} gives no reason`)
  }
  assert.equal(new Set(skip.map((entry) => entry.case)).size, skip.length, 'a case is skipped twice')
}
