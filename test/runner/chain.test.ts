/** Items of one chain: one after another, and what happens to those behind one that fails. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Runner } from '../../src/runner/runner.js'
import { deferred, FakeSource, HeldDeliveries, item, ManualTime, settleDown } from './fake-source.js'

const chained = (...ids: string[]) => ids.map((id) => item(id, { chain: id[0] }))

describe('chains', () => {
  test('one of a chain is under way at a time, in order, while others fill the slots', async () => {
    const source = new FakeSource([...chained('a1', 'a2', 'a3', 'b1'), item('free')])
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { concurrency: 3 })
    await runner.start()
    await held.untilStarted(3)
    expect(held.started).toEqual(['a1', 'b1', 'free'])
    held.end('b1')
    held.end('a1')
    await held.untilStarted(4)
    expect(held.started.at(-1)).toBe('a2')
    expect(runner.counters()).toMatchObject({ inFlight: 2, buffered: 1 })
    held.end('a2')
    await held.untilStarted(5)
    held.end('a3')
    held.end('free')
    await runner.stop()
    expect(source.ids('ack').toSorted()).toEqual(['a1', 'a2', 'a3', 'b1', 'free'])
  })

  test('behind one that fails the rest of its chain is given back untried', async () => {
    const source = new FakeSource([...chained('a1', 'a2', 'a3', 'b1', 'b2')])
    const tried: string[] = []
    const runner = new Runner(source, ({ id }) => {
      tried.push(id)
      if (id === 'a2') throw new Error('no')
      return undefined
    })
    await runner.runOnce()
    await runner.stop()
    expect(tried).toEqual(['a1', 'b1', 'a2', 'b2'])
    expect(source.ids('ack')).toEqual(['a1', 'b1', 'b2'])
    expect(source.ids('retry')).toEqual(['a2'])
    expect(source.ids('release')).toEqual(['a3'])
  })

  test('with nothing else to do, the answers of chains are waited for before the next pull', async () => {
    const source = new FakeSource(chained('a1', 'b1', 'a2', 'b2'))
    let answer = (): void => undefined
    source.onSettle = (call) => (call > 1 ? undefined : new Promise<void>((resolve) => {
      answer = resolve
    }))
    const runner = new Runner(source, () => undefined, { batch: 2, time: { monotonicMs: () => 0 } })
    await runner.start()
    await source.until(() => source.calls.settle === 1)
    await settleDown()
    expect(source.calls.pull).toBe(1)
    answer()
    await source.until(() => source.settled.length === 4)
    await runner.stop()
  })

  test('a long chain does not keep the runner from pulling others', async () => {
    const hot = Array.from({ length: 100 }, (_, n) => item(`hot${n}`, { chain: 'hot' }))
    const source = new FakeSource([...hot, ...chained('a1', 'b1')])
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { concurrency: 3, batch: 100 })
    await runner.start()
    await held.untilStarted(3)
    expect(held.started).toEqual(['hot0', 'a1', 'b1'])
    const stopping = runner.stop()
    held.endAll()
    await stopping
    expect(source.ids('release').length + source.ids('ack').length).toBe(102)
  })

  test('what waits in a chain is given back at stop', async () => {
    const source = new FakeSource(chained('a1', 'a2', 'a3'))
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver)
    await runner.start()
    await held.untilStarted(1)
    const stopping = runner.stop()
    held.end('a1')
    expect(await stopping).toMatchObject({ finished: 1, released: 2 })
    expect(source.ids('release')).toEqual(['a2', 'a3'])
  })
})

/** Batches of two, so that a chain comes in several. */
function inPages(...ids: string[]): FakeSource {
  const source = new FakeSource(chained(...ids))
  source.chainsAwaitAnswers = false
  return source
}

const ofChain = (chain: string, ids: readonly string[]): string[] => ids.filter((id) => id.startsWith(chain))

describe('chains across open batches', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  test('a chain in three batches is delivered in order, one at a time, while others start', async () => {
    const source = inPages('a1', 'a2', 'a3', 'b1', 'b2', 'a4')
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { batch: 2, concurrency: 4 })
    await runner.start()
    await held.untilStarted(2)
    await settleDown()
    expect(runner.counters()).toMatchObject({ claimed: 6, inFlight: 2, buffered: 4 })
    expect(held.underWay).toEqual(['a1', 'b1'])
    for (const [ended, started] of [['b1', 'b2'], ['a1', 'a2'], ['a2', 'a3'], ['a3', 'a4']] as const) {
      held.end(ended)
      await settleDown()
      expect(held.started.at(-1)).toBe(started)
    }
    const stopped = runner.stop()
    held.endAll()
    expect(await stopped).toMatchObject({ released: 0 })
    expect(runner.counters()).toMatchObject({ delivered: 6, buffered: 0 })
  })

  test('a failure gives back what follows in every batch, untried, and no other chain', async () => {
    const source = inPages('a1', 'b1', 'a2', 'b2', 'b3', 'a3')
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { batch: 2, concurrency: 4 })
    await runner.start()
    await held.untilStarted(2)
    await settleDown()
    held.end('a1', new Error('no'))
    await source.until(() => source.ids('release').length === 2)
    expect([source.ids('release'), source.ids('ack')]).toEqual([['a2', 'a3'], []])
    for (const id of ['b1', 'b2', 'b3']) {
      held.end(id)
      await settleDown()
    }
    await runner.stop()
    expect(held.started).toEqual(['a1', 'b1', 'b2', 'b3'])
    expect([source.ids('retry'), source.ids('ack')]).toEqual([['a1'], ['b1', 'b2', 'b3']])
  })

  test('what comes before the source has answered for a failure is given back; after it, the chain starts anew', async () => {
    const source = inPages('a1')
    const answer = deferred()
    source.onSettle = (call) => (call === 1 ? answer.promise : undefined)
    const tried: string[] = []
    const runner = new Runner(source, ({ id, attempt }) => {
      tried.push(`${id}.${attempt}`)
      if (attempt === 1) throw new Error('no')
      return undefined
    }, { pollMaxMs: 1 })
    await runner.start()
    await source.until(() => source.calls.settle === 1)
    source.due.push(...chained('a2'))
    await source.until(() => source.ids('release').length === 1)
    expect(tried).toEqual(['a1.1'])
    answer.resolve()
    await source.until(() => source.ids('retry').length === 1)
    source.due.push(item('a1', { chain: 'a', attempt: 2 }), item('a2', { chain: 'a', attempt: 2 }))
    await source.until(() => source.ids('ack').length === 2)
    await runner.stop()
    expect(tried).toEqual(['a1.1', 'a1.2', 'a2.2'])
  })

  test('where chains wait for answers, what comes after a failure starts at once', async () => {
    const source = new FakeSource([...chained('a1'), item('slow')])
    const answer = deferred()
    source.onSettle = (call) => (call === 1 ? answer.promise : undefined)
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { pollMaxMs: 1 })
    await runner.start()
    await held.untilStarted(2)
    held.end('a1', new Error('no'))
    await source.until(() => source.calls.settle === 1)
    source.due.push(...chained('a2'))
    await held.untilStarted(3)
    expect(held.underWay).toEqual(['slow', 'a2'])
    const stopped = runner.stop()
    answer.resolve()
    held.endAll()
    await stopped
  })

  test('a batch that is lost takes what follows in later batches with it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const source = inPages('a1', 'a2', 'a3', 'b1', 'b2', 'a4')
    source.leaseMs = 3_000
    const held = new HeldDeliveries()
    const lost: string[] = []
    const runner = new Runner(source, held.deliver, { batch: 2, concurrency: 4 })
    runner.on('lostClaim', ({ id }) => lost.push(id))
    await runner.start()
    await held.untilStarted(2)
    await settleDown()
    source.lost.add('claim-1')
    await vi.advanceTimersByTimeAsync(1_000)
    await settleDown()
    expect([lost, source.ids('release')]).toEqual([['a2'], ['a3', 'a4']])
    held.end('a1')
    held.end('b1')
    await settleDown()
    expect(held.underWay).toEqual(['b2'])
    const stopped = runner.stop()
    held.endAll()
    await stopped
    expect(lost).toEqual(['a2', 'a1'])
  })

  test('a batch in doubt gives back what follows in a batch that is not', async () => {
    const time = new ManualTime()
    const source = inPages('a1', 'a2')
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { batch: 2, concurrency: 3, pollMaxMs: 1, ...time.options })
    await runner.start()
    await held.untilStarted(1)
    time.now += source.leaseMs / 2
    // The pull that is under way may be from before the clock moved.
    await source.until(() => source.calls.pull === 3)
    source.due.push(...chained('a3', 'b1'))
    await held.untilStarted(2)
    time.now += source.leaseMs / 2
    held.end('a1')
    await source.until(() => source.ids('release').length === 2)
    expect([source.ids('release'), held.underWay]).toEqual([['a2', 'a3'], ['b1']])
    const stopped = runner.stop()
    held.endAll()
    await stopped
  })

  test('what is pulled again waits for the one of its chain that is still under way', async () => {
    const source = inPages('a1', 'a2')
    source.leaseMs = 60_000
    const time = new ManualTime()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { batch: 2, concurrency: 3, ...time.options, timeoutMs: 1e9 })
    await runner.start()
    await held.untilStarted(1)
    time.now += source.leaseMs
    await vi.advanceTimersByTimeAsync(20_000)
    await settleDown()
    expect(source.ids('release')).toEqual(['a2'])
    source.due.push(...chained('a2'))
    await vi.advanceTimersByTimeAsync(1_000)
    await settleDown()
    expect([runner.counters().buffered, held.started]).toEqual([1, ['a1']])
    held.end('a1')
    await held.untilStarted(2)
    const stopped = runner.stop()
    held.endAll()
    expect(await stopped).toMatchObject({ finished: 2 })
  })

  test('stop gives back all that has not started, of every batch', async () => {
    const source = inPages('a1', 'a2', 'a3', 'b1', 'b2', 'a4')
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { batch: 2, concurrency: 4 })
    await runner.start()
    await held.untilStarted(2)
    await settleDown()
    const stopped = runner.stop()
    held.end('a1')
    held.end('b1', new Error('no'))
    expect(await stopped).toEqual({ finished: 2, abandoned: 0, released: 4 })
    expect(source.ids('release').toSorted()).toEqual(['a2', 'a3', 'a4', 'b2'])
    expect(held.started).toEqual(['a1', 'b1'])
  })

  test('a try whose time is over gives back what follows in later batches', async () => {
    const source = inPages('a1', 'b1', 'a2', 'b2')
    const held = new HeldDeliveries()
    const runner = new Runner(source, ({ id }) => (id === 'a1' ? held.deliver({ id }) : undefined), {
      batch: 2, concurrency: 3, timeoutMs: 20,
    })
    await runner.drain()
    await runner.stop()
    expect([source.ids('retry'), source.ids('release'), source.ids('ack')]).toEqual([['a1'], ['a2'], ['b1', 'b2']])
  })

  test('a suspect waits for its chain and all else; when its chain breaks it goes back and the loop goes on', async () => {
    const source = inPages('a1', 'x1', 'a2', 'b1', 'b2', 'c1')
    for (const id of ['a2', 'b2']) source.solo.add(id)
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver)
    await runner.start()
    await held.untilStarted(2)
    await settleDown()
    held.end('a1')
    await settleDown()
    expect(held.underWay).toEqual(['x1'])
    held.end('x1')
    await held.untilStarted(3)
    expect([held.underWay, source.ids('ack')]).toEqual([['a2'], ['a1', 'x1']])
    held.end('a2')
    await held.untilStarted(4)
    await settleDown()
    held.end('b1', new Error('no'))
    await held.untilStarted(5)
    expect([held.underWay, source.ids('release')]).toEqual([['c1'], ['b2']])
    const stopped = runner.stop()
    held.endAll()
    await stopped
  })

  test('a suspect that is lost while it waits does not hold up the loop', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const source = new FakeSource([item('slow'), item('suspect'), item('after')])
    source.solo.add('suspect')
    source.leaseMs = 3_000
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver)
    await runner.start()
    await source.until(() => source.calls.pull === 2)
    source.lost.add('claim-2')
    await vi.advanceTimersByTimeAsync(1_000)
    await held.untilStarted(2)
    expect(held.started).toEqual(['slow', 'after'])
    const stopped = runner.stop()
    held.endAll()
    await stopped
  })

  test('pulls go on beside unanswered chains, and one hot chain fills fewer than five batches', async () => {
    const source = inPages(...Array.from({ length: 200 }, (_, n) => `a${n}`), 'b')
    const answer = deferred()
    source.onSettle = () => answer.promise
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { batch: 10, concurrency: 3, time: { monotonicMs: () => 0 } })
    await runner.start()
    for (let ended = 0; ended < 20; ended += 1) {
      await held.untilStarted(ended + 1)
      await settleDown()
      expect(runner.counters().buffered).toBeLessThan(50)
      held.end(`a${ended}`)
    }
    expect(runner.counters()).toMatchObject({ delivered: 0, claimed: 60 })
    answer.resolve()
    for (let started = 21; started <= 201; started += 1) {
      await held.untilStarted(started)
      held.end(held.underWay[0]!)
    }
    await runner.drain()
    await runner.stop()
    expect(ofChain('a', held.started)).toEqual(Array.from({ length: 200 }, (_, n) => `a${n}`))
    expect(source.ids('ack')).toHaveLength(201)
  })
})
