import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { postgres } from '../../src/postgres.js'
import { sqlite } from '../../src/sqlite.js'
import type { Store } from '../../src/store.js'
import { createWaybill } from '../../src/waybill.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-outbox.js'
import { runCli, temporaryFolder, type RunOptions, type RunResult } from './program.js'

interface Place {
  readonly flags: readonly string[]
  readonly store: Store
  readonly cwd: string
  remove(): Promise<void>
}

function sqlitePlace(): Place {
  const folder = temporaryFolder()
  return {
    flags: ['--url', 'sqlite:shop.db'], cwd: folder.path, store: sqlite({ path: `${folder.path}/shop.db` }),
    remove: async () => folder.remove(),
  }
}

function postgresPlace(): Place {
  const folder = temporaryFolder()
  const schema = freshSchema()
  const url = postgresUrl ?? ''
  return {
    flags: ['--url', url, '--schema', schema], cwd: folder.path, store: postgres({ url, schema }),
    async remove() {
      await dropSchema(schema)
      folder.remove()
    },
  }
}

interface Listed {
  readonly messages: readonly { readonly id: string; readonly payloadBytes: number }[]
  readonly next: string | null
}

describe('on SQLite', () => commandTests(sqlitePlace))
// reason: this platform has no PostgreSQL binaries
describe.skipIf(postgresUrl === null)('on PostgreSQL', () => commandTests(postgresPlace))

function commandTests(open: () => Place): void {
  let place: Place
  const ids: string[] = []
  const cli = (argv: readonly string[], options: RunOptions = {}): Promise<RunResult> =>
    runCli([...argv, ...place.flags], { cwd: place.cwd, ...options })
  const json = async <T>(...argv: string[]): Promise<T> => JSON.parse((await cli([...argv, '--json'])).stdout) as T

  beforeAll(() => {
    place = open()
  })
  afterAll(async () => {
    await place.store.close()
    await place.remove()
  })

  test('migrate --print applies nothing', async () => {
    const { code, stdout } = await cli(['migrate', '--print'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/create table[\s\S]*outbox_message/)
    expect(await json('migrate', '--print')).toEqual({ sql: expect.stringContaining('create table') as string })
    expect((await cli(['stats'])).code).toBe(1)
  })

  test('migrate applies, also twice', async () => {
    expect(await cli(['migrate'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^migrated /) as string })
    expect(await json('migrate')).toMatchObject({ migrated: true })
  })

  test('an empty outbox', async () => {
    expect(await cli(['list'])).toMatchObject({ code: 0, stdout: 'no messages\n' })
    expect(await cli(['stats'])).toMatchObject({ code: 0, stdout: 'no messages\n' })
    expect(await json('list')).toEqual({ messages: [], next: null })
    expect(await json('stats')).toEqual({ queues: [], paused: [] })
  })

  test('list filters', async () => {
    const { outbox } = createWaybill({ store: place.store })
    const base = { type: 'order.placed', target: 'mailer' }
    const drafts = [
      { ...base, payload: { orderId: 7, note: 'Grüße \u001b[31m' }, key: 'o-7', headers: { trace: 'abc' }, dedupeKey: 'd' },
      { ...base, payload: Buffer.from([0, 255, 1]), lane: 'bulk', target: 'billing' },
      { ...base, payload: Buffer.from('a\nb'), contentType: 'text/plain', scope: 'tenant-7' },
      { ...base, payload: 1, target: 'other', type: 'evil\u001b]0;title\u0007' },
    ]
    for (const draft of drafts) ids.push((await outbox.enqueueAlone(draft)).id)
    const claim = await outbox.claim({ lane: 'default', target: 'other', consumer: 'test' })
    await outbox.settle(claim!.token, [{
      id: ids[3]!, kind: 'dead', error: 'HTTP 422 from https://u:hunter2@shop.example\nmore',
    }])
    const listed = async (...argv: string[]): Promise<string[]> =>
      (await json<Listed>('list', ...argv)).messages.map(({ id }) => id)
    expect(await listed()).toEqual(ids)
    expect(await listed('--lane', 'bulk')).toEqual([ids[1]])
    expect(await listed('--target', 'mailer')).toEqual([ids[0], ids[2]])
    expect(await listed('--scope', 'tenant-7')).toEqual([ids[2]])
    expect(await listed('--key', 'o-7')).toEqual([ids[0]])
    expect(await listed('--status', 'dead_letter')).toEqual([ids[3]])
    expect(await listed('--status', 'delivered')).toEqual([])
  })

  test('list pages', async () => {
    const first = await json<Listed>('list', '--limit', '2')
    expect(first.messages.map(({ id }) => id)).toEqual(ids.slice(0, 2))
    expect(first.next).toBe(ids[1])
    const second = await json<Listed>('list', '--limit', '3', '--after', first.next!)
    expect(second).toMatchObject({ messages: [{ id: ids[2] }, { id: ids[3] }], next: null })
    expect((await cli(['list', '--limit', '2'])).stdout).toContain(`more: --after ${ids[1]}`)
  })

  test('list for people: no secret, no escape sequence, within the terminal', async () => {
    const { stdout } = await cli(['list'])
    expect(stdout).toMatch(/^ID +STATUS +TYPE +LANE\/TARGET +TRIES +AGE +LAST ERROR\n/)
    expect(stdout).toContain('https://u:***@shop.example\\nmore')
    expect(stdout).toContain('evil\\u001b]0;title\\u0007')
    const narrow = await cli(['list'], { columns: 70, env: { NO_COLOR: '1' } })
    expect(narrow.stdout).not.toContain('\u001b')
    for (const line of narrow.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(70)
    const coloured = await cli(['list'], { columns: 70 })
    expect(coloured.stdout).toContain('\u001b[1mID')
  })

  test('show', async () => {
    const { stdout } = await cli(['show', ids[0]!])
    for (const part of ['order.placed', 'mailer', 'o-7', 'trace: abc', '0 of 20', '"orderId": 7', 'Grüße \\u001b[31m']) {
      expect(stdout).toContain(part)
    }
    expect(stdout).not.toContain('\u001b')
    expect(await json('show', ids[0]!)).toMatchObject({ id: ids[0], payload: { orderId: 7 }, headers: { trace: 'abc' } })
    expect(await json('show', ids[1]!)).toMatchObject({ payloadBase64: 'AP8B', payloadBytes: 3 })
    expect(await json('show', ids[2]!)).toMatchObject({ payloadText: 'a\nb', scope: 'tenant-7' })
    expect((await cli(['show', ids[1]!])).stdout).toContain('3 bytes that are no text')
    expect((await cli(['show', ids[2]!])).stdout).toMatch(/\na\nb\n$/)
    expect((await cli(['show', ids[1]!, '--raw'])).bytes).toEqual(Buffer.from([0, 255, 1]))
  })

  test('show of what is not there', async () => {
    expect(await cli(['show', 'nothing'])).toMatchObject({
      code: 1, stdout: '', stderr: expect.stringContaining('no message nothing') as string,
    })
    const { code, stderr } = await cli(['show', 'nothing', '--json'])
    expect({ code, error: JSON.parse(stderr) as unknown }).toEqual({
      code: 1, error: { error: { code: 'NOT_FOUND', message: 'there is no message nothing' } },
    })
    expect((await cli(['show', ' '])).code).toBe(2)
  })

  test('stats', async () => {
    const { queues } = await json<{ queues: object[] }>('stats')
    expect(queues).toMatchObject([
      { lane: 'bulk', target: 'billing', ready: 1 }, { lane: 'default', target: 'mailer', ready: 2 },
      { lane: 'default', target: 'other', deadLetter: 1 },
    ])
    expect((await json<{ queues: object[] }>('stats', '--target', 'mailer')).queues).toHaveLength(1)
    expect((await json<{ queues: object[] }>('stats', '--scope', 'tenant-7')).queues).toMatchObject([{ ready: 1 }])
    const { stdout } = await cli(['stats'])
    expect(stdout).toMatch(/^LANE\/TARGET +READY +SCHEDULED +CLAIMED +DELIVERED +DEAD +OLDEST READY\nbulk\/billing +1 /)
  })

  test('pause and resume', async () => {
    expect(await json('pause', '--lane', 'bulk')).toMatchObject({ paused: true })
    expect(await json('stats', '--lane', 'bulk')).toMatchObject({ queues: [{ paused: true }], paused: [{ lane: 'bulk', target: null }] })
    expect(await createWaybill({ store: place.store }).outbox.claim({ lane: 'bulk', target: 'billing', consumer: 'c' })).toBeNull()
    expect(await json('resume', '--lane', 'bulk')).toMatchObject({ paused: false, stillPaused: [] })
  })

  test('dead letters: seen, redriven, dead again, discarded', async () => {
    const dead = ids[3]!
    expect(await json<Listed>('dead', 'list')).toMatchObject({ deadLetters: [{ id: dead }], next: null })
    expect(await json('show', dead)).toMatchObject({ failures: [{ attempt: 1, consumer: 'test', error: 'HTTP 422 from https://u:***@shop.example\nmore' }] })
    expect((await cli(['dead', 'show', dead])).stdout).toMatch(/Z {2}enqueued\n.*Z {2}attempt 1 failed {2}test {2}HTTP 422.*\n.*Z {2}became a dead letter\n/)
    expect(await cli(['dead', 'redrive', dead, ids[0]!])).toMatchObject({ code: 1, stdout: `${dead}  redriven\n${ids[0]}  not dead\n` })
    expect((await cli(['show', dead])).stdout).toMatch(/Z {2}redriven\n/)
    const { outbox } = createWaybill({ store: place.store })
    const claim = await outbox.claim({ lane: 'default', target: 'other', consumer: 'test' })
    expect(claim!.messages[0]!.redrivenAt).toBeGreaterThan(0)
    await outbox.settle(claim!.token, [{ id: dead, kind: 'dead', error: 'again' }])
    expect(await json<{ failures: object[] }>('show', dead)).toMatchObject({ failures: [{ attempt: 1 }, { error: 'again' }] })
    expect(await json('dead', 'discard', '--all', '--lane', 'default', '--target', 'other', '--yes'))
      .toEqual({ discarded: 1, notDead: 0, left: 0, interrupted: false })
    expect((await cli(['show', dead])).code).toBe(1)
  })

  test('purge counts, then removes', async () => {
    const { outbox } = createWaybill({ store: place.store })
    const claim = await outbox.claim({ lane: 'default', target: 'mailer', consumer: 'test', limit: 2 })
    await outbox.settle(claim!.token, claim!.messages.map(({ id }) => ({ id, kind: 'ack' })))
    const argv = ['purge', '--delivered-older-than', '0s', '--dead-older-than', '0s', '--dedupe-older-than', '0s', '--limit', '1']
    expect(await json(...argv, '--dry-run')).toEqual({ delivered: 1, deadLetters: 0, dedupeKeys: 1, dryRun: true, more: true })
    expect(await json(...argv)).toEqual({ delivered: 2, deadLetters: 0, dedupeKeys: 1, dryRun: false, interrupted: false })
    expect(await json<Listed>('list')).toMatchObject({ messages: [{ id: ids[1] }] })
  })

  test('stats --watch', async () => {
    const { code, stdout } = await cli(['stats', '--watch', '--count', '2', '--interval', '100ms', '--json'])
    expect(code).toBe(0)
    const ticks = stdout.trim().split('\n').map((line) => JSON.parse(line) as { queues: object[] })
    expect(ticks).toMatchObject([
      { queues: [{ lane: 'bulk', deliveredPerSecond: null }] }, { queues: [{ lane: 'bulk', deliveredPerSecond: 0 }] },
    ])
  })

  test('doctor', async () => {
    const { findings } = await json<{ findings: { name: string; state: string }[] }>('doctor')
    // The tests' server does not sync, and the disk may be full.
    expect(findings.filter(({ state, name }) => state !== 'ok' && name !== 'fsync' && name !== 'disk_space')).toEqual([])
  })
}
