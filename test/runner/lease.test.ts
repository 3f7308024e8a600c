import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Runner } from '../../src/runner/runner.js'
import { deferred, FakeSource, HeldDeliveries, items, ManualTime, settleDown } from './fake-source.js'

async function pass(ms: number, stepMs = 100): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    await vi.advanceTimersByTimeAsync(stepMs)
    await settleDown(2)
  }
}

describe('renewal', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('a batch is renewed every third of its lease until it is settled', async () => {
    const source = new FakeSource(items(2))
    source.leaseMs = 3_000
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { concurrency: 1 })
    const done = runner.runOnce()
    await held.untilStarted(1)
    await pass(10_050)
    expect(source.calls.extend).toBe(10)
    held.endAll()
    await held.untilStarted(2)
    held.endAll()
    await settleDown()
    expect(await done).toMatchObject({ delivered: 2 })
    await pass(3_000)
    expect([source.calls.extend, vi.getTimerCount()]).toEqual([10, 0])
    await runner.stop()
  })

  test('failing renewals are repeated, and one that succeeds in time keeps the batch', async () => {
    const source = new FakeSource(items(2))
    source.leaseMs = 3_000
    source.onExtend = (call) => {
      if (call <= 4) throw new Error('store is away')
    }
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { concurrency: 1 })
    const done = runner.runOnce()
    await held.untilStarted(1)
    await pass(2_900)
    expect(runner.counters().storeErrors).toBe(4)
    held.endAll()
    await held.untilStarted(2)
    held.endAll()
    await pass(100)
    expect(await done).toMatchObject({ delivered: 2, lostClaims: 0 })
    await runner.stop()
  })

  test('without renewal nothing starts after nine tenths of the lease; the rest is given back', async () => {
    const source = new FakeSource(items(3))
    source.leaseMs = 3_000
    source.onExtend = () => Promise.reject(new Error('store is away'))
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { concurrency: 1 })
    const done = runner.runOnce()
    await held.untilStarted(1)
    await pass(2_600)
    held.endAll()
    await held.untilStarted(2)
    await pass(60) // Written, and the lease is still ours.
    expect(source.settled).toHaveLength(1)
    held.endAll()
    await pass(3_000)
    expect(await done).toMatchObject({ delivered: 2, released: 1 })
    expect(held.started).toHaveLength(2)
    await runner.stop()
  })

  test('a renewal that never answers gives back what has not started', async () => {
    const source = new FakeSource(items(3))
    source.leaseMs = 3_000
    source.onExtend = () => deferred().promise
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { concurrency: 1 })
    void runner.runOnce()
    await held.untilStarted(1)
    await pass(3_100)
    expect(source.calls.extend).toBe(1)
    expect(source.ids('release')).toEqual(['i1', 'i2'])
    held.endAll()
    expect(await runner.stop()).toMatchObject({ finished: 1 })
  })

  test('a batch that only waits to be written is not renewed for ever', async () => {
    const source = new FakeSource(items(1))
    source.leaseMs = 3_000
    source.onSettle = () => Promise.reject(new Error('never'))
    const runner = new Runner(source, () => undefined)
    const done = runner.runOnce()
    await pass(9_000)
    expect(source.calls.extend).toBe(0)
    expect(await done).toMatchObject({ lostClaims: 1 })
    await runner.stop()
  })

  test('a batch lost half way: unstarted items are dropped, those in flight settle as lost', async () => {
    const source = new FakeSource(items(4))
    source.leaseMs = 3_000
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { concurrency: 2 })
    const lost: string[] = []
    runner.on('lostClaim', ({ id }) => lost.push(id))
    const done = runner.runOnce()
    await held.untilStarted(2)
    source.lost.add('claim-1')
    await pass(1_000)
    expect(lost).toEqual(['i2', 'i3'])
    expect([source.calls.settle, runner.counters().buffered]).toEqual([0, 0])
    held.endAll()
    expect(await done).toMatchObject({ claimed: 4, lostClaims: 4, delivered: 0, released: 0 })
    expect(lost.slice(2).sort()).toEqual(['i0', 'i1'])
    await runner.stop()
  })
})

describe('a lease in doubt', () => {
  test('a paused owner finishes what is in flight and starts nothing', async () => {
    const time = new ManualTime()
    const source = new FakeSource(items(4))
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { concurrency: 2, ...time.options })
    const done = runner.runOnce()
    await held.untilStarted(2)
    time.now += source.leaseMs * 0.9
    held.endAll()
    expect(await done).toMatchObject({ delivered: 2, released: 2 })
    expect(held.started).toEqual(['i0', 'i1'])
    await runner.stop()
  })

  test('the lease counts from before the pull was sent', async () => {
    const time = new ManualTime()
    const source = new FakeSource(items(1))
    source.onPull = () => {
      time.now += source.leaseMs
    }
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, time.options)
    expect(await runner.runOnce()).toMatchObject({ claimed: 1, released: 1, delivered: 0 })
    expect(held.started).toEqual([])
    await runner.stop()
  })
})
