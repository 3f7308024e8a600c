/** The doctor on SQLite, and what it asks of any outbox. */
import { chmodSync, copyFileSync, existsSync, openSync, readFileSync, statSync, writeFileSync, writeSync, closeSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ok, problem, type Finding } from '../../src/core/diagnosis.js'
import { WaybillError } from '../../src/core/errors.js'
import { sqliteEngine } from '../../src/drivers/sqlite.js'
import type { SqliteConnection, SqliteEngine } from '../../src/sql/sqlite-connection.js'
import { diagnoseSqlite, type DiagnosisOptions } from '../../src/stores/sqlite/diagnosis.js'
import { openMemoryShop, type MemoryShop } from './memory-shop.js'
import { runCli, temporaryFolder } from './program.js'

const HOUR = 3_600_000
interface Report {
  readonly healthy: boolean
  readonly findings: readonly Finding[]
}

describe('the outbox', () => {
  let shop: MemoryShop
  beforeEach(() => {
    shop = openMemoryShop()
  })
  afterEach(() => shop.remove())
  const find = async (name: string): Promise<Finding | undefined> =>
    (await shop.json<Report>('doctor')).findings.find((each) => each.name === name)

  test('all well', async () => {
    await shop.enqueue({})
    expect(await shop.cli(['doctor'])).toMatchObject({ code: 0, stderr: '', stdout: [
      'ok       paused          no queue is paused', 'ok       dead_letters    none',
      'ok       expired_claims  no claim waits for a relay to end it',
      'ok       oldest_ready    nothing has been due for more than 10 min', '', '4 checks: 4 ok', '',
    ].join('\n') })
  })

  test('dead letters and paused queues are warnings, and no failure', async () => {
    await shop.enqueueDead({})
    await shop.waybill.outbox.pause({ lane: 'default', target: 'mailer' })
    await shop.waybill.outbox.pause({ lane: 'bulk' })
    const { code, stdout } = await shop.cli(['doctor'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/warning {2}paused +2 paused: (?:bulk, default\/mailer|default\/mailer, bulk)\n +next: .*`waybill resume`/)
    expect(stdout).toMatch(/warning {2}dead_letters +1: default\/mailer 1\n +next: .*`waybill dead list`/)
    expect(stdout).toContain('4 checks: 2 warning, 2 ok')
  })

  test('claims that nobody ends are a problem, but not of a paused queue', async () => {
    await shop.enqueue({})
    await shop.waybill.outbox.claim({ lane: 'default', target: 'mailer', consumer: 'gone', leaseMs: 1_000 })
    expect(await find('expired_claims')).toMatchObject({ state: 'ok' })
    shop.setNow(Date.now() - HOUR)
    await shop.enqueue({ target: 'billing' })
    await shop.waybill.outbox.claim({ lane: 'default', target: 'billing', consumer: 'gone', leaseMs: 1_000 })
    expect(await find('expired_claims')).toMatchObject({
      state: 'problem', found: '1 messages are in claims that expired more than 1 min ago: default/billing',
    })
    expect((await shop.cli(['doctor'])).code).toBe(3)
    await shop.waybill.outbox.pause({ lane: 'default', target: 'billing' })
    expect(await find('expired_claims')).toMatchObject({ state: 'ok' })
  })

  test('messages that wait for long', async () => {
    const now = Date.now()
    shop.setNow(now - HOUR)
    await shop.enqueue({})
    shop.setNow(now)
    expect(await find('oldest_ready')).toMatchObject({ state: 'warning', found: 'due, and not claimed: default/mailer 1 h' })
    await shop.waybill.outbox.pause({ lane: 'default' })
    expect(await find('oldest_ready')).toMatchObject({ state: 'ok' })
  })
})

describe('a store that cannot be read', () => {
  const failing = (finding: Finding, code: 'NOT_MIGRATED' | 'STORE_UNAVAILABLE'): MemoryShop => openMemoryShop((store) => {
    const outbox = Object.create(store.outbox) as typeof store.outbox
    Object.defineProperty(outbox, 'stats', { value: async () => { throw new WaybillError(code, 'no') } })
    return { outbox, diagnose: async () => [finding] }
  })

  test('is told by its own findings', async () => {
    const shop = failing(problem('schema', 'missing', 'migrate'), 'NOT_MIGRATED')
    const { code, stdout } = await shop.cli(['doctor'])
    shop.remove()
    expect(code).toBe(3)
    expect(stdout).toMatch(/skipped {2}outbox +the outbox cannot be read before/)
  })

  test.each([
    ['if there is one', ok('schema', 'fine'), 'NOT_MIGRATED'],
    ['while it is there', problem('schema', 'missing', 'migrate'), 'STORE_UNAVAILABLE'],
  ] as const)('%s', async (_, finding, error) => {
    const shop = failing(finding, error)
    const { code, stderr } = await shop.cli(['doctor'])
    shop.remove()
    expect(code).toBe(1)
    expect(stderr).toContain('waybill: no')
  })
})

describe('on SQLite', () => {
  let folder: ReturnType<typeof temporaryFolder>
  let path: string
  const engine = sqliteEngine()
  const opened: SqliteConnection[] = []
  const open = (file = path): SqliteConnection => {
    const connection = engine.open(file)
    opened.push(connection)
    return connection
  }
  beforeEach(async () => {
    folder = temporaryFolder()
    const made = join(folder.path, 'made.db')
    expect(await runCli(['migrate', '--url', made], { cwd: folder.path })).toMatchObject({ code: 0 })
    // A copy, which no connection that is still to be collected has open.
    open(made).exec('pragma wal_checkpoint(truncate)')
    path = join(folder.path, 'shop.db')
    copyFileSync(made, path)
  })
  afterEach(() => {
    for (const connection of opened.splice(0)) connection.close()
    folder.remove()
  })
  const find = async (name: string, over: Partial<DiagnosisOptions> = {}): Promise<Finding | undefined> =>
    (await diagnoseSqlite({ path, engine, prefix: 'waybill_', ...over })).find((each) => each.name === name)
  const code = async (): Promise<number> => (await runCli(['doctor', '--url', path], { cwd: folder.path })).code

  test('all well', async () => {
    const { stdout } = await runCli(['doctor', '--url', path, '--json'], { cwd: folder.path })
    const { findings } = JSON.parse(stdout) as Report
    // The disk of whoever runs this may be full.
    expect(findings.filter(({ state, name }) => state !== 'ok' && name !== 'disk_space')).toEqual([])
    expect(findings.map(({ name }) => name)).toEqual([
      'writable', ...(process.platform === 'linux' ? ['file_system'] : []), 'disk_space', 'journal_mode', 'synchronous',
      'integrity', 'schema', 'objects', 'write_lock', 'paused', 'dead_letters', 'expired_claims', 'oldest_ready',
    ])
    expect(await code()).toBe(0)
  })

  test.each([
    ['another journal mode', 'pragma journal_mode = delete', 'journal_mode', /^delete: /],
    ['a missing index', 'drop index waybill_outbox_dead_age', 'objects', /missing: index waybill_outbox_dead_age/],
    ['a missing table', 'drop table waybill_outbox_failure', 'objects', /missing: table waybill_outbox_failure, index/],
    ['a newer schema', `insert into waybill_migration (version, name, checksum, applied_at) values (99, 'later', 'x', 0)`,
      'schema', /version 99, newer/],
    ['an older schema', 'delete from waybill_migration', 'schema', /not applied: 1 /],
    ['a changed checksum', `update waybill_migration set checksum = 'x'`, 'schema', /applied as another text: 1 /],
    ['no tables', 'drop table waybill_migration', 'schema', /no tables that begin with waybill_/],
  ])('%s', async (_, spoil, name, found) => {
    open().exec(spoil)
    expect(await find(name)).toMatchObject({
      state: 'problem', found: expect.stringMatching(found) as string, advice: expect.any(String) as string,
    })
    expect(await code()).toBe(3)
  })

  test('a write lock that is held', async () => {
    const other = open()
    other.exec('begin immediate')
    expect(await find('write_lock', { lockedMs: 100 })).toMatchObject({ state: 'problem', found: expect.stringContaining('another connection') as string })
    setTimeout(() => other.exec('rollback'), 50)
    expect(await find('write_lock')).toMatchObject({ state: 'ok' })
  })

  test('a connection that does not sync', async () => {
    const careless: SqliteEngine = {
      name: 'careless',
      open(file) {
        const connection = engine.open(file)
        connection.exec('pragma synchronous = off')
        return connection
      },
    }
    expect(await find('synchronous', { engine: careless })).toMatchObject({ state: 'problem' })
  })

  test('a damaged page', async () => {
    open().exec('pragma wal_checkpoint(truncate)')
    opened.pop()!.close()
    const file = openSync(path, 'r+')
    for (let page = 3; page < statSync(path).size / 4_096; page += 1) writeSync(file, Buffer.alloc(64, 0xff), 0, 64, page * 4_096)
    closeSync(file)
    expect(await find('integrity')).toMatchObject({ state: 'problem', found: expect.stringMatching(/quick_check|damaged/) as string })
    expect(await code()).toBe(3)
  })

  test('what is no database', async () => {
    writeFileSync(path, 'this is a text, and a rather long one, which no engine takes for a database '.repeat(100))
    for (const suffix of ['-wal', '-shm']) if (existsSync(path + suffix)) writeFileSync(path + suffix, '')
    expect(await find('schema')).toMatchObject({ state: 'problem', found: expect.stringContaining('no SQLite database') as string })
    expect(await code()).toBe(3)
  })

  test('a large file is not read through', async () => {
    expect(await find('integrity', { checkBytes: 1 })).toMatchObject({ state: 'skipped', found: expect.stringContaining('quick_check') as string })
  })

  // reason: root may write to everything
  test.skipIf(process.getuid?.() === 0)('a file that may not be written', async () => {
    chmodSync(path, 0o444)
    expect(await find('writable')).toMatchObject({ state: 'problem' })
  })

  test('a file that is not there fails with 1, and is not made', async () => {
    copyFileSync(path, join(folder.path, 'copy.db'))
    const { code: exit, stderr } = await runCli(['doctor', '--url', 'sqlite:none.db'], { cwd: folder.path })
    expect(exit).toBe(1)
    expect(stderr).toContain('there is no file')
    expect(existsSync(join(folder.path, 'none.db'))).toBe(false)
    await expect(find('schema', { path: join(folder.path, 'none.db') })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(readFileSync(join(folder.path, 'copy.db')).length).toBeGreaterThan(0)
  })
})
