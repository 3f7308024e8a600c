import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openMemoryShop, type MemoryShop } from './memory-shop.js'

let shop: MemoryShop
beforeEach(() => {
  shop = openMemoryShop()
})
afterEach(() => shop.remove())

interface Listed {
  readonly deadLetters: readonly { readonly id: string; readonly diedAt: number; readonly error: string }[]
  readonly next: string | null
}

const status = async (id: string): Promise<string | undefined> => (await shop.waybill.outbox.get(id))?.status

describe('dead list', () => {
  test('none', async () => {
    await shop.enqueue({})
    expect(await shop.cli(['dead', 'list'])).toMatchObject({ code: 0, stdout: 'no dead letters\n' })
    expect(await shop.json('dead', 'list')).toEqual({ deadLetters: [], next: null })
  })

  test('filters, pages, and what it shows', async () => {
    const mail = await shop.enqueueDead({ key: 'o-7' }, ['HTTP 500', 'HTTP 422 from https://u:hunter2@shop.example'])
    const bulk = await shop.enqueueDead({ lane: 'bulk', target: 'billing', scope: 'tenant-7' })
    const ids = async (...argv: string[]): Promise<string[]> =>
      (await shop.json<Listed>('dead', 'list', ...argv)).deadLetters.map(({ id }) => id)
    expect(await ids()).toEqual([mail, bulk])
    expect(await ids('--lane', 'bulk')).toEqual([bulk])
    expect(await ids('--target', 'mailer')).toEqual([mail])
    expect(await ids('--key', 'o-7')).toEqual([mail])
    expect(await ids('--scope', 'tenant-7')).toEqual([bulk])
    const first = await shop.json<Listed>('dead', 'list', '--limit', '1')
    expect(first).toMatchObject({ deadLetters: [{ id: mail, source: 'outbox', error: 'HTTP 422 from https://u:***@shop.example' }], next: mail })
    expect(first.deadLetters[0]!.diedAt).toBeGreaterThan(0)
    expect(await ids('--after', mail)).toEqual([bulk])
    const { stdout } = await shop.cli(['dead', 'list'])
    expect(stdout).toMatch(/^ID +SOURCE +OF +WHAT +TRIES +DIED +LAST ERROR\n/)
    expect(stdout).toMatch(/outbox +default\/mailer +order\.placed o-7 +2 +\d+ m?s ago +HTTP 422 from https:\/\/u:\*\*\*@/)
    expect((await shop.cli(['dead', 'list', '--limit', '1'])).stdout).toContain(`more: --after '${mail}'`)
    const narrow = await shop.cli(['dead', 'list'], { columns: 70, env: { NO_COLOR: '1' } })
    for (const line of narrow.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(70)
  })
})

describe('the timeline', () => {
  test('of a dead letter', async () => {
    const id = await shop.enqueueDead({}, ['HTTP 500', 'HTTP 422 from https://u:hunter2@shop.example'])
    for (const argv of [['show', id], ['dead', 'show', id]]) {
      const { code, stdout } = await shop.cli(argv)
      expect(code).toBe(0)
      expect(stdout).toMatch(new RegExp([
        /\n\S+Z {2}enqueued/, /\n\S+Z {2}attempt 1 failed {2}worker-1 {2}HTTP 500/,
        /\n\S+Z {2}attempt 2 failed {2}worker-1 {2}HTTP 422 from https:\/\/u:\*\*\*@shop\.example/,
        /\n\S+Z {2}became a dead letter\n\n\{/,
      ].map(({ source }) => source).join('')))
    }
    expect(await shop.json('show', id)).toMatchObject({ failures: [
      { attempt: 1, consumer: 'worker-1', error: 'HTTP 500', failedAt: expect.any(Number) as number },
      { attempt: 2, error: 'HTTP 422 from https://u:***@shop.example' },
    ] })
  })

  test('of one that was redriven and delivered', async () => {
    shop.setNow(1_000)
    const id = await shop.enqueueDead({}, ['HTTP 500'])
    shop.setNow(2_000)
    await shop.waybill.outbox.redrive([id])
    shop.setNow(3_000)
    const claim = await shop.waybill.outbox.claim({ lane: 'default', target: 'mailer', consumer: 'w' })
    await shop.waybill.outbox.ack(id, claim!.token)
    const lines = (await shop.cli(['show', id])).stdout.split('\n').filter((line) => /^\d{4}-/.test(line))
    expect(lines).toEqual([
      '1970-01-01T00:00:01.000Z  enqueued', '1970-01-01T00:00:01.000Z  attempt 1 failed  worker-1  HTTP 500',
      '1970-01-01T00:00:02.000Z  redriven', '1970-01-01T00:00:03.000Z  delivered',
    ])
  })

  test('dead show of what is not dead', async () => {
    const id = await shop.enqueue({})
    expect(await shop.cli(['dead', 'show', id])).toMatchObject({
      code: 1, stderr: expect.stringContaining('is no dead letter; it is pending') as string,
    })
    expect((await shop.cli(['dead', 'show', 'nothing'])).stderr).toContain('there is no message nothing')
  })
})

describe.each([['redrive', 'redriven', 'pending'], ['discard', 'discarded', undefined]] as const)('dead %s', (action, done, after) => {
  test('by id, an answer for each', async () => {
    const [one, two, alive] = [await shop.enqueueDead({}), await shop.enqueueDead({}), await shop.enqueue({})]
    const { code, stdout } = await shop.cli(['dead', action, one, alive, 'nothing'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: `${one}  ${done}\n${alive}  not dead\nnothing  not dead\n` })
    expect(await status(one)).toBe(after)
    const answer = await shop.cli(['dead', action, two, two, '--json'])
    expect({ code: answer.code, answer: JSON.parse(answer.stdout) as unknown }).toEqual({
      code: 0, answer: { [done]: 1, notDead: 0, interrupted: false, answers: [{ id: two, answer: done }] },
    })
    expect(await status(alive)).toBe('pending')
  })

  test('all of a lane, narrowed by the filters', async () => {
    const other = [
      await shop.enqueueDead({ lane: 'bulk' }), await shop.enqueueDead({ target: 'billing' }),
      await shop.enqueueDead({ key: 'b' }), await shop.enqueueDead({ key: 'a', scope: 'tenant-7' }),
    ]
    const mine = await shop.enqueueDead({ key: 'a' })
    const yes = action === 'discard' ? ['--yes'] : []
    const filters = ['--lane', 'default', '--target', 'mailer', '--key', 'a', '--scope', 'default']
    expect(await shop.json('dead', action, '--all', ...filters, ...yes)).toEqual({ [done]: 1, notDead: 0, left: 0, interrupted: false })
    expect(await status(mine)).toBe(after)
    for (const id of other) expect(await status(id)).toBe('dead_letter')
    expect(await shop.cli(['dead', action, '--all', '--lane', 'default', ...yes]))
      .toMatchObject({ code: 0, stdout: `3 ${done}\n` })
  })

  test('pages; a signal ends it between two', async () => {
    for (let index = 0; index < 1_001; index += 1) await shop.enqueueDead({}, ['no'])
    const argv = ['dead', action, '--all', '--lane', 'default', '--json', ...(action === 'discard' ? ['--yes'] : [])]
    const first = await shop.cli(argv, { onListen: (send) => queueMicrotask(() => send('SIGINT')) })
    expect({ code: first.code, answer: JSON.parse(first.stdout) as unknown })
      .toEqual({ code: 130, answer: { [done]: 500, notDead: 0, left: 0, interrupted: true } })
    expect(await shop.cli(argv)).toMatchObject({ code: 0, stdout: `{"${done}":501,"notDead":0,"left":0,"interrupted":false}\n`, stderr: '' })
  })

  test.each([
    ['nothing named', [], /no dead letter is named/],
    ['--all without a lane', ['--all', '--yes'], /--all needs --lane/],
    ['--all beside ids', ['x', '--all', '--lane', 'a', '--yes'], /exclude each other/],
    ['a filter without --all', ['x', '--lane', 'a'], /go with --all/],
    ['a blank id', [' '], /id is required/],
  ])('%s is wrong usage', async (_, argv, message) => {
    const { code, stderr } = await shop.cli(['dead', action, ...argv.filter((word) => action === 'discard' || word !== '--yes')])
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
  })
})

describe('dead discard --all', () => {
  test('needs --yes', async () => {
    const id = await shop.enqueueDead({})
    const { code, stderr } = await shop.cli(['dead', 'discard', '--all', '--lane', 'default'])
    expect(code).toBe(2)
    expect(stderr).toContain('needs --yes')
    expect(await status(id)).toBe('dead_letter')
  })
})

describe('waybill dead', () => {
  test('alone prints its help as an error; errors name the whole command', async () => {
    const { code, stderr } = await shop.cli(['dead'])
    expect(code).toBe(2)
    for (const name of ['list', 'show', 'redrive', 'discard', 'purge']) expect(stderr).toContain(name)
    const unknown = await shop.cli(['dead', 'redrive', 'x', '--bogus'])
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toContain('`waybill dead redrive --help`')
    expect((await shop.cli(['dead', 'list', '--help']))).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('dead list --group', () => {
  test('counts by what went wrong, without the secrets in it', async () => {
    expect((await shop.cli(['dead', 'list', '--group'])).stdout).toBe('no dead letters\n')
    await shop.enqueueDead({}, ['HTTP 500'])
    const last = await shop.enqueueDead({}, ['HTTP 503'])
    await shop.enqueueDead({ lane: 'bulk' }, ['HTTP 422 from https://u:hunter2@shop.example'])
    expect(await shop.json('dead', 'list', '--group', '--lane', 'default')).toEqual({
      groups: [{ error: 'HTTP <n>', count: 2, first: expect.any(Number) as number, last: expect.any(Number) as number, example: last }],
      omitted: 0, scanned: 2, isPartial: false,
    })
    const { stdout } = await shop.cli(['dead', 'list', '--group', '--limit', '1'])
    expect(stdout).toMatch(/^COUNT +FIRST +LAST +EXAMPLE +ERROR\n +2 +\d+ m?s ago +\d+ m?s ago +\S+ +HTTP <n> *\nand 1 other errors\n$/)
    expect((await shop.cli(['dead', 'list', '--group'])).stdout).not.toContain('hunter2')
    expect(await shop.cli(['dead', 'list', '--group', '--after', 'k'])).toMatchObject({ code: 2 })
  })
})

describe('dead redrive --payload', () => {
  test('redrives with other bytes; show has what there was, who did it and why', async () => {
    shop.setNow(1_000)
    const id = await shop.enqueueDead({}, ['HTTP 422'])
    const before = (await shop.waybill.outbox.get(id))?.payload
    shop.setNow(2_000)
    const edit = ['--payload', '{"orderId": "o-8"}', '--note', 'typo, #12', '--by', 'ada']
    expect(await shop.cli(['dead', 'redrive', id, ...edit])).toMatchObject({ code: 0, stdout: `${id}  redriven\n` })
    expect(Buffer.from((await shop.waybill.outbox.get(id))?.payload ?? []).toString()).toBe('{"orderId": "o-8"}')
    expect(await shop.json('show', id)).toMatchObject({
      payload: { orderId: 'o-8' },
      edits: [{ editedAt: 2_000, by: 'ada', note: 'typo, #12', payload: JSON.parse(Buffer.from(before ?? []).toString()) as unknown }],
    })
    const { stdout } = await shop.cli(['show', id])
    expect(stdout).toContain('1970-01-01T00:00:02.000Z  payload changed  ada  typo, #12\n1970-01-01T00:00:02.000Z  redriven\n')
    expect(stdout).toMatch(/\nthe payload until 1970-01-01T00:00:02.000Z, application\/json\n\{/)
  })

  test.each([
    ['two ids', ['x', 'y', '--payload', '1', '--note', 'n'], /one dead letter/],
    ['no note', ['x', '--payload', '1'], /needs --note/],
    ['a note alone', ['x', '--note', 'n'], /go with --payload/],
    ['--all', ['--all', '--lane', 'a', '--payload', '1', '--note', 'n'], /one dead letter/],
    ['--rate with ids', ['x', '--rate', '5'], /go with --all/],
  ])('%s is wrong usage', async (_, argv, message) => {
    expect(await shop.cli(['dead', 'redrive', ...argv]))
      .toMatchObject({ code: 2, stderr: expect.stringMatching(message) as string })
  })

  test('of bytes that are not what the message says, or from no file, changes nothing', async () => {
    const id = await shop.enqueueDead({})
    const note = ['--note', 'n']
    expect(await shop.cli(['dead', 'redrive', id, '--payload', '{', ...note]))
      .toMatchObject({ stderr: expect.stringContaining('payload is not application/json') as string })
    expect(await shop.cli(['dead', 'redrive', id, '--payload', '@no-such-file', ...note]))
      .toMatchObject({ code: 1, stderr: expect.stringContaining('the payload cannot be read') as string })
    expect(await status(id)).toBe('dead_letter')
  })
})

test('dead redrive --all --rate', async () => {
  const ids = [await shop.enqueueDead({}), await shop.enqueueDead({})]
  expect(await shop.cli(['dead', 'redrive', '--all', '--lane', 'default', '--rate', '100000']))
    .toMatchObject({ code: 0, stdout: '2 redriven\n' })
  for (const id of ids) expect(await status(id)).toBe('pending')
})
