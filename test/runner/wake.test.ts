import { afterEach, describe, expect, test, vi } from 'vitest'
import { Runner } from '../../src/runner/runner.js'
import { WakeHub } from '../../src/runner/wake.js'
import { deferred, FakeSource, item, next, settleDown } from './fake-source.js'

describe('WakeHub', () => {
  test('wakes those who listen to the topic, or all, until they leave', () => {
    const hub = new WakeHub()
    const woken: string[] = []
    const off = hub.subscribe('a', () => woken.push('a1'))
    hub.subscribe('a', () => woken.push('a2'))
    hub.subscribe('b', () => woken.push('b'))
    hub.wake('a')
    hub.wake('nobody')
    off()
    off()
    hub.wake()
    expect(woken).toEqual(['a1', 'a2', 'a2', 'b'])
    expect(hub.size).toBe(2)
  })
})

function waiting(source: FakeSource, pollMaxMs = 250): { hub: WakeHub; runner: Runner<never, never> } {
  const hub = new WakeHub()
  const runner = new Runner(source, () => undefined, { pollMaxMs, wake: { hub, topics: ['work'] } })
  return { hub, runner: runner as unknown as Runner<never, never> }
}

describe('waiting for work', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  test('an idle runner polls at 5, 10, 20, … 250 ms and then four times a second', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const source = new FakeSource()
    const { runner } = waiting(source)
    await runner.start()
    await settleDown()
    expect(source.calls.pull).toBe(1)
    await vi.advanceTimersByTimeAsync(5)
    await settleDown()
    expect(source.calls.pull).toBe(2)
    for (let ms = 0; ms < 1_000; ms += 5) {
      await vi.advanceTimersByTimeAsync(5)
      await settleDown(2)
    }
    expect(source.calls.pull).toBeGreaterThan(6)
    expect(source.calls.pull).toBeLessThanOrEqual(11)
    const settledPulls = source.calls.pull
    for (let ms = 0; ms < 1_000; ms += 5) {
      await vi.advanceTimersByTimeAsync(5)
      await settleDown(2)
    }
    expect(source.calls.pull - settledPulls).toBe(4)
    await runner.stop()
  })

  test('a wake-up cuts the wait', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const source = new FakeSource()
    const { hub, runner } = waiting(source, 2 ** 31 - 1)
    await runner.start()
    await settleDown()
    source.due.push(item('a'))
    hub.wake('work')
    await source.until(() => source.settled.length === 1)
    await runner.stop()
  })

  test('a wake-up during a pull that finds nothing is not lost', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const source = new FakeSource()
    const pulling = deferred()
    source.onPull = (call) => call === 1 ? pulling.promise : undefined
    const original = source.pull.bind(source)
    // The pull reads before the work is there, and answers after.
    source.pull = async (limit) => source.calls.pull === 0 ? (await original(limit), null) : original(limit)
    const { hub, runner } = waiting(source, 2 ** 31 - 1)
    await runner.start()
    await source.until(() => source.calls.pull === 1)
    hub.wake('work')
    pulling.resolve()
    await source.until(() => source.calls.pull === 2)
    await runner.stop()
  })

  test('a batch that closes looks again at once: it may have held something back', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const source = new FakeSource([item('a')])
    const held = deferred()
    const runner = new Runner(source, () => held.promise)
    await runner.start()
    await source.until(() => source.calls.pull === 2)
    await settleDown()
    source.due.push(item('b'))
    held.resolve()
    await source.until(() => source.settled.length === 2)
    await runner.stop()
  })

  test('idle is told once for each time the work runs out', async () => {
    const source = new FakeSource([item('a')])
    const { hub, runner } = waiting(source, 5)
    let idle = 0
    runner.on('idle', () => idle += 1)
    const first = next(runner, 'idle')
    await runner.start()
    await first
    await source.until(() => source.calls.pull >= 5)
    expect(idle).toBe(1)
    source.due.push(item('b'))
    const second = next(runner, 'idle')
    hub.wake()
    await second
    expect([idle, source.settled.length]).toEqual([2, 2])
    await runner.stop()
    expect(hub.size).toBe(0)
  })
})
