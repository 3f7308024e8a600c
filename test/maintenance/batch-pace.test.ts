import { describe, expect, test } from 'vitest'
import { BatchPace } from '../../src/maintenance/batch-pace.js'

const SETTINGS = { minBatch: 20, maxBatch: 5_000, batchMs: 5, pauseMs: 20, share: 1 / 40, passMs: 60_000 }

/** Batches against a store that takes so long for each batch, and for each row in it. */
function paced(fixedMs: number, rowMs: number, batches = 50): { limits: number[]; rests: number[] } {
  const pace = new BatchPace(SETTINGS)
  const limits: number[] = []
  const rests: number[] = []
  for (let n = 0; n < batches; n += 1) {
    limits.push(pace.limit)
    rests.push(pace.after(pace.limit, fixedMs + rowMs * pace.limit, 0))
  }
  return { limits, rests }
}

describe('the pace of batches', () => {
  test.each([
    ['a fast store', 0.1, 0.01, 250, 550],
    ['a distant store', 40, 0.01, 250, 550],
    ['a store to which each row is dear', 1, 1, 20, 40],
    ['a store to which rows cost nothing', 3, 0, 5_000, 5_000],
  ])('%s: what a batch costs above the least decides', (_, fixedMs, rowMs, least, most) => {
    const last = paced(fixedMs, rowMs).limits.slice(20)
    expect(Math.min(...last)).toBeGreaterThanOrEqual(least)
    expect(Math.max(...last)).toBeLessThanOrEqual(most)
  })

  test('batches take their share of the time, and the rest never shorter than the pause', () => {
    const { rests } = paced(40, 0.01)
    expect(Math.min(...rests)).toBeGreaterThanOrEqual(39 * 40)
    expect(Math.min(...paced(0.1, 0.001).rests)).toBe(20)
  })

  test('a pass that lasts too long rests less, and nothing rests longer than the lease of the work lasts', () => {
    const pace = new BatchPace(SETTINGS)
    expect([60_000, 60_001].map((sinceMs) => pace.after(20, 100, sinceMs))).toEqual([3_900, 900])
    const fast = new BatchPace({ ...SETTINGS, share: 0.5 })
    expect([60_000, 60_001].map((sinceMs) => fast.after(20, 100, sinceMs))).toEqual([100, 100])
    expect(pace.after(20, 10_000, 0)).toBe(20_000)
  })

  test('one slow batch halves the next, and a failure begins anew', () => {
    const pace = new BatchPace(SETTINGS)
    for (let n = 0; n < 5; n += 1) pace.after(pace.limit, 1, 0)
    const before = pace.limit
    pace.after(before, 100, 0)
    expect(pace.limit).toBe(Math.floor(before / 2))
    pace.shrink()
    expect(pace.limit).toBe(20)
  })
})
