import { afterEach, describe, expect, test, vi } from 'vitest'
import { Runner } from '../../src/runner/runner.js'
import { WakeHub } from '../../src/runner/wake.js'
import { deferred, FakeSource, HeldDeliveries, item, items, settleDown } from './fake-source.js'

describe('stop', () => {
  test('releases what has not started at once, waits for the rest and settles it', async () => {
    const source = new FakeSource(items(5))
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { concurrency: 2, settleEveryMs: 60_000 })
    await runner.start()
    await held.untilStarted(2)
    const stopped = runner.stop()
    await source.until(() => source.ids('release').length === 3)
    expect(held.underWay).toEqual(['i0', 'i1'])
    held.endAll()
    expect(await stopped).toEqual({ finished: 2, abandoned: 0, released: 3 })
    expect(source.ids('ack')).toEqual(['i0', 'i1'])
    expect(runner.counters()).toMatchObject({ inFlight: 0, buffered: 0, bytesInFlight: 0 })
  })

  test('at the deadline: signals aborted, nothing settled, what ends later is ignored', async () => {
    const source = new FakeSource(items(2))
    const held = new HeldDeliveries()
    const signals: AbortSignal[] = []
    const runner = new Runner(source, (one, context) => {
      signals.push(context.signal)
      return held.deliver(one)
    })
    await runner.start()
    await held.untilStarted(2)
    expect(await runner.stop({ timeoutMs: 5 })).toEqual({ finished: 0, abandoned: 2, released: 0 })
    expect(signals.map(({ reason }) => (reason as { code: string }).code)).toEqual(['CLOSED', 'CLOSED'])
    held.end('i0')
    held.end('i1', new Error('late'))
    await settleDown()
    expect(source.settled).toEqual([])
  })

  test('a second call forces the deadline; both answer the same', async () => {
    const held = new HeldDeliveries()
    const runner = new Runner(new FakeSource(items(1)), held.deliver)
    await runner.start()
    await held.untilStarted(1)
    const first = runner.stop()
    await settleDown()
    const second = await runner.stop()
    expect(second).toEqual({ finished: 0, abandoned: 1, released: 0 })
    expect(await first).toBe(second)
    expect(await runner.stop()).toBe(second)
  })

  test('an abort stops; a stop after it waits, and so does disposing', async () => {
    const source = new FakeSource(items(1))
    const held = new HeldDeliveries()
    const controller = new AbortController()
    const runner = new Runner(source, held.deliver, { signal: controller.signal })
    await runner.start()
    await held.untilStarted(1)
    controller.abort()
    const disposed = runner[Symbol.asyncDispose]()
    const stopped = runner.stop()
    const disposedAgain = runner[Symbol.asyncDispose]()
    await settleDown()
    held.endAll()
    expect(await stopped).toEqual({ finished: 1, abandoned: 0, released: 0 })
    await Promise.all([disposed, disposedAgain])
  })

  test('a claim whose pull was under way is released', async () => {
    const source = new FakeSource(items(3))
    const pulling = deferred()
    source.onPull = () => pulling.promise
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver)
    await runner.start()
    await source.until(() => source.calls.pull === 1)
    const stopped = runner.stop()
    await settleDown()
    pulling.resolve()
    expect(await stopped).toEqual({ finished: 0, abandoned: 0, released: 3 })
    expect(held.started).toEqual([])
  })

  test('a pull that does not answer by the deadline is released when it does', async () => {
    const source = new FakeSource(items(3))
    const pulling = deferred()
    source.onPull = () => pulling.promise
    const runner = new Runner(source, () => undefined)
    await runner.start()
    await source.until(() => source.calls.pull === 1)
    expect(await runner.stop({ timeoutMs: 1 })).toEqual({ finished: 0, abandoned: 0, released: 0 })
    pulling.resolve()
    await source.until(() => source.ids('release').length === 3)
  })

  test('settles that fail are repeated until the deadline, and no longer', async () => {
    const source = new FakeSource(items(1))
    source.onSettle = () => Promise.reject(new Error('away'))
    const runner = new Runner(source, () => undefined)
    await runner.start()
    await source.until(() => source.calls.settle >= 1)
    expect(await runner.stop({ timeoutMs: 100 })).toEqual({ finished: 0, abandoned: 1, released: 0 })
    const calls = source.calls.settle
    await settleDown()
    expect(source.calls.settle).toBe(calls)
  })

  test('never started: resolves at once', async () => {
    const runner = new Runner(new FakeSource(), () => undefined)
    expect(await runner.stop()).toEqual({ finished: 0, abandoned: 0, released: 0 })
  })

  test('a wrong timeout is refused before anything happens', async () => {
    const runner = new Runner(new FakeSource(), () => undefined)
    await expect(runner.stop({ timeoutMs: -1 })).rejects
      .toMatchObject({ code: 'VALIDATION', details: { field: 'timeoutMs' } })
    await runner.start()
    await runner.stop()
  })
})

describe('a runner', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  test('starts once, and not after stop', async () => {
    // Its first wait of 5 ms is not to end meanwhile.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const source = new FakeSource()
    const runner = new Runner(source, () => undefined)
    await runner.start()
    await runner.start()
    await settleDown()
    expect(source.calls.pull).toBe(1)
    await expect(runner.runOnce()).rejects.toMatchObject({ code: 'VALIDATION' })
    await runner.stop()
    for (const call of [runner.start(), runner.runOnce(), runner.drain()]) {
      await expect(call).rejects.toMatchObject({ code: 'CLOSED' })
    }
  })

  test('with an aborted signal is stopped already', async () => {
    const runner = new Runner(new FakeSource(), () => undefined, { signal: AbortSignal.abort() })
    await expect(runner.start()).rejects.toMatchObject({ code: 'CLOSED' })
    expect(await runner.stop()).toEqual({ finished: 0, abandoned: 0, released: 0 })
  })

  test('leaves no timer, listener or subscription behind', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    const hub = new WakeHub()
    const controller = new AbortController()
    const removed = vi.spyOn(controller.signal, 'removeEventListener')
    const source = new FakeSource(items(3))
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, {
      concurrency: 2, signal: controller.signal, wake: { hub, topics: ['a', 'b'] },
    })
    await runner.start()
    await held.untilStarted(2)
    expect([hub.size, timers() > before]).toEqual([2, true])
    held.end('i0')
    await held.untilStarted(3)
    const stopped = runner.stop()
    held.endAll()
    await stopped
    expect([hub.size, removed.mock.calls.length]).toEqual([0, 1])
    expect(timers()).toBe(before)
  })

  test('leaves no timer behind after a forced stop, an outage, runOnce or drain', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const held = new HeldDeliveries()
    const forced = new Runner(new FakeSource(items(30)), held.deliver)
    await forced.start()
    await held.untilStarted(10)
    void forced.stop()
    await forced.stop()
    expect(vi.getTimerCount()).toBe(0)

    const away = new FakeSource()
    away.onPull = () => Promise.reject(new Error('away'))
    const waiting = new Runner(away, () => undefined)
    await waiting.start()
    await settleDown()
    await waiting.stop()
    expect(vi.getTimerCount()).toBe(0)

    const driven = new Runner(new FakeSource(items(300)), async () => settleDown(1))
    await driven.runOnce()
    expect(vi.getTimerCount()).toBe(0)
    await driven.drain()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('runOnce and drain', () => {
  test('runOnce takes one batch and counts it', async () => {
    const source = new FakeSource(items(5))
    const runner = new Runner(source, () => undefined, { batch: 3 })
    expect(await runner.runOnce()).toEqual(
      { claimed: 3, delivered: 3, requeued: 0, deadLettered: 0, released: 0, lostClaims: 0 })
    expect(await runner.runOnce()).toMatchObject({ claimed: 2 })
    expect(await runner.runOnce()).toMatchObject({ claimed: 0 })
    await runner.stop()
  })

  test('calls at the same time take turns', async () => {
    const source = new FakeSource(items(6))
    const runner = new Runner(source, () => undefined, { batch: 3 })
    await Promise.all([runner.runOnce(), runner.runOnce(), runner.drain()])
    expect(source.settled).toHaveLength(6)
    await runner.stop()
  })

  test('drain ends when nothing is due, also what a delivery made due', async () => {
    const source = new FakeSource(items(25))
    const runner = new Runner(source, async ({ id }) => {
      await settleDown(1)
      if (id === 'i24') source.due.push(item('made'))
    }, { batch: 10 })
    expect(await runner.drain()).toMatchObject({ claimed: 26, delivered: 26 })
    await runner.stop()
  })

  test('drain beside start waits for the loop, and looks at once', async () => {
    const source = new FakeSource()
    const runner = new Runner(source, () => settleDown(1), { pollMaxMs: 2 ** 31 - 1 })
    await runner.start()
    await source.until(() => source.calls.pull === 1)
    source.due.push(...items(250))
    expect(await runner.drain()).toMatchObject({ delivered: 250 })
    await runner.stop()
  })

  test('drain beside start does not believe a pull from before it was asked', async () => {
    const source = new FakeSource()
    const pulling = deferred()
    const original = source.pull.bind(source)
    source.pull = async (limit) => {
      const batch = await original(limit)
      if (source.calls.pull === 1) await pulling.promise
      return batch
    }
    const runner = new Runner(source, () => undefined)
    await runner.start()
    await source.until(() => source.calls.pull === 1)
    await settleDown()
    source.due.push(item('a'))
    const drained = runner.drain()
    pulling.resolve()
    expect(await drained).toMatchObject({ delivered: 1 })
    await runner.stop()
  })

  test.each([true, false])('drain believes no pull from before the last answer (beside start: %s)', async (started) => {
    const source = new FakeSource([item('a1')])
    const [pulling, settling] = [deferred(), deferred()]
    source.onSettle = () => settling.promise
    const original = source.pull.bind(source)
    source.pull = async (limit) => {
      const batch = await original(limit)
      if (source.calls.pull === 2) await pulling.promise
      return batch
    }
    const runner = new Runner(source, () => undefined)
    if (started) await runner.start()
    const drained = runner.drain()
    await source.until(() => source.calls.pull === 2 && source.calls.settle === 1)
    await settleDown()
    source.due.push(item('a2'))
    settling.resolve()
    await settleDown()
    pulling.resolve()
    await drained
    expect(source.ids('ack')).toEqual(['a1', 'a2'])
    await runner.stop()
  })

  test('drain beside start ends when the runner is stopped', async () => {
    const source = new FakeSource()
    source.onPull = () => Promise.reject(new Error('away'))
    const runner = new Runner(source, () => undefined)
    await runner.start()
    const drained = runner.drain()
    await settleDown()
    await runner.stop()
    expect(await drained).toMatchObject({ claimed: 0 })
  })
})
