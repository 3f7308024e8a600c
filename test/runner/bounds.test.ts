import { describe, expect, test } from 'vitest'
import { Runner } from '../../src/runner/runner.js'
import { deferred, FakeSource, HeldDeliveries, item, items, settleDown } from './fake-source.js'

describe('bounds', () => {
  test('never more deliveries than concurrency, always as many', async () => {
    const source = new FakeSource(items(50))
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { concurrency: 4, batch: 20 })
    await runner.start()
    for (let ended = 0; ended < 50; ended += 1) {
      await held.untilStarted(Math.min(ended + 4, 50))
      held.end(held.underWay[0]!)
    }
    await source.until(() => source.settled.length === 50)
    expect(held.peak).toBe(4)
    await runner.stop()
  })

  test('the next batch is pulled when fewer items than concurrency are buffered', async () => {
    const source = new FakeSource(items(100))
    const held = new HeldDeliveries()
    let now = 0
    const runner = new Runner(source, held.deliver, { concurrency: 3, batch: 10, time: { monotonicMs: () => now } })
    await runner.start()
    await held.untilStarted(3)
    await settleDown()
    now += 100
    expect(source.calls.pull).toBe(1)
    expect(runner.counters()).toMatchObject({ inFlight: 3, buffered: 7 })
    for (let ended = 0; ended < 4; ended += 1) {
      held.end(held.underWay[0]!)
      await settleDown()
    }
    expect(runner.counters()).toMatchObject({ buffered: 3, inFlight: 3 })
    expect(source.calls.pull).toBe(1)
    held.end(held.underWay[0]!)
    await source.until(() => source.calls.pull === 2)
    await settleDown()
    expect(source.calls.pull).toBe(2)
    expect(runner.counters()).toMatchObject({ inFlight: 3, buffered: 12, claimed: 20 })
    expect(source.limits).toEqual([10, 10])
    await runner.stop({ timeoutMs: 0 })
  })

  test('where a batch is started at once, the next is pulled before the one after it starts', async () => {
    const source = new FakeSource(items(50))
    const pulls: number[] = []
    const deliver = (): undefined => void pulls.push(source.calls.pull)
    const runner = new Runner(source, deliver, { concurrency: 3, batch: 10, time: { monotonicMs: () => 0 } })
    await runner.start()
    await source.until(() => source.settled.length === 50)
    expect(pulls).toEqual([1, 3, 4, 5, 6].flatMap((pull) => Array.from({ length: 10 }, () => pull)))
    await runner.stop()
  })

  test('what was pulled ahead is given back by stop', async () => {
    const source = new FakeSource(items(30))
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { concurrency: 10, batch: 10, time: { monotonicMs: () => 0 } })
    await runner.start()
    await held.untilStarted(10)
    let answer = (): void => undefined
    source.onPull = (call) => (call < 3 ? undefined : new Promise<void>((resolve) => {
      answer = resolve
    }))
    held.endAll()
    await source.until(() => source.calls.pull === 3)
    const stopped = runner.stop()
    held.endAll()
    answer()
    await stopped
    expect(source.settled.length).toBe(30)
    expect(source.ids('release')).toHaveLength(20)
  })

  test('no delivery starts while started bytes would exceed the limit', async () => {
    const source = new FakeSource(['a', 'b', 'c'].map((id) => item(id, { bytes: 40 })))
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { maxInFlightBytes: 100 })
    const done = runner.runOnce()
    await held.untilStarted(2)
    await settleDown()
    expect(held.started).toEqual(['a', 'b'])
    expect(runner.counters().bytesInFlight).toBe(80)
    held.end('a')
    await held.untilStarted(3)
    held.endAll()
    await done
    expect(runner.counters().bytesInFlight).toBe(0)
    await runner.stop()
  })

  test('an item larger than the limit is delivered alone', async () => {
    const source = new FakeSource([item('small'), item('huge', { bytes: 1_000 }), item('after')])
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { maxInFlightBytes: 100 })
    const done = runner.runOnce()
    for (const id of ['small', 'huge', 'after']) {
      await held.untilStarted(held.started.length === 0 ? 1 : held.started.indexOf(id) + 1)
      await settleDown()
      expect(held.underWay).toEqual([id])
      held.end(id)
      await settleDown()
    }
    await done
    await runner.stop()
  })

  test('buffered bytes beyond the limit stop the prefetch', async () => {
    const source = new FakeSource(items(6).map(({ id }) => item(id, { bytes: 60 })))
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { maxInFlightBytes: 100, batch: 3, concurrency: 10 })
    await runner.start()
    await held.untilStarted(1)
    await settleDown()
    expect([source.calls.pull, runner.counters().buffered]).toEqual([1, 2])
    await runner.stop({ timeoutMs: 0 })
  })

  test('a source that does not answer settles is not pulled for ever', async () => {
    const source = new FakeSource(items(10_000))
    const never = deferred()
    source.onSettle = () => never.promise
    const runner = new Runner(source, () => undefined, { batch: 100, concurrency: 100 })
    await runner.start()
    await source.until(() => source.calls.settle >= 3)
    await settleDown(50)
    expect(runner.counters().claimed).toBeLessThanOrEqual(500)
    never.resolve()
    await runner.drain()
    expect(runner.counters()).toMatchObject({ claimed: 10_000, delivered: 10_000 })
    await runner.stop()
  })

  test('a loop that never waits lets timers run', async () => {
    const source = new FakeSource(items(50_000))
    const runner = new Runner(source, () => undefined, { batch: 10 })
    const timer = new Promise((resolve) => setTimeout(resolve, 1))
    await runner.start()
    await timer
    expect(source.due.length).toBeGreaterThan(0)
    await runner.stop()
  })
})

describe('solo', () => {
  test('a suspect waits until all else is settled, runs alone, is settled, then the loop goes on', async () => {
    const source = new FakeSource([item('a'), item('b'), item('suspect'), item('c')])
    source.solo.add('suspect')
    const held = new HeldDeliveries()
    const settled = deferred()
    source.onSettle = (call) => call === 2 ? settled.promise : undefined
    const runner = new Runner(source, held.deliver)
    await runner.start()
    await held.untilStarted(2)
    await source.until(() => source.calls.pull === 2)
    held.end('a')
    await settleDown()
    expect(held.underWay).toEqual(['b'])
    held.end('b')
    await held.untilStarted(3)
    expect(source.ids('ack').sort()).toEqual(['a', 'b'])
    await settleDown()
    expect([held.underWay, source.calls.pull]).toEqual([['suspect'], 2])
    held.end('suspect')
    await source.until(() => source.calls.settle === 2)
    await settleDown()
    expect([held.underWay, source.calls.pull]).toEqual([[], 2])
    settled.resolve()
    await held.untilStarted(4)
    expect(held.underWay).toEqual(['c'])
    held.end('c')
    await runner.drain()
    await runner.stop()
  })

  test('suspects of a whole batch are delivered one by one', async () => {
    const source = new FakeSource(items(5))
    for (const { id } of source.due) source.solo.add(id)
    let underWay = 0
    const runner = new Runner(source, async () => {
      expect(underWay += 1).toBe(1)
      await settleDown(2)
      underWay -= 1
    })
    const claimed: boolean[] = []
    runner.on('claimed', ({ suspect }) => claimed.push(suspect))
    await runner.drain()
    expect([source.ids('ack').length, claimed]).toEqual([5, Array(5).fill(true)])
    await runner.stop()
  })

  test('a suspect that waits is released when the runner stops', async () => {
    const source = new FakeSource([item('a'), item('suspect')])
    source.solo.add('suspect')
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver)
    await runner.start()
    await source.until(() => source.calls.pull === 2)
    await held.untilStarted(1)
    await settleDown()
    const stopped = runner.stop()
    held.end('a')
    expect(await stopped).toEqual({ finished: 1, abandoned: 0, released: 1 })
    expect(source.ids('release')).toEqual(['suspect'])
  })
})
