// Runs a script of this repository on another major version of Node, fetched from npm; needs no rights.
//   node scripts/on-node.mjs 24 node_modules/vitest/vitest.mjs run
import { spawnSync } from 'node:child_process'
import process from 'node:process'

const [major, ...script] = process.argv.slice(2)
if (!/^\d+$/.test(major ?? '') || script.length === 0) {
  console.error('usage: node scripts/on-node.mjs <major> <script> [arguments]')
  process.exit(2)
}
const here = process.versions.node.split('.')[0] === major
// These packages hold the program itself, so they need no install script (the package `node` does).
const fetched = ['-y', '-p', `node-${process.platform}-${process.arch}@${major}`, '--', 'node']
const run = spawnSync(here ? process.execPath : 'npx', here ? script : [...fetched, ...script], { stdio: 'inherit' })
if (run.error) console.error(run.error.message)
process.exit(run.status ?? 1)
