// Every check, in the order of how soon it tells something.
//   npm run check                       all of them
//   npm run check -- lint tidy          some
//   npm run check -- --list             their names
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import process from 'node:process'

const root = resolve(import.meta.dirname, '..')
const npmRun = (...args) => ['npm', 'run', '--silent', ...args]

/** Set where all checks run one after another: the tests' results are tabulated instead of running suites again. */
const reportFile = process.env.WAYBILL_CI_REPORT

const STEPS = {
  typecheck: npmRun('typecheck'),
  lint: npmRun('lint'),
  imports: npmRun('imports'),
  tidy: npmRun('tidy'),
  unused: npmRun('unused'),
  build: npmRun('build'),
  test: npmRun('test'),
  'test:node24': npmRun('test:node24'),
  snippets: npmRun('snippets'),
  examples: npmRun('examples'),
  'pack-check': npmRun('pack-check'),
  demo: npmRun('demo', '--', '--seconds', '5', '--json'),
  conformance: npmRun('conformance', ...(reportFile ? ['--', '--report', reportFile] : [])),
  histories: npmRun('histories'),
  chaos: npmRun('chaos', '--', 'outbox', '--quick'),
  'chaos:journal': npmRun('chaos', '--', 'journal', '--quick'),
  'chaos:feeds': npmRun('chaos', '--', 'feeds', '--quick'),
  'chaos:inbox': npmRun('chaos', '--', 'inbox', '--quick'),
  'chaos:poison': npmRun('chaos', '--', 'poison', '--quick'),
  broken: npmRun('chaos', '--', 'broken'),
  canary: npmRun('chaos', '--', 'canary'),
  'bench:smoke': npmRun('bench:smoke'),
  compat: npmRun('compat', '--', '13'),
}

/** Programs read this output, so nothing but JSON may be in it: one document, or one per line. */
function isJson(text) {
  const parses = (part) => {
    try {
      JSON.parse(part)
      return true
    } catch {
      return false
    }
  }
  return parses(text) || (text.trim() !== '' && text.trim().split('\n').every(parses))
}

function runStep(name) {
  const [command, ...args] = STEPS[name]
  const captured = name === 'demo'
  const stdio = ['ignore', captured ? 'pipe' : 'inherit', 'inherit']
  const env = name === 'test' && reportFile ? { ...process.env, WAYBILL_TEST_REPORT: reportFile } : process.env
  const run = spawnSync(command, args, { cwd: root, stdio, env, encoding: 'utf8' })
  if (captured) process.stdout.write(run.stdout)
  if (run.error) console.error(run.error.message)
  if (captured && run.status === 0 && !isJson(run.stdout)) {
    console.error('demo --json printed something that is not JSON')
    return false
  }
  return run.status === 0
}

function runSteps(names) {
  const failed = []
  for (const name of names) {
    if (names.length > 1) console.log(`\n=== ${name}`)
    const started = performance.now()
    if (!runStep(name)) failed.push(name)
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    if (names.length > 1) console.log(`=== ${name}: ${failed.includes(name) ? 'FAILED' : 'passed'} in ${seconds} s`)
  }
  if (names.length > 1) {
    if (failed.length > 0) console.log(`\nfailed: ${failed.join(', ')}`)
    console.log(`${names.length - failed.length} passed, ${failed.length} failed`)
  }
  return failed.length === 0 ? 0 : 1
}

const args = process.argv.slice(2)
const unknown = args.filter((arg) => arg !== '--list' && !(arg in STEPS))
if (unknown.length > 0) {
  console.error(`no check is called ${unknown.join(', ')}; there are ${Object.keys(STEPS).join(', ')}`)
  process.exit(2)
}
if (args.includes('--list')) console.log(Object.keys(STEPS).join('\n'))
else process.exit(runSteps(args.length > 0 ? args : Object.keys(STEPS)))
