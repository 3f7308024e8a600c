/** Items of one chain: one after another, and what happens to those behind one that fails. */
import { describe, expect, test } from 'vitest'
import { Runner } from '../../src/runner/runner.js'
import { FakeSource, HeldDeliveries, item, settleDown } from './fake-source.js'

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
