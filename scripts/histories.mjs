// Thousands of random histories of ordered lanes on every store, half of them in a lane that blocks, half in one that
// skips. A failure names its seed.
//   npm run histories [-- --count 2000]
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'

const root = resolve(import.meta.dirname, '..')
const { values } = parseArgs({ options: { count: { type: 'string', default: '2000' } } })
const each = Math.ceil(Number(values.count) / 2)
const STORES = ['memory', 'sqlite by libsql', 'sqlite by node:sqlite', 'postgres \\(pg\\)']

console.log(`${2 * each} histories a store`)
const { status } = spawnSync(process.execPath, [
  join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--typecheck.enabled=false', '--reporter=default',
  '--testTimeout=1200000', '.conformance.test.ts', '-t', `(${STORES.join('|')}) order-history`,
], { cwd: root, stdio: 'inherit', env: { ...process.env, WAYBILL_TEST_HISTORIES: String(each) } })
process.exit(status ?? 1)
