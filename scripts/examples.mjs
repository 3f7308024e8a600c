// Runs every program of examples/ and compares what it prints with the text beside it.
//   npm run examples        (builds first)
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import process from 'node:process'

const TIMEOUT_MS = 60_000
const root = resolve(import.meta.dirname, '..')
let failed = 0

for (const file of readdirSync(join(root, 'examples')).filter((each) => each.endsWith('.ts'))) {
  const name = file.slice(0, -'.ts'.length)
  const run = spawnSync(process.execPath, [join(root, 'build/examples', `${name}.js`)], {
    cwd: root, encoding: 'utf8', timeout: TIMEOUT_MS,
  })
  const expected = readFileSync(join(root, 'examples', `${name}.txt`), 'utf8')
  const ok = run.status === 0 && run.stdout === expected
  if (!ok) failed += 1
  process.stdout.write(run.stdout)
  if (!ok) process.stderr.write(`${run.stderr}\nexpected:\n${expected}`)
  console.log(`examples/${name}.ts: ${ok ? 'as expected' : 'FAILED'}`)
}
process.exitCode = failed > 0 ? 1 : 0
