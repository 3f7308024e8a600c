import { describe, expect, test } from 'vitest'
import { BatchPace } from '../../src/feeds/batch-pace.js'
import { forEachSeed } from '../../src/testkit/index.js'

const bounds = { minSize: 2, maxSize: 100, maxWaitMs: 50 }

/** As seen every `everyMs`, at so many a second, for some time. */
function at(rate: number, everyMs = 5, forMs = 10_000): BatchPace {
  const pace = new BatchPace(bounds)
  for (let now = 0; now <= forMs; now += everyMs) pace.saw(BigInt(Math.floor(rate * now / 1_000)), now)
  return pace
}

describe('the pace of batches', () => {
  test('a batch is what comes in the longest wait, within the bounds', () => {
    expect(at(0).target).toBe(2)
    expect(at(20).target).toBe(2)
    expect(at(1_000).target).toBeGreaterThan(40)
    expect(at(1_000).target).toBeLessThan(60)
    expect(at(50_000).target).toBe(100)
  })

  test('falls again when less comes', () => {
    const pace = at(50_000)
    const last = 500_000n
    for (let now = 10_005; now <= 30_000; now += 5) pace.saw(last, now)
    expect(pace.target).toBe(2)
  })

  test('what was there at first has not come now, and a feed that began anew gives nothing back', () => {
    const pace = new BatchPace(bounds)
    pace.saw(1_000_000n, 0)
    pace.saw(1_000_000n, 100)
    expect(pace.target).toBe(2)
    pace.saw(3n, 200)
    expect(pace.target).toBe(2)
  })

  test('a full batch is due at once, a smaller one within the wait, none never', () => {
    const pace = at(1_000)
    expect(pace.dueInMs(0, 20_000)).toBe(Infinity)
    expect(pace.isWaiting).toBe(false)
    expect(pace.dueInMs(pace.target, 20_000)).toBe(0)
    expect(pace.dueInMs(1, 20_000)).toBe(50)
    expect(pace.dueInMs(1, 20_030)).toBe(20)
    expect(pace.dueInMs(1, 20_050)).toBe(0)
    expect(pace.isWaiting).toBe(true)
    pace.given()
    expect(pace.dueInMs(1, 20_060)).toBe(50)
  })

  test('waits less for a batch that fills fast, and not longer than told', () => {
    const fast = at(50_000)
    expect(fast.dueInMs(50, 20_000)).toBeLessThan(10)
    const steady = at(1_000)
    expect(steady.dueInMs(10, 20_000)).toBe(50)
  })

  test('whatever comes when, the bounds hold', async () => {
    await forEachSeed(Array.from({ length: 200 }, (_, n) => n + 1), async (random) => {
      const minSize = random.integer(1, 20)
      const maxSize = minSize + random.integer(0, 500)
      const maxWaitMs = random.integer(0, 1_000)
      const pace = new BatchPace({ minSize, maxSize, maxWaitMs })
      let now = 0
      let latest = 0n
      for (let n = 0; n < 50; n += 1) {
        now += random.integer(0, 300)
        latest += BigInt(random.integer(0, 2_000))
        pace.saw(latest, now)
        expect(pace.target).toBeGreaterThanOrEqual(minSize)
        expect(pace.target).toBeLessThanOrEqual(maxSize)
        const inMs = pace.dueInMs(random.integer(1, maxSize), now)
        expect(inMs).toBeGreaterThanOrEqual(0)
        expect(inMs).toBeLessThanOrEqual(maxWaitMs)
      }
    })
  })
})
