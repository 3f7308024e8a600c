import { describe, expect, test } from 'vitest'
import { assertDuration, assertInteger, assertName, assertTime, MAX_TIME } from '../../src/core/validate.js'

const refusal = (field: string): unknown =>
  expect.objectContaining({ code: 'VALIDATION', retryable: false, details: expect.objectContaining({ field }) })

describe('assertInteger', () => {
  test('answers the number within its bounds, both included', () => {
    for (const value of [-3, 0, 7]) expect(assertInteger('limit', value, -3, 7)).toBe(value)
  })

  test.each([-4, 8, 0.5, NaN, Infinity, -Infinity, '1', null, undefined, 1n, {}, true])('refuses %s', (value) => {
    expect(() => assertInteger('limit', value, -3, 7)).toThrow(refusal('limit'))
  })
})

describe('assertTime', () => {
  test('spans 0 to 2^53 - 1', () => {
    expect(assertTime('at', 0)).toBe(0)
    expect(assertTime('at', MAX_TIME)).toBe(2 ** 53 - 1)
    for (const value of [-1, 2 ** 53, 1.5]) expect(() => assertTime('at', value)).toThrow(refusal('at'))
  })
})

describe('assertDuration', () => {
  test('ends at a hundred years unless told otherwise', () => {
    expect(assertDuration('delayMs', 3_155_760_000_000)).toBe(3_155_760_000_000)
    expect(() => assertDuration('delayMs', 3_155_760_000_001)).toThrow(refusal('delayMs'))
    expect(() => assertDuration('leaseMs', 0, 1, 10)).toThrow(refusal('leaseMs'))
  })
})

describe('assertName', () => {
  test('keeps the text untrimmed', () => {
    expect(assertName('lane', ' a ', 255)).toBe(' a ')
  })

  test('counts bytes of UTF-8', () => {
    expect(assertName('lane', 'é'.repeat(5), 10)).toHaveLength(5)
    expect(() => assertName('lane', 'é'.repeat(6), 11)).toThrow(refusal('lane'))
  })

  test.each(['', ' ', '\u00a0\ufeff', 'a\u0000', '\ud800', 'a\udc00', 7, null, undefined, ['a']])('refuses %j', (value) => {
    expect(() => assertName('lane', value, 255)).toThrow(refusal('lane'))
  })
})
