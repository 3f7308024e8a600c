// Runs the published suites on every store and transport and prints a table for each contract.
//   npm run conformance [-- FILTER… --json]
//   npm run conformance -- --report FILE    of a run of all tests that has left its results there
// ✓ passed, ✗ failed, – skipped or in another form, with the reasons below. Exits 1 when a case fails.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import process from 'node:process'

const root = resolve(import.meta.dirname, '..')
const asJson = process.argv.includes('--json')
const reportFile = process.argv.includes('--report') ? process.argv[process.argv.indexOf('--report') + 1] : undefined
const filters = process.argv.slice(2).filter((argument) => !argument.startsWith('--') && argument !== reportFile)

function runSuites() {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-conformance-'))
  const outputFile = join(folder, 'report.json')
  try {
    const { status } = spawnSync(process.execPath, [
      join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--typecheck.enabled=false', '--reporter=json',
      `--outputFile=${outputFile}`, ...(filters.length > 0 ? filters : ['.conformance.test.ts']),
    ], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
    return { status, report: JSON.parse(readFileSync(outputFile, 'utf8')) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A `describe` for each store; a suite's first test names its contract. */
function tabulate(report) {
  const contracts = new Map()
  const unread = []
  for (const file of report.testResults.filter(({ name }) => name.endsWith('.conformance.test.ts'))) {
    const name = relative(root, file.name)
    if (!file.assertionResults.some(({ meta }) => meta?.contract !== undefined)) {
      const reason = file.assertionResults[0]?.ancestorTitles.find((title) => title !== '')
      unread.push({ file: name, failed: file.status === 'failed', message: file.message || reason || 'no tests' })
      continue
    }
    let table
    for (const result of file.assertionResults) {
      // Several suites may follow one another in a file, each with its first test in front.
      const contract = result.meta?.contract
      if (contract !== undefined) {
        table = contracts.get(contract) ?? { stores: [], cases: new Map(), notes: [], failures: [] }
        contracts.set(contract, table)
      }
      // A file may have tests of its own beside the suite's cases, whose titles begin with an id.
      if (table !== undefined && /^\S+-\d+ /.test(result.title)) addResult(table, name, result)
    }
  }
  return { contracts, unread }
}

function addResult(table, fileName, { title, status, ancestorTitles, failureMessages, meta }) {
  const store = ancestorTitles.at(-1) || fileName
  const [, id, name, reason] = /^(\S+) (.*?)(?: \[skipped: (.*)\])?$/.exec(title) ?? ['', title, '', undefined]
  if (!table.stores.includes(store)) table.stores.push(store)
  const row = table.cases.get(id) ?? { id, title: name, results: {} }
  table.cases.set(id, row)
  const isRun = status === 'passed' || status === 'failed'
  const note = !isRun ? 'not run' : reason === undefined ? meta?.note : `skipped: ${reason}`
  const outcome = status === 'failed' ? 'failed' : note === undefined ? 'passed' : 'skipped'
  row.results[store] = note === undefined ? { outcome } : { outcome, note }
  if (note !== undefined) table.notes.push({ case: id, store, note })
  if (outcome === 'failed') table.failures.push({ case: id, store, message: failureMessages[0] ?? '' })
}

const SIGNS = { passed: '✓', failed: '✗', skipped: '–' }

function print(contract, { stores, cases, notes, failures }) {
  console.log(`${contract}: ${cases.size} cases × ${stores.length}\n`)
  stores.forEach((store, n) => console.log(`  ${String(n + 1).padStart(2)}  ${store}`))
  const width = Math.max(...[...cases.keys()].map((id) => id.length))
  console.log(`\n  ${' '.repeat(width)}  ${stores.map((_, n) => String(n + 1).padStart(2)).join(' ')}`)
  for (const { id, title, results } of cases.values()) {
    const cells = stores.map((store) => ` ${SIGNS[results[store]?.outcome] ?? ' '}`).join(' ')
    console.log(`  ${id.padEnd(width)}  ${cells}  ${title}`)
  }
  const reasons = new Map()
  for (const { case: id, store, note } of notes) {
    reasons.set(`${store}: ${note}`, [...(reasons.get(`${store}: ${note}`) ?? []), id])
  }
  if (reasons.size > 0) console.log('')
  for (const [reason, ids] of reasons) console.log(`  – ${reason} (${ids.join(', ')})`)
  for (const { case: id, store, message } of failures) console.log(`\n  ✗ ${id} on ${store}\n${message}`)
  console.log('')
}

const { status, report } = reportFile === undefined ? runSuites()
  : { status: 0, report: JSON.parse(readFileSync(reportFile, 'utf8')) }
const { contracts, unread } = tabulate(report)
const failed = [...contracts.values()].reduce((count, { failures }) => count + failures.length, 0)
const ok = failed === 0 && status === 0 && contracts.size > 0
if (asJson) {
  const tables = [...contracts].map(([name, { stores, cases, failures }]) => (
    { name, stores, cases: [...cases.values()], failures }))
  console.log(JSON.stringify({ ok, contracts: tables, notRun: unread }, null, 2))
} else {
  for (const [name, table] of contracts) print(name, table)
  for (const { file, failed: isBroken, message } of unread) console.log(`${isBroken ? '✗' : '–'} ${file}: ${message}`)
  console.log(contracts.size === 0 ? 'no conformance case ran' : `${failed} failures`)
}
process.exit(ok ? 0 : 1)
