import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runCli, temporaryFolder, type RunResult } from './program.js'

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => folder.remove())

const write = (name: string, text: string): void => writeFileSync(join(folder.path, name), text)
const cli = (argv: readonly string[], env: Record<string, string> = {}): Promise<RunResult> =>
  runCli(argv, { cwd: folder.path, env })
/** Which database a command would use. */
const chosen = async (argv: readonly string[] = [], env: Record<string, string> = {}): Promise<string> =>
  (JSON.parse((await cli(['migrate', '--json', ...argv], env)).stdout) as { database: string }).database

describe('configuration', () => {
  test.each([
    ['waybill.config.mjs', `export const config = { url: 'sqlite:of-config.db' }`],
    ['waybill.config.mjs', `export default { url: 'sqlite:of-config.db' }`],
    ['waybill.config.js', `module.exports = { config: { url: 'sqlite:of-config.db' } }`],
    ['waybill.config.js', `module.exports = { url: 'sqlite:of-config.db' }`],
    ['waybill.config.ts', `export const config: { url: string } = { url: 'sqlite:of-config.db' }`],
    ['waybill.config.ts', `enum E { a = 'sqlite:of-config.db' }\nexport const config = { url: E.a as string }`],
  ])('%s: %s', async (name, text) => {
    write(name, text)
    expect(await chosen()).toBe(`sqlite:${join(folder.path, 'of-config.db')}`)
  })

  test('paths in it are relative to it', async () => {
    mkdirSync(join(folder.path, 'deploy'))
    write('deploy/shop.mjs', `export const config = { url: 'sqlite:of-config.db' }`)
    expect(await chosen(['--config', 'deploy/shop.mjs'])).toBe(`sqlite:${join(folder.path, 'deploy/of-config.db')}`)
  })

  test('flags go before the environment, and that before the configuration', async () => {
    const at = (name: string): string => `sqlite:${join(folder.path, name)}`
    write('waybill.config.mjs', `export const config = { url: 'sqlite:of-config.db' }`)
    const env = { WAYBILL_URL: 'of-waybill-url.db', DATABASE_URL: 'file:of-database-url.db' }
    expect(await chosen(['--url', 'of-flag.db'], env)).toBe(at('of-flag.db'))
    expect(await chosen([], env)).toBe(at('of-waybill-url.db'))
    expect(await chosen([], { DATABASE_URL: env.DATABASE_URL })).toBe(at('of-database-url.db'))
    expect(await chosen([], { DATABASE_URL: '' })).toBe(at('of-config.db'))
    expect(await chosen(['--url', `sqlite://${folder.path}/of-flag.db`])).toBe(at('of-flag.db'))
    expect(await chosen(['--url', `file://${folder.path}/of-flag.db`])).toBe(at('of-flag.db'))
  })

  test('a store in it goes before DATABASE_URL, which other programs use too', async () => {
    write('waybill.config.mjs', `
      const outbox = Object.fromEntries(['enqueueMany', 'claim', 'settle', 'list', 'stats', 'settings'].map((name) => [name, () => {}]))
      export const config = {
        store: { name: 'own', dialect: 'memory', outbox, bind() {}, transaction() {}, migrate() {}, close() {} },
      }`)
    expect(await chosen([], { DATABASE_URL: 'mysql://elsewhere' })).toBe('the own store')
    expect(await chosen([], { WAYBILL_URL: 'sqlite:of-waybill-url.db' })).toContain('of-waybill-url.db')
  })

  test.each([
    ['nothing', 'export const other = 1', /exports no config/],
    ['an unknown field', 'export const config = { relay: [] }', /relay is not one of url, store/],
    ['relays that are none', 'export const config = { url: "a", relays: {} }', /relays must be an array/],
    ['an empty URL', 'export const config = { url: " " }', /url must be a URL or a path/],
    ['a store that is none', 'export const config = { store: {} }', /store must be a store/],
    ['both', 'export const config = { url: "a", store: { outbox: {} } }', /exclude each other/],
    ['neither', 'export const config = {}', /names no database/],
    ['what does not load', 'throw new Error("boom")', /does not load: Error: boom/],
    ['what is no program', 'export const = 1', /does not load: .*rror/],
  ])('%s is refused', async (_, text, message) => {
    write('waybill.config.mjs', text)
    const { code, stderr } = await cli(['list'])
    expect(stderr).toMatch(message)
    expect(stderr).toMatch(/^waybill: .+\n {2}next: .+\n$/)
    expect(code).toBe(2)
  })
})

describe('init', () => {
  test('writes JavaScript where TypeScript does not run, and the configuration is found', async () => {
    const { code, stdout } = await cli(['init', '--language', 'js'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^wrote waybill\.config\.mjs\nwrote waybill-example\.mjs\n\nnext:\n {2}npm install waybill/)
    expect(stdout).toContain('npx waybill relay')
  })

  test('refuses to replace, unless forced', async () => {
    expect(await cli(['init', '--json', '--language', 'ts'])).toMatchObject({ code: 0 })
    const { code, stderr } = await cli(['init', '--language', 'js'])
    expect(code).toBe(1)
    expect(stderr).toContain('waybill.config.ts is there already')
    const forced = await cli(['init', '--language', 'ts', '--store', 'postgres', '--force', '--json'])
    expect(JSON.parse(forced.stdout)).toMatchObject({ written: ['waybill.config.ts', 'waybill-example.ts'] })
  })
})
