import { afterEach, describe, expect, test, vi } from 'vitest'
import { WaybillError } from '../../src/core/errors.js'
import { permanentError, throttledError } from '../../src/core/transport.js'
import { outcomeOf } from '../../src/runner/classify.js'
import { retryPolicy } from '../../src/core/retry.js'
import { Runner } from '../../src/runner/runner.js'
import type { Deliver, DeliverContext, RunnerItem } from '../../src/runner/source.js'
import { deferred, FakeSource, HeldDeliveries, item, items, ManualTime, next, settleDown } from './fake-source.js'

const policy = { retry: retryPolicy({ baseMs: 100, maxMs: 1_000 }), maxAgeMs: 60_000, random: () => 0.5 }

describe('what a failure means', () => {
  test.each([
    ['a plain error', new Error('no'), { kind: 'retry', error: 'Error: no', retryInMs: 50 }],
    ['permanent', permanentError('gone'), { kind: 'dead', error: 'WaybillError: gone' }],
    ['no route', new WaybillError('NO_ROUTE', 'nobody'), { kind: 'dead', error: 'WaybillError: nobody' }],
    ['corrupt', new WaybillError('CORRUPT', 'bits'), { kind: 'dead', error: 'WaybillError: bits' }],
    ['throttled', throttledError('slow', 700),
      { kind: 'release', error: 'WaybillError: slow', retryInMs: 700 }],
    ['throttled far too long', throttledError('slow', 1e12), { kind: 'release', retryInMs: 3_600_000 }],
    ['throttled for no time', throttledError('slow', -5), { kind: 'release', retryInMs: 1 }],
    ['throttled for NaN', throttledError('slow', Number.NaN), { kind: 'release', retryInMs: 1_000 }],
    ['undefined', undefined, { kind: 'retry', error: 'undefined' }],
    ['something without text', Object.create(null),
      { kind: 'retry', error: 'an error that cannot be described' }],
  ])('%s', (_name, thrown, expected) => {
    expect(outcomeOf(thrown, item('a'), 0, policy)).toMatchObject({ id: 'a', ...expected })
  })

  test('throttled and older than maxAgeMs is given up, counted from its pull on', () => {
    const old = item('a', { ageMs: 59_000 })
    expect(outcomeOf(throttledError('slow', 1), old, 1_000, policy).kind).toBe('release')
    expect(outcomeOf(throttledError('slow', 1), old, 1_001, policy).kind).toBe('dead')
  })

  test('the delay doubles with the attempts, is drawn and is capped', () => {
    const delays = [1, 2, 3, 9].map((attempt) => outcomeOf(new Error(), item('a', { attempt }), 0, policy))
    expect(delays.map((outcome) => 'retryInMs' in outcome && outcome.retryInMs)).toEqual([50, 100, 200, 500])
  })
})

async function runAll(due: readonly RunnerItem[], deliver: Deliver<RunnerItem>): Promise<FakeSource> {
  const source = new FakeSource(due)
  const runner = new Runner(source, deliver)
  await runner.runOnce()
  await runner.stop()
  return source
}

describe('one delivery', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  test('a function that returns, throws, resolves or rejects is settled accordingly', async () => {
    const due = ['returns', 'throws', 'resolves', 'rejects'].map((id) => item(id))
    const source = await runAll(due, ({ id }) => {
      if (id === 'throws') throw new Error('at once')
      if (id === 'resolves') return Promise.resolve()
      return id === 'rejects' ? Promise.reject(new Error('later')) : undefined
    })
    expect(source.ids('ack').sort()).toEqual(['resolves', 'returns'])
    expect(source.ids('retry').sort()).toEqual(['rejects', 'throws'])
  })

  test('functions that deliver at once need no stack for each', async () => {
    expect((await runAll(items(1_000), () => undefined)).ids('ack')).toHaveLength(100)
  })

  test('a hung function: signal aborted, attempt failed, slot free, late end ignored', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const source = new FakeSource([item('hangs'), item('other')])
    const hung = deferred()
    const held = new HeldDeliveries()
    let signal: AbortSignal | undefined
    const runner = new Runner(source, (one, context) => {
      if (one.id === 'other') return held.deliver(one)
      signal = context.signal
      return hung.promise
    }, { concurrency: 1, timeoutMs: 40 })
    const done = runner.runOnce()
    await settleDown()
    await vi.advanceTimersByTimeAsync(40)
    await held.untilStarted(1)
    expect(signal?.reason).toMatchObject({ code: 'TIMEOUT', retryable: true })
    hung.reject(new Error('too late'))
    await settleDown()
    held.end('other')
    expect(await done).toMatchObject({ claimed: 2, delivered: 1, requeued: 1 })
    expect(runner.counters()).toMatchObject({ timeouts: 1, inFlight: 0, bytesInFlight: 0 })
    const error = 'WaybillError: the delivery took longer than 40 ms'
    expect(source.settled).toEqual([
      { id: 'hangs', kind: 'retry', error, retryInMs: expect.any(Number) }, { id: 'other', kind: 'ack' },
    ])
    await runner.stop()
  })

  test('a signal that is first asked for after the timeout is aborted', async () => {
    const source = new FakeSource([item('a')])
    let kept: DeliverContext | undefined
    const runner = new Runner(source, (_item, context) => {
      kept = context
      return new Promise(() => {})
    }, { timeoutMs: 5 })
    await runner.runOnce()
    expect(kept?.signal.aborted).toBe(true)
    await runner.stop()
  })

  test('each delivery has the whole timeout, also behind one that used it up', async () => {
    const source = new FakeSource([item('a'), item('b')])
    const runner = new Runner(source, () => new Promise(() => {}), { concurrency: 1, timeoutMs: 20 })
    const events: number[] = []
    runner.on('requeued', ({ id }) => events.push(id === 'a' ? 1 : 2))
    const before = performance.now()
    await runner.runOnce()
    expect(performance.now() - before).toBeGreaterThanOrEqual(38)
    await runner.stop()
    expect(events).toEqual([1, 2])
  })

  test('the context carries the claim and no signal that was aborted', async () => {
    await runAll([item('a')], (_item, { claimToken, signal }) => {
      expect([claimToken, signal.aborted]).toEqual(['claim-1', false])
      return undefined
    })
  })

  test('events tell the attempt and the time taken', async () => {
    const time = new ManualTime()
    const held = new HeldDeliveries()
    const runner = new Runner(new FakeSource([item('a', { attempt: 3 })]), held.deliver, time.options)
    const delivered = next(runner, 'delivered')
    const done = runner.runOnce()
    await held.untilStarted(1)
    time.now += 12
    held.endAll()
    expect(await delivered).toEqual({ id: 'a', attempt: 3, ms: 12 })
    await done
    await runner.stop()
  })
})
