import { afterEach, describe, expect, test, vi } from 'vitest'
import { Runner } from '../../src/runner/runner.js'
import { runnerSettings, type RunnerOptions } from '../../src/runner/options.js'
import type { Deliver, RunnerItem } from '../../src/runner/source.js'
import { FakeSource, item, items, next, settleDown } from './fake-source.js'

describe('when the source fails', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  test('pulls are repeated after 50 ms to 5 s, and work goes on by itself', async () => {
    const source = new FakeSource(items(1))
    const pauses: number[] = []
    source.onPull = (call) => {
      if (call <= 12) throw new Error('away')
    }
    const runner = new Runner(source, () => undefined, {
      time: { random: () => 1, pause: async (ms) => void pauses.push(ms) },
    })
    await runner.start()
    await source.until(() => source.settled.length === 1)
    expect(pauses).toEqual([50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000, 5_000])
    expect(runner.counters()).toMatchObject({ storeErrors: 12, delivered: 1 })
    await runner.stop()
  })

  test('is never a hot loop, also when waking', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const source = new FakeSource()
    source.onPull = () => Promise.reject(new Error('away'))
    const runner = new Runner(source, () => undefined, { time: { random: () => 0 } })
    await runner.start()
    for (let ms = 0; ms < 1_000; ms += 25) {
      await vi.advanceTimersByTimeAsync(25)
      await settleDown(2)
    }
    expect(source.calls.pull).toBeLessThanOrEqual(8)
    await runner.stop()
  })

  test('nobody needs to listen, and nothing is left unhandled', async () => {
    const unhandled: unknown[] = []
    const note = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', note)
    const source = new FakeSource(items(20))
    source.leaseMs = 30
    source.onPull = (call) => call % 2 === 0 ? Promise.reject(new Error('pull')) : undefined
    source.onSettle = (call) => call % 2 === 1 ? Promise.reject(new Error('settle')) : undefined
    source.onExtend = () => Promise.reject(new Error('extend'))
    const deliver: Deliver<RunnerItem> = ({ id }) => {
      if (id === 'i0') return source.until(() => source.calls.extend >= 2)
      return id.endsWith('3') ? Promise.reject(new Error('handler')) : undefined
    }
    const runner = new Runner(source, deliver, { batch: 5, time: { pause: () => settleDown(1) } })
    await runner.start()
    expect(await runner.drain()).toMatchObject({ claimed: 20 })
    await runner.stop()
    await settleDown()
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
  })

  test('runOnce and drain reject with the failure of a pull, and work again after it', async () => {
    const source = new FakeSource(items(3))
    source.onPull = (call) => call !== 2 && call <= 3 ? Promise.reject(new Error(`away ${call}`)) : undefined
    const runner = new Runner(source, () => settleDown(1), { batch: 2 })
    await expect(runner.runOnce()).rejects.toThrow('away 1')
    await expect(runner.drain()).rejects.toThrow('away 3')
    expect(source.ids('ack')).toHaveLength(2)
    expect(await runner.drain()).toMatchObject({ delivered: 1 })
    await runner.stop()
  })
})

describe('listeners', () => {
  test('that throw, reject or leave change nothing', async () => {
    const source = new FakeSource([...items(2), item('bad')])
    const runner = new Runner(source, ({ id }) => {
      if (id === 'bad') throw new Error('no')
      return undefined
    })
    const heard: string[] = []
    for (const name of ['claimed', 'delivered', 'requeued', 'error', 'idle'] as const) {
      runner.on(name, () => {
        throw new Error('listener')
      })
      runner.on(name, () => Promise.reject(new Error('listener')))
      runner.on(name, () => void heard.push(name))
    }
    const off = runner.on('delivered', () => heard.push('never'))
    off()
    off()
    await runner.start()
    await next(runner, 'idle')
    expect(heard).toEqual(['claimed', 'delivered', 'delivered', 'requeued', 'idle'])
    await runner.stop()
    expect(() => runner.on('nonsense' as never, () => {})).toThrow(/event must be one of claimed/)
  })

  test('the same function twice is called twice and taken off one by one', async () => {
    const runner = new Runner(new FakeSource(items(2)), () => undefined)
    let heard = 0
    const listener = (): number => heard += 1
    const off = runner.on('delivered', listener)
    runner.on('delivered', listener)
    off()
    off()
    await runner.runOnce()
    expect(heard).toBe(2)
    await runner.stop()
  })

  test('counters are a frozen copy', async () => {
    const runner = new Runner(new FakeSource(items(2)), () => undefined)
    const before = runner.counters()
    await runner.runOnce()
    expect([before.delivered, runner.counters().delivered, Object.isFrozen(before)]).toEqual([0, 2, true])
    expect(Object.keys(before).sort()).toEqual([
      'buffered', 'bytesInFlight', 'claimed', 'deadLettered', 'delivered', 'inFlight', 'lostClaims',
      'released', 'requeued', 'storeErrors', 'timeouts',
    ])
    await runner.stop()
  })
})

describe('options', () => {
  test.each<[keyof RunnerOptions, unknown, string?]>([
    ['batch', 0], ['batch', 1_001], ['batch', 1.5], ['concurrency', 0], ['maxInFlightBytes', 0],
    ['timeoutMs', 0], ['timeoutMs', 2 ** 31], ['maxAgeMs', -1], ['pollMaxMs', 0], ['settleEveryMs', -1],
    ['retry', { baseMs: -1 }, 'retry.baseMs'], ['retry', { baseMs: 10, maxMs: 5 }, 'retry.maxMs'],
  ])('%s = %j is refused by name', (name, value, field = name) => {
    const make = (): unknown => runnerSettings({ [name]: value })
    const details = expect.objectContaining({ field })
    expect(make).toThrow(expect.objectContaining({ code: 'VALIDATION', details }))
  })
})
