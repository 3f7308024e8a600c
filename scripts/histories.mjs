// Random histories in numbers, on every store: of ordered lanes, half of them in a lane that blocks and half in one that
// skips, and of feeds. A failure names its seed.
//   npm run histories [-- --count 10000] [--of order|feed] [--store memory]
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'

const root = resolve(import.meta.dirname, '..')
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '400' }, of: { type: 'string', default: 'order|feed' },
    store: { type: 'string', default: 'memory|sqlite by libsql|sqlite by node:sqlite|pg|postgres \\(pg\\)|redis' },
  },
})
const each = Math.ceil(Number(values.count) / 2)

console.log(`${2 * each} histories of ordered lanes and ${each} of feeds a store`)
const { status } = spawnSync(process.execPath, [
  join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--typecheck.enabled=false', '--reporter=default',
  '--testTimeout=3600000', '.conformance.test.ts', '-t', `(${values.store}) (${values.of})-history`,
], { cwd: root, stdio: 'inherit', env: { ...process.env, WAYBILL_TEST_HISTORIES: String(each) } })
process.exit(status ?? 1)
