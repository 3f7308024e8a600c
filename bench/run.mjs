// Runs a benchmark: `npm run bench -- <topic> [options]`. What it needs is seen to here: a build of what is in src, and
// for some topics the Node that the peers ask for, and the peers, which have a lockfile of their own.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import process from 'node:process'

const here = import.meta.dirname
const root = resolve(here, '..')
/** graphile-worker and pg-boss refuse Node 20; everything is measured on one Node. */
const PEERS_NODE = '24'

const TOPICS = {
  outbox: { script: 'outbox/main.mjs', withPeers: true, about: 'against the same by hand and against other queues' },
  journal: { script: 'journal/main.mjs', withPeers: true, about: 'against the same by hand and against graphile-worker' },
  feeds: { script: 'feeds/main.mjs', withPeers: true, about: 'against the same by hand, on every store' },
  maintenance: { script: 'maintenance/main.mjs', withPeers: true, about: 'what a deletion of a million costs producers meanwhile' },
  claims: { script: 'claim-cost.mjs', about: 'what claims cost beside backlogs' },
  fairness: { script: 'fairness.mjs', about: 'what one tenant\'s backlog costs the others' },
}

/** npm writes no mark of its own that says which lockfile is installed. */
function installPeers() {
  const lock = createHash('sha256').update(readFileSync(join(here, 'package-lock.json'))).digest('hex')
  const mark = join(here, 'node_modules', '.waybill-bench-lock')
  if (existsSync(mark) && readFileSync(mark, 'utf8') === lock) return
  console.error('installing the packages of bench/package-lock.json')
  const flags = ['ci', '--prefix', here, '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel', 'error']
  const install = spawnSync('npm', flags, { cwd: here, stdio: ['ignore', 'ignore', 'inherit'] })
  if (install.status !== 0) process.exit(1)
  writeFileSync(mark, lock)
}

/** Benchmarks import what users import. */
function buildWhenStale() {
  const newest = readdirSync(join(root, 'src'), { recursive: true })
    .reduce((latest, file) => Math.max(latest, statSync(join(root, 'src', file)).mtimeMs), 0)
  const built = join(root, 'dist', 'index.js')
  if (existsSync(built) && statSync(built).mtimeMs > newest) return
  if (spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' }).status !== 0) process.exit(1)
}

const [name, ...args] = process.argv.slice(2)
const topic = TOPICS[name]
if (topic === undefined) {
  console.error('usage: npm run bench -- <topic> [options]')
  for (const [each, { about }] of Object.entries(TOPICS)) console.error(`  ${each.padEnd(10)} ${about}`)
  process.exit(2)
}
buildWhenStale()
if (topic.withPeers) installPeers()
const script = join(here, topic.script)
const command = topic.withPeers ? [join(root, 'scripts', 'on-node.mjs'), PEERS_NODE, script] : [script]
const run = spawnSync(process.execPath, [...command, ...args], { stdio: 'inherit' })
process.exit(run.status ?? 1)
