/** Groups take turns, and what is new is looked for beside a backlog. */
import { describe, expect, test } from 'vitest'
import { Runner } from '../../src/runner/runner.js'
import { WakeHub } from '../../src/runner/wake.js'
import { FakeSource, HeldDeliveries, item, next, settleDown } from './fake-source.js'

const of = (group: string, count: number) => Array.from({ length: count }, (_, n) => item(`${group}${n}`, { group }))

describe('turns', () => {
  test('one of each group starts, then the second of each', async () => {
    const source = new FakeSource([...of('a', 5), ...of('b', 2), ...of('c', 1)])
    const order: string[] = []
    const runner = new Runner(source, ({ id }) => {
      order.push(id)
      return undefined
    })
    await runner.runOnce()
    await runner.stop()
    expect(order).toEqual(['a0', 'b0', 'c0', 'a1', 'b1', 'a2', 'a3', 'a4'])
  })

  test('after a wake-up a small pull finds what is new, and it goes before the rest of a backlog', async () => {
    const hub = new WakeHub()
    const source = new FakeSource(of('giant', 100))
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { concurrency: 2, batch: 50, wake: { hub, topics: ['t'] } })
    await runner.start()
    await held.untilStarted(2)
    expect(source.limits).toEqual([50])
    source.due.unshift(item('news', { group: 'small' }))
    const claimed = next(runner, 'claimed')
    hub.wake('t')
    await claimed
    expect(source.limits).toEqual([50, 2])
    await settleDown()
    held.end('giant0')
    await held.untilStarted(3)
    held.end('giant1')
    await held.untilStarted(4)
    expect(held.started.slice(2)).toContain('news')
    const stopping = runner.stop()
    held.endAll()
    await stopping
  })

  test('wake-ups without end do not fill the memory', async () => {
    const hub = new WakeHub()
    const source = new FakeSource(of('giant', 10_000))
    const held = new HeldDeliveries()
    const runner = new Runner(source, held.deliver, { concurrency: 2, batch: 50, wake: { hub, topics: ['t'] } })
    await runner.start()
    await held.untilStarted(2)
    for (let n = 0; n < 200; n += 1) {
      hub.wake('t')
      await new Promise((resolve) => { setImmediate(resolve) })
    }
    expect(runner.counters().buffered).toBeLessThanOrEqual(52)
    const stopping = runner.stop()
    held.endAll()
    await stopping
    expect(source.ids('release').length + source.ids('ack').length).toBe(runner.counters().claimed)
  })
})
