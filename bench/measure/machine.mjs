// What a run ran on.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os'
import { resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..', '..')

export function machine() {
  const [cpu] = cpus()
  const gibibytes = Math.round(totalmem() / 2 ** 30)
  return {
    hardware: `${availableParallelism()} × ${cpu?.model.trim() ?? arch()}, ${gibibytes} GiB, ${platform()}`,
    node: process.versions.node,
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
  }
}

export function versionOf(name) {
  const manifest = resolve(import.meta.dirname, '..', 'node_modules', name, 'package.json')
  return JSON.parse(readFileSync(manifest, 'utf8')).version
}

/** Absent in an unpacked archive. */
function commit() {
  const options = { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }
  const git = (...args) => execFileSync('git', args, options).trim()
  try {
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : ' and changes'}`
  } catch {
    return 'unknown'
  }
}
