import { afterAll, describe, expect, test } from 'vitest'
import { runCli, temporaryFolder } from './program.js'

const folder = temporaryFolder()
afterAll(() => folder.remove())
const cli = (...argv: string[]): ReturnType<typeof runCli> => runCli(argv, { cwd: folder.path })

describe('usage', () => {
  test('the bare program prints its help as an error', async () => {
    const { code, stdout, stderr } = await cli()
    expect(code).toBe(2)
    expect(stdout).toBe('')
    const names = [
      'demo', 'init', 'migrate', 'relay', 'list', 'show', 'stats', 'dead', 'purge', 'pause', 'resume', 'doctor',
    ]
    for (const name of names) expect(stderr).toContain(`\n  ${name} `)
  })

  test('--help and --version go to stdout', async () => {
    expect(await cli('--help')).toMatchObject({ code: 0, stderr: '' })
    expect(await cli('list', '--help')).toMatchObject({ code: 0, stderr: '' })
    const { code, stdout } = await cli('--version')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  test.each([
    ['an unknown command', ['lisst'], /unknown command 'lisst' \(Did you mean list\?\)/],
    ['an unknown option', ['list', '--bogus'], /unknown option '--bogus'/],
    ['an option without its value', ['list', '--lane'], /argument missing/],
    ['a status that is none', ['list', '--status', 'lost'], /Allowed choices are pending, claimed/],
    ['a limit of 0', ['list', '--limit', '0'], /from 1 to 1000/],
    ['a limit that is no number', ['list', '--limit', '1e2'], /from 1 to 1000/],
    ['a missing id', ['show'], /missing required argument 'id'/],
    ['an argument too many', ['stats', 'more'], /too many arguments/],
    ['a duration without sense', ['relay', '--stop-timeout', 'soon'], /500ms, 30s or 2m/],
    ['a duration that no timer can wait', ['relay', '--stop-timeout', '999h'], /500ms, 30s or 2m/],
    ['a demo of no time', ['demo', '--seconds', '0'], /from 1 to 3600/],
    ['no database', ['list'], /no database is named/],
    ['another database', ['list', '--url', 'mysql://localhost/shop'], /there is no store for mysql/],
    ['memory', ['list', '--url', 'sqlite::memory:'], /needs a file/],
    ['a URL without a path', ['list', '--url', 'sqlite:'], /names no file/],
    ['a schema on SQLite', ['migrate', '--url', 'sqlite:a.db', '--schema', 'other'], /only PostgreSQL has schemas/],
    ['a configuration that is not there', ['list', '--config', 'nowhere.mjs'], /there is no .*nowhere\.mjs/],
    ['a relay without a configuration', ['relay', '--url', 'sqlite:a.db'], /there is no/],
  ])('%s is said in a line, with what to do next', async (_, argv, message) => {
    const { code, stdout, stderr } = await cli(...argv)
    expect(stderr).toMatch(message)
    expect(code).toBe(argv[0] === 'relay' && argv[1] === '--url' ? 1 : 2)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^waybill: .+\n {2}next: .+\n$/)
  })

  test('as JSON, an error is a document on stderr', async () => {
    const { code, stdout, stderr } = await cli('list', '--limit', 'x', '--json')
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    const { error } = JSON.parse(stderr) as { error: object }
    expect(Object.keys(error)).toEqual(['code', 'message'])
    expect(error).toMatchObject({ code: 'USAGE' })
  })

  test('the stack is shown on demand', async () => {
    expect((await cli('list')).stderr).not.toContain('    at ')
    expect((await cli('list', '--verbose')).stderr).toContain('    at ')
  })

  test('an unreachable server is a failure, not a wrong call', async () => {
    const { code, stderr } = await cli('stats', '--url', 'postgres://127.0.0.1:1/none')
    expect(code).toBe(1)
    expect(stderr).toContain('cannot be reached')
  })

  test('reading does not make a database', async () => {
    const { code, stderr } = await cli('list', '--url', 'sqlite:mistyped.db')
    expect(code).toBe(1)
    expect(stderr).toContain('waybill migrate')
    expect((await cli('list', '--url', 'sqlite:mistyped.db')).stderr).toContain('there is no file')
  })

  test('a folder that is not there is named', async () => {
    expect((await cli('migrate', '--url', 'sqlite:nowhere/shop.db')).stderr).toMatch(/there is no folder .*nowhere/)
  })
})
