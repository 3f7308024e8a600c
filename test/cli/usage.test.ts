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
      'demo', 'init', 'migrate', 'relay', 'list', 'show', 'stats', 'dead', 'purge', 'pause', 'resume', 'doctor', 'journal',
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
    ['a sequence that is none', ['journal', 'read', 's', '--from', '1e3'], /0 to 2\^64-1/],
    ['a tag of a stream', ['journal', 'read', 's', '--tag', 't'], /not by --tag or --cursor/],
    ['numbers of no stream', ['journal', 'read', '--from', '1'], /name the stream/],
    ['an event of no type', ['journal', 'append', 's', '--payload', '1'], /'--type <type>' not specified/],
    ['two payloads', ['journal', 'append', 's', '--type', 't', '--payload', '1', '--file', 'f'], /exclude each other/],
    ['a header without a name', ['journal', 'append', 's', '--type', 't', '--payload', '1', '--header', '=x'], /has no name/],
    ['dead letters of nobody', ['journal', 'publishers', '--dead'], /of one publisher/],
    ['a publisher forgotten by mistake', ['journal', 'publishers', 'p', '--forget'], /needs --yes/],
    ['a replay from nowhere', ['journal', 'replay', 'p'], /no place is named/],
    ['a replay from two places', ['journal', 'replay', 'p', '--from-start', '--since', '5'], /only one place/],
    ['a replay of a stream from nowhere', ['journal', 'replay', 'p', '--stream', 's'], /go together/],
    ['a time that is none', ['journal', 'replay', 'p', '--since', 'yesterday'], /milliseconds since 1970/],
    ['a rebase to nowhere', ['journal', 'rebase', 'p', '--yes'], /'--to <place>' not specified/],
    ['a rebase by mistake', ['journal', 'rebase', 'p', '--to', 'head'], /needs --yes/],
    ['a rebase that follows two things', ['journal', 'rebase', 'p', '--to', 'head', '--follow-all', '--follow-tag', 't', '--yes'], /exclude each other/],
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
