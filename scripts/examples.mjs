// Runs every program of examples/ and compares what it prints with the text beside it.
//   npm run examples        (builds first)
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import process from 'node:process'

const TIMEOUT_MS = 60_000
const root = resolve(import.meta.dirname, '..')
let failed = 0

/** A file, or a folder with its main.ts. What it prints stands beside it, in <name>.txt. */
function programs() {
  return readdirSync(join(root, 'examples'), { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return [{ name: entry.name, source: `${entry.name}/main` }]
    const name = entry.name.slice(0, -'.ts'.length)
    return entry.name.endsWith('.ts') ? [{ name, source: name }] : []
  })
}

for (const { name, source } of programs()) {
  const run = spawnSync(process.execPath, [join(root, 'build/examples', `${source}.js`)], {
    cwd: root, encoding: 'utf8', timeout: TIMEOUT_MS,
  })
  const expected = readFileSync(join(root, 'examples', `${name}.txt`), 'utf8')
  const ok = run.status === 0 && run.stdout === expected
  if (!ok) failed += 1
  process.stdout.write(run.stdout)
  if (!ok) process.stderr.write(`${run.stderr}\nexpected:\n${expected}`)
  console.log(`examples/${source}.ts: ${ok ? 'as expected' : 'FAILED'}`)
}
process.exitCode = failed > 0 ? 1 : 0
