/** Any arguments and any configuration, by the hundred thousand: no crash, no stack, and the exit code that is right. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { memory } from '../../src/memory.js'
import type { Store } from '../../src/store.js'
import { seededRandom } from '../../src/testkit/random.js'
import { createWaybill } from '../../src/waybill.js'
import { runCli, temporaryFolder, type RunResult } from './program.js'

const RUNS = 100_000
const SQLITE_EVERY = 400
const CODES = [0, 1, 2, 3, 130]

const COMMANDS = [
  ['init'], ['migrate'], ['relay'], ['list'], ['show'], ['stats'], ['help'], ['demo'], ['dead'], ['dead', 'list'],
  ['dead', 'show'], ['dead', 'redrive'], ['dead', 'discard'], ['purge'], ['pause'], ['resume'], ['doctor'],
  ['stats', '--watch'], ['help', 'dead'],
  ['journal'], ['journal', 'streams'], ['journal', 'read'], ['journal', 'read', '--follow'], ['journal', 'read', 's'],
  ['journal', 'append', 's', '--type', 't'], ['journal', 'publishers'], ['journal', 'publishers', 'mails'],
  ['journal', 'prune'],
  ['journal', 'replay', 'mails'], ['journal', 'rebase', 'mails', '--to', 'head'],
]
const OPTIONS = [
  '--json', '--verbose', '--schema', '--config', '--status', '--lane', '--target', '--scope', '--key', '--limit',
  '--after', '--raw', '--print', '--force', '--store', '--language', '--stop-timeout', '--help', '--version', '-h', '-v',
  '--', '-', '--no-json', '--limit=5', '--__proto__', '-jv', '--all', '--yes', '--dry-run', '--dead-older-than',
  '--delivered-older-than', '--dedupe-older-than', '--watch', '--interval', '--count', '--dead-older-than=7d', '--lane=default',
  '--prefix', '--tag', '--from', '--to', '--cursor', '--follow', '--type', '--payload', '--file', '--manifest', '--header',
  '--expected', '--dead', '--forget', '--from-start', '--from-head', '--since', '--stream', '--sequence', '--follow-all',
  '--follow-stream', '--follow-tag', '--content-type', '--after-scope',
]
const VALUES = [
  'pending', 'dead_letter', 'default', 'mailer', '0', '1', '1000', '-1', '1e9', 'NaN', '5s', '7d', '12h', '100ms',
  '9'.repeat(400), '__proto__', 'constructor', 'toString', '\u0000', '\ud800', 'é世👋', '../..', '/', '.', 'x'.repeat(5_000),
  '$(id)', '%s%n', '\n', '', ' ', 'list', 'dead',
]
const SQLITE_URLS = ['shop.db', 'sqlite:shop.db', 'sqlite:missing.db', 'file://%', 'mysql://x', '', 'sqlite::memory:']
/** Of which each alone makes a call wrong, wherever it stands before `--`. */
const UNKNOWN = ['--bogus', '--bogus=1', '--lanes', '-z']

declare global {
  var waybillFuzzConfig: ((config: unknown) => void) | undefined
}

const folder = temporaryFolder()
const real = memory() as Store
const store: Store = { ...real, close: async () => undefined }
const ids: string[] = []

beforeAll(async () => {
  // An export is a live binding: one file that is loaded once has another content at each run.
  writeFileSync(join(folder.path, 'waybill.config.mjs'),
    'export let config\nglobalThis.waybillFuzzConfig = (value) => { config = value }\n')
  await runCli(['list'], { cwd: folder.path })
  await runCli(['migrate', '--url', 'shop.db'], { cwd: folder.path })
  const { outbox } = createWaybill({ store: real })
  for (const target of ['default', 'mailer']) {
    for (let index = 0; index < 5; index += 1) {
      ids.push((await outbox.enqueueAlone({ type: 't', target, payload: index, maxAttempts: 1 })).id)
    }
    const claim = await outbox.claim({ lane: 'default', target, limit: 3, consumer: 'c' })
    await outbox.settle(claim!.token, claim!.messages.map(({ id }) => ({ id, kind: 'dead', error: 'no\u001b[31m' })))
  }
})
afterAll(() => {
  globalThis.waybillFuzzConfig = undefined
  folder.remove()
})

function check({ code, stdout, stderr }: RunResult, argv: readonly string[], config: string): void {
  const said = `${JSON.stringify(argv)} ${config}`
  if (!CODES.includes(code)) expect(CODES, said).toContain(code)
  const flags = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv
  if (/\n {4}at /.test(stdout) || (!flags.includes('--verbose') && /\n {4}at /.test(stderr))) {
    expect(stdout + stderr, said).not.toMatch(/\n {4}at /)
  }
  // A wrong call is told, and is the only thing that is answered by 2; help that was not asked for is one.
  const told = /^(?:Usage: |waybill: |\{"error":)/.test(stderr)
  if ((code === 1 || code === 2) && !told && !/not dead|"not_dead"/.test(stdout)) expect(stderr, said).toMatch(/told/)
  if (!stderr.includes('does not load: ') && /UNEXPECTED|Maximum call stack|is not a function|Cannot read|undefined \(/.test(stderr)) expect(stderr, said).toBe('')
  if (/unknown option|unknown command|"code":"USAGE"/.test(stderr) && code !== 2) expect(code, said).toBe(2)
}

describe('any arguments and configurations at all', () => {
  test(`${RUNS} of them`, async () => {
    const random = seededRandom(20_250_101)
    const { pick } = random
    const word = (): string => {
      const kind = random.integer(0, 9)
      return kind < 6 ? pick(OPTIONS) : kind < 9 ? pick(VALUES) : pick(ids)
    }
    const counts = new Map<number, number>()
    for (let round = 0; round < RUNS; round += 1) {
      const command = random.integer(0, 9) === 0 ? [word()] : pick(COMMANDS)
      const words = Array.from({ length: random.integer(0, 6) }, word)
      const argv = [...command, ...words]
      if (round % SQLITE_EVERY === 0) argv.push('--url', pick(SQLITE_URLS))
      // A demo that is called rightly takes its time; here it never is.
      if (argv.includes('demo')) argv.splice(argv.indexOf('demo') + 1, 0, '--seconds', '0')
      // Neither more than a look, nor a wait for a signal that came before anybody listened.
      if (argv.includes('--watch')) argv.splice(argv.indexOf('--watch') + 1, 0, '--count', '1')
      const isWrong = random.integer(0, 19) === 0
      if (isWrong) argv.splice(command.length, 0, pick(UNKNOWN))
      const config = randomConfig(random.integer(0, 29), pick)
      globalThis.waybillFuzzConfig!(config)
      const result = await runCli(argv, { cwd: folder.path, onListen: (send) => queueMicrotask(() => send('SIGTERM')) })
      const said = typeof config === 'object' && config !== null ? Object.keys(config).join() : String(config)
      check(result, argv, said)
      if (isWrong && !asksForHelp(argv) && command[0] !== 'help' && result.code !== 2) {
        expect(result.code, `${JSON.stringify(argv)} ${said}`).toBe(2)
      }
      counts.set(result.code, (counts.get(result.code) ?? 0) + 1)
      if (argv.includes('init')) {
        for (const file of ['waybill.config.ts', 'waybill-example.mjs', 'waybill-example.ts', 'missing.db']) {
          rmSync(join(folder.path, file), { force: true })
        }
      }
    }
    // Each kind of end has been met often enough to mean something.
    for (const code of [0, 1, 2]) expect(counts.get(code), `exit code ${code}`).toBeGreaterThan(1_000)
    expect(counts.get(130) ?? 0).toBeGreaterThanOrEqual(0)
  }, 180_000)

  test('texts that are no module', async () => {
    const random = seededRandom(7)
    const pieces = ['export ', 'const config', ' = ', '{', '}', 'url: ', `'sqlite:shop.db'`, 'throw ', 'new Error(1)', ';', '\u0000',
      'await 0', 'default ', 'null', 'import x from ', `'nowhere'`, '\n', 'process.foo.bar', '(() => { throw 1 })()', '[]', '1n']
    for (let round = 0; round < 400; round += 1) {
      const name = `garbage-${round}.mjs`
      const text = Array.from({ length: random.integer(0, 8) }, () => random.pick(pieces)).join('')
      writeFileSync(join(folder.path, name), text)
      const argv = ['list', '--config', name]
      const result = await runCli(argv, { cwd: folder.path })
      check(result, argv, text)
      expect([0, 1, 2], text).toContain(result.code)
    }
  }, 60_000)
})

function asksForHelp(argv: readonly string[]): boolean {
  return argv.some((each) => ['--help', '-h', '--version', '-v'].includes(each))
}

/** Two in three name the store; the others are anything. */
function randomConfig(kind: number, pick: <T>(items: readonly T[]) => T): unknown {
  const anything = [
    undefined, null, 0, -1, NaN, '', 'x', true, [], {}, () => 1, Symbol('s'), 1n, new Date(NaN), { outbox: 1 }, { outbox: {} },
    Object.create(null), [{}], [null], [{ handlers: {} }], [{ handlers: { mailer: 1 } }], [{ lane: '', handlers: { a: () => 1 } }],
    { mailer: { ordering: 'skip' } }, { other: { ordering: 'none' } }, { x: null },
    [{ lane: 'default', handlers: { mailer: () => { throw new Error('no') } }, concurrency: -1 }], new Proxy({}, {}),
  ] as const
  if (kind < 20) return { store }
  if (kind === 20) return pick(anything)
  if (kind === 21) return { store, relays: [{ handlers: { mailer: () => undefined }, pollMaxMs: 50 }] }
  const field = pick(['url', 'store', 'schema', 'events', 'codec', 'lanes', 'relays', 'other', '__proto__'])
  return field === 'store' || field === 'url' ? { [field]: pick(anything) } : { store, [field]: pick(anything) }
}
