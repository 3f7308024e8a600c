import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { QueueRates } from '../../src/cli/queue-rates.js'
import type { QueueState } from '../../src/cli/queues.js'
import { openMemoryShop, type MemoryShop } from './memory-shop.js'

let shop: MemoryShop
beforeEach(() => {
  shop = openMemoryShop()
})
afterEach(() => shop.remove())

describe('pause and resume', () => {
  test('a target, shown by stats', async () => {
    await shop.enqueue({})
    await shop.enqueue({ target: 'billing' })
    expect((await shop.cli(['stats'])).stdout).not.toContain('PAUSED')
    expect(await shop.cli(['pause', '--lane', 'default', '--target', 'mailer'])).toMatchObject({ code: 0, stdout: 'paused default/mailer\n' })
    expect(await shop.waybill.outbox.claim({ lane: 'default', target: 'mailer', consumer: 'c' })).toBeNull()
    const { stdout } = await shop.cli(['stats'])
    expect(stdout).toMatch(/OLDEST READY {2}PAUSED\n/)
    expect(stdout).toMatch(/default\/mailer .* paused\n/)
    expect(stdout).not.toMatch(/default\/billing .* paused\n/)
    expect(await shop.json('stats')).toMatchObject({
      queues: [{ target: 'billing', paused: false }, { target: 'mailer', paused: true }],
      paused: [{ lane: 'default', target: 'mailer' }],
    })
    expect(await shop.json('resume', '--lane', 'default', '--target', 'mailer'))
      .toEqual({ lane: 'default', target: 'mailer', paused: false, stillPaused: [] })
    expect(await shop.waybill.outbox.claim({ lane: 'default', target: 'mailer', consumer: 'c' })).not.toBeNull()
  })

  test('a whole lane, also without messages', async () => {
    expect(await shop.json('pause', '--lane', 'orders')).toEqual({ lane: 'orders', target: null, paused: true, stillPaused: [] })
    expect((await shop.cli(['stats'])).stdout).toBe('no messages\npaused: all of orders\n')
    expect(await shop.json('stats', '--lane', 'other')).toEqual({ queues: [], paused: [] })
    await shop.cli(['pause', '--lane', 'orders', '--target', 'mailer'])
    expect((await shop.cli(['resume', '--lane', 'orders', '--target', 'mailer'])).stdout)
      .toBe('resumed orders/mailer\nstill paused: all of orders\n')
    expect(await shop.json('resume', '--lane', 'orders', '--target', 'mailer')).toMatchObject({
      paused: true, stillPaused: [{ lane: 'orders', target: null }],
    })
    await shop.cli(['pause', '--lane', 'orders', '--target', 'mailer'])
    expect(await shop.json('resume', '--lane', 'orders')).toEqual({
      lane: 'orders', target: null, paused: false, stillPaused: [{ lane: 'orders', target: 'mailer' }],
    })
  })

  test.each([['pause'], ['resume']])('%s needs a lane', async (name) => {
    expect(await shop.cli([name])).toMatchObject({ code: 2, stderr: expect.stringContaining('--lane') as string })
    expect((await shop.cli([name, '--lane', ' '])).code).toBe(2)
  })
})

describe('stats --watch', () => {
  const lines = (stdout: string): { queues: Record<string, unknown>[]; at: number }[] =>
    stdout.trim().split('\n').map((line) => JSON.parse(line) as { queues: Record<string, unknown>[]; at: number })

  test('a line of JSON per tick, with rates from the second on', async () => {
    await shop.enqueue({})
    let tick = 0
    const { code, stdout } = await shop.cli(['stats', '--watch', '--interval', '100ms', '--count', '3', '--json'], {
      onOutput: () => {
        tick += 1
        if (tick === 1) for (let index = 0; index < 50; index += 1) void shop.enqueue({})
      },
    })
    expect(code).toBe(0)
    const [first, second, third] = lines(stdout)
    expect(first).toMatchObject({ at: expect.any(Number) as number, queues: [{ ready: 1, paused: false, enqueuedPerSecond: null, deliveredPerSecond: null }] })
    expect(second!.queues).toMatchObject([{ ready: 51, deliveredPerSecond: 0 }])
    expect(second!.queues[0]!['enqueuedPerSecond']).toBeGreaterThan(50)
    expect(second!.queues[0]!['enqueuedPerSecond']).toBeLessThanOrEqual(600)
    expect(third!.queues).toMatchObject([{ enqueuedPerSecond: 0 }])
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends it with 0', async (signal) => {
    let send: (signal: 'SIGINT' | 'SIGTERM') => void = () => undefined
    const { code, stdout } = await shop.cli(['stats', '--watch', '--interval', '1h'], {
      onListen: (sender) => { send = sender }, onOutput: () => queueMicrotask(() => send(signal)),
    })
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'no messages\n\n' })
  })

  test('on a terminal each frame is written over the last, within its height', async () => {
    for (let index = 0; index < 9; index += 1) await shop.enqueue({ target: `t-${index}` })
    const { stdout } = await shop.cli(['stats', '--watch', '--interval', '100ms', '--count', '2'], {
      columns: 90, rows: 6, env: { NO_COLOR: '1' },
    })
    const [, second = ''] = stdout.split('\u001b[5A\r')
    expect(stdout.split('\u001b[5A\r')).toHaveLength(2)
    expect(stdout).not.toContain('\u001b[2J')
    const drawn = second.split('\n')
    expect(drawn.at(-1)).toBe('\u001b[J')
    expect(drawn).toHaveLength(6)
    expect(drawn[0]).toMatch(/^LANE\/TARGET .*IN\/S +OUT\/S\u001b\[K$/)
    expect(drawn[4]).toBe('… 6 more lines\u001b[K')
  })

  test.each([
    ['--interval without --watch', ['--interval', '1s'], /go with --watch/],
    ['--count without --watch', ['--count', '1'], /go with --watch/],
    ['an interval that would load the database', ['--watch', '--interval', '1ms'], /from 100ms to 1d/],
    ['no ticks', ['--watch', '--count', '0'], /from 1 to/],
  ])('%s is wrong usage', async (_, argv, message) => {
    const { code, stderr } = await shop.cli(['stats', ...argv])
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
  })
})

describe('rates', () => {
  const queue = (over: Partial<QueueState>): QueueState => ({
    lane: 'a', target: 'b', ready: 0, scheduled: 0, claimed: 0, delivered: 0, deadLetter: 0, oldestReadyAgeMs: undefined,
    paused: false, ...over,
  })

  test('are per second of real time, and null where rows went', () => {
    const rates = new QueueRates()
    rates.look([queue({ ready: 10 })], 1_000)
    expect(rates.look([queue({ ready: 8, delivered: 4 })], 3_000)).toMatchObject([{ enqueuedPerSecond: 1, deliveredPerSecond: 2 }])
    expect(rates.look([queue({ ready: 8, delivered: 1 })], 4_000)).toMatchObject([{ enqueuedPerSecond: null, deliveredPerSecond: null }])
    expect(rates.look([queue({ ready: 8, delivered: 1 }), queue({ target: 'c', ready: 5 })], 5_000))
      .toMatchObject([{ enqueuedPerSecond: 0 }, { enqueuedPerSecond: 5 }])
    expect(rates.look([queue({})], 5_000)).toMatchObject([{ enqueuedPerSecond: null }])
  })
})
