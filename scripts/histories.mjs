// Random histories in numbers, on every store: of ordered lanes, half of them in a lane that blocks and half in one that
// skips; of feeds; and of feeds with their subscribers. A failure names its seed.
//   npm run histories [-- --count 10000] [--of order|feed|subscriber] [--store memory]
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'

const root = resolve(import.meta.dirname, '..')
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '200' }, of: { type: 'string', default: 'order|feed|subscriber' },
    store: { type: 'string', default: 'memory|sqlite by libsql|sqlite by node:sqlite|postgres \\(pg\\)|pg|redis' },
  },
})
// Ordered lanes have two cases of so many histories; the others one.
const isOfLanes = values.of === 'order'
const each = isOfLanes ? Math.ceil(Number(values.count) / 2) : Number(values.count)

const folder = mkdtempSync(join(tmpdir(), 'waybill-histories-'))
const report = join(folder, 'report.json')
try {
  console.log(`${each} histories a case and store`)
  const { status } = spawnSync(process.execPath, [
    join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--typecheck.enabled=false', '--reporter=default',
    '--reporter=json', `--outputFile=${report}`, '--testTimeout=3600000', '.conformance.test.ts',
    '-t', `(${values.store}) (${values.of})-history`,
  ], { cwd: root, stdio: 'inherit', env: { ...process.env, WAYBILL_TEST_HISTORIES: String(each) } })
  const ran = JSON.parse(readFileSync(report, 'utf8')).testResults.flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status: outcome }) => outcome === 'passed' || outcome === 'failed')
  for (const { fullName, status: outcome, duration } of ran) {
    console.log(`${outcome}  ${(duration / 1_000).toFixed(1).padStart(7)} s  ${fullName}`)
  }
  if (ran.length === 0) console.error('nothing ran: is there a store of this name, and a case?')
  process.exitCode = ran.length === 0 ? 1 : status ?? 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
