import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { seededRandom } from '../../src/testkit/random.js'
import { runCli, temporaryFolder } from './program.js'

const RUNS = 2_000
const folder = temporaryFolder()
afterAll(() => folder.remove())

const COMMANDS = ['init', 'migrate', 'relay', 'list', 'show', 'stats', 'help', 'demo']
const OPTIONS = [
  '--json', '--verbose', '--url', '--schema', '--config', '--status', '--lane', '--target', '--scope', '--key',
  '--limit', '--after', '--raw', '--print', '--force', '--store', '--language', '--stop-timeout', '--help',
  '--version', '-h', '-v', '--', '-', '--no-json', '--url=shop.db', '--limit=5', '--__proto__', '-jv',
]
const VALUES = [
  'shop.db', 'sqlite:shop.db', 'sqlite:missing.db', 'postgres://u:pw@127.0.0.1:1/x', 'mysql://x', 'file://%', '',
  ' ', 'pending', 'delivered', 'default', '0', '1', '1000', '-1', '1e9', 'NaN', '5s', '9'.repeat(400), '__proto__',
  'constructor', 'toString', '\u0000', '\ud800', 'é世👋', '../..', '/', '.', 'x'.repeat(5_000), '$(id)', '%s%n', '\n',
]

describe('any arguments at all', () => {
  test(`${RUNS} of them: no crash, no stack, a known exit code`, async () => {
    const random = seededRandom(20_250_101)
    const { pick } = random
    const word = (): string => random.integer(0, 2) > 0 ? pick(OPTIONS) : pick(VALUES)
    await runCli(['migrate', '--url', 'shop.db'], { cwd: folder.path })
    const codes = new Set<number>()
    for (let round = 0; round < RUNS; round += 1) {
      const command = random.integer(0, 9) === 0 ? word() : pick(COMMANDS)
      const argv = [command, ...Array.from({ length: random.integer(0, 6) }, word)]
      // A demo that is called rightly takes its time; here it never is.
      if (argv.includes('demo')) argv.push('--seconds', '0')
      const { code, stdout, stderr } = await runCli(argv, {
        cwd: folder.path, onListen: (send) => queueMicrotask(() => send('SIGTERM')),
      })
      const said = JSON.stringify(argv)
      expect([0, 1, 2, 3], said).toContain(code)
      expect(stdout, said).not.toMatch(/\n {4}at /)
      if (!argv.includes('--verbose')) expect(stderr, said).not.toMatch(/\n {4}at /)
      if (code !== 0) expect(stderr, said).not.toBe('')
      codes.add(code)
      for (const name of ['ts', 'mjs']) rmSync(join(folder.path, `waybill.config.${name}`), { force: true })
    }
    expect([...codes].sort()).toEqual([0, 1, 2])
  }, 120_000)
})
