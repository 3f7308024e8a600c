import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { CLASSIC_RETRY, DEFAULT_RETRY, retryDelayMs, retryPolicy } from '../../src/core/retry.js'

const last = (): number => 1 - Number.EPSILON

describe('retryDelayMs', () => {
  test('doubles from the base to the cap without jitter', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7].map((attempt) => retryDelayMs(CLASSIC_RETRY, attempt, () => 0))
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  })

  test('a base of 5 and a cap of 20 give 5, 10, 20, 20', () => {
    const policy = retryPolicy({ baseMs: 5, maxMs: 20, jitter: 'none' })
    expect([1, 2, 3, 4].map((attempt) => retryDelayMs(policy, attempt, () => 0.5))).toEqual([5, 10, 20, 20])
  })

  test('full jitter draws from 0 to the delay, both included', () => {
    expect(retryDelayMs(DEFAULT_RETRY, 3, () => 0)).toBe(0)
    expect(retryDelayMs(DEFAULT_RETRY, 3, last)).toBe(4_000)
  })

  test('is an integer within the cap at any attempt', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), fc.nat(10_000), fc.nat(10_000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (attempt, baseMs, more, random) => {
        const policy = retryPolicy({ baseMs, maxMs: baseMs + more })
        const delay = retryDelayMs(policy, attempt, () => random)
        expect(Number.isInteger(delay) && delay >= 0 && delay <= policy.maxMs).toBe(true)
      }))
  })

  test('attempts count from 1', () => {
    for (const attempt of [0, -1, 1.5, NaN]) {
      expect(() => retryDelayMs(DEFAULT_RETRY, attempt, () => 0)).toThrow(expect.objectContaining({ code: 'VALIDATION' }))
    }
  })
})

describe('retryPolicy', () => {
  test('fills in the defaults', () => {
    expect(retryPolicy()).toEqual({ baseMs: 1_000, maxMs: 300_000, jitter: 'full' })
    expect(retryPolicy({ baseMs: 0 })).toEqual({ baseMs: 0, maxMs: 300_000, jitter: 'full' })
  })

  test('refuses a cap below the base, and durations that are none', () => {
    for (const options of [{ baseMs: 10, maxMs: 9 }, { baseMs: -1 }, { baseMs: 0.5 }, { maxMs: NaN }, { maxMs: Infinity }]) {
      expect(() => retryPolicy(options)).toThrow(expect.objectContaining({ code: 'VALIDATION' }))
    }
  })
})
