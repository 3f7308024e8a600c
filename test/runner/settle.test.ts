import { afterEach, describe, expect, test, vi } from 'vitest'
import { WaybillError } from '../../src/core/errors.js'
import type { RunnerOptions } from '../../src/runner/options.js'
import { Runner } from '../../src/runner/runner.js'
import { deferred, FakeSource, HeldDeliveries, item, items, next, settleDown } from './fake-source.js'

describe('when outcomes are written', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  test('a complete batch is written at once, in one call', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const source = new FakeSource(items(100))
    const runner = new Runner(source, () => undefined)
    expect(await runner.runOnce()).toMatchObject({ delivered: 100 })
    expect(source.calls.settle).toBe(1)
    await runner.stop()
  })

  test('200 that wait are written before the batch is complete', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const source = new FakeSource(items(300))
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { batch: 300, concurrency: 300 })
    const done = runner.runOnce()
    await held.untilStarted(300)
    for (let ended = 0; ended < 199; ended += 1) held.end(held.underWay[0]!)
    await settleDown()
    expect(source.calls.settle).toBe(0)
    held.end(held.underWay[0]!)
    await settleDown()
    expect(source.settled).toHaveLength(200)
    held.endAll()
    expect(await done).toMatchObject({ delivered: 300 })
    await runner.stop()
  })

  test('an outcome waits for others at most settleEveryMs', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const source = new FakeSource(items(2))
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { settleEveryMs: 70 })
    void runner.runOnce()
    await held.untilStarted(2)
    held.end('i0')
    await vi.advanceTimersByTimeAsync(69)
    expect(source.calls.settle).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
    await settleDown()
    expect(source.ids('ack')).toEqual(['i0'])
    held.endAll()
    await runner.stop()
  })

  test('one write of a batch at a time; what ends meanwhile goes into the next', async () => {
    const source = new FakeSource(items(3))
    const held = new HeldDeliveries()
    const writing = deferred()
    const sizes: number[] = []
    source.onSettle = (call, outcomes) => {
      sizes.push(outcomes.length)
      return call === 1 ? writing.promise : undefined
    }
    const runner = new Runner(source, held.deliver, { settleEveryMs: 0 })
    const done = runner.runOnce()
    await held.untilStarted(3)
    held.end('i0')
    await source.until(() => source.calls.settle === 1)
    held.endAll()
    await settleDown()
    expect(source.calls.settle).toBe(1)
    writing.resolve()
    await done
    expect(sizes).toEqual([1, 2])
    await runner.stop()
  })

  test('batches are written independently of each other', async () => {
    const source = new FakeSource(items(4))
    const stuck = deferred()
    source.onSettle = (_call, outcomes) => outcomes.some(({ id }) => id === 'i0') ? stuck.promise : undefined
    const runner = new Runner(source, () => undefined, { batch: 2, concurrency: 10 })
    await runner.start()
    await source.until(() => source.settled.length === 2)
    expect(source.ids('ack')).toEqual(['i2', 'i3'])
    stuck.resolve()
    await runner.stop()
    expect(source.settled).toHaveLength(4)
  })
})

/** A clock that moves by what is waited for. */
function waitingByHand(): { options: RunnerOptions; waited: () => number } {
  let now = 0
  const pause = async (ms: number): Promise<void> => {
    now += ms
  }
  return { options: { time: { monotonicMs: () => now, random: () => 0.5, pause } }, waited: () => now }
}

describe('when writing fails', () => {
  test('the same outcomes are repeated until they are taken', async () => {
    const source = new FakeSource(items(3))
    source.onSettle = (call) => {
      if (call <= 2) throw new Error(`refusal ${call}`)
    }
    const runner = new Runner(source, () => undefined)
    const errors: unknown[] = []
    runner.on('error', ({ operation, error }) => errors.push([operation, (error as Error).message]))
    expect(await runner.runOnce()).toMatchObject({ delivered: 3, lostClaims: 0 })
    expect(errors).toEqual([['settle', 'refusal 1'], ['settle', 'refusal 2']])
    expect(runner.counters().storeErrors).toBe(2)
    await runner.stop()
  })

  test('when the lease is certainly over they count as lost, and the runner goes on', async () => {
    const { options, waited } = waitingByHand()
    const source = new FakeSource(items(2))
    source.onSettle = (_call, outcomes) => {
      if (outcomes.some(({ id }) => id.startsWith('i'))) throw new Error('away')
    }
    const runner = new Runner(source, () => undefined, options)
    const lost: string[] = []
    runner.on('lostClaim', ({ id }) => lost.push(id))
    expect(await runner.runOnce()).toMatchObject({ delivered: 0, lostClaims: 2 })
    expect(waited()).toBeGreaterThanOrEqual(33_000)
    expect(waited()).toBeLessThan(39_000)
    expect(lost).toEqual(['i0', 'i1'])
    source.due.push(item('next'))
    expect(await runner.runOnce()).toMatchObject({ delivered: 1 })
    await runner.stop()
  })

  test('an outcome the store will not take strands no other', async () => {
    const { options } = waitingByHand()
    const source = new FakeSource(items(50))
    source.onSettle = (_call, outcomes) => {
      if (outcomes.some(({ id }) => id === 'i17')) throw new WaybillError('STORE_FAILED', 'not that one')
    }
    const runner = new Runner(source, () => undefined, options)
    expect(await runner.runOnce()).toMatchObject({ delivered: 49, lostClaims: 1 })
    expect(source.ids('ack')).not.toContain('i17')
    await runner.stop()
  })

  test('an answer too few is a lost claim, not a delivery', async () => {
    const source = new FakeSource(items(2))
    source.settle = async () => ['delivered']
    const runner = new Runner(source, () => undefined)
    expect(await runner.runOnce()).toMatchObject({ delivered: 1, lostClaims: 1 })
    await runner.stop()
  })

  test('a failing handler does not keep its neighbours from being settled', async () => {
    const source = new FakeSource(items(3))
    const runner = new Runner(source, ({ id }) => {
      if (id === 'i1') throw new Error('no')
      return undefined
    })
    const requeued = next(runner, 'requeued')
    expect(await runner.runOnce()).toMatchObject({ delivered: 2, requeued: 1 })
    expect(await requeued).toMatchObject({ id: 'i1', attempt: 1, error: 'Error: no' })
    await runner.stop()
  })
})
