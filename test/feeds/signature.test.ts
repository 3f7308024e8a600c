import { expect, test } from 'vitest'
import { configHash, rowSignature } from '../../src/index.js'
import { feedSettings } from '../../src/feeds/feed-options.js'

// Made elsewhere: SHA-256 of JSON whose members are sorted, its first eight bytes, or sixteen in hexadecimal.
test('a row\'s signature is the same for keys that mean the same, in every version', () => {
  expect(rowSignature({ tenant: 't-7', order: 12 })).toBe(7_448_070_030_903_931_966n)
  expect(rowSignature({ order: 12, tenant: 't-7' })).toBe(7_448_070_030_903_931_966n)
  expect(rowSignature('o-7')).toBe(11_665_406_383_495_198_423n)
  expect(rowSignature(7)).toBe(8_719_647_946_811_673_230n)
  expect(new Set([7, '7', [7], { 7: 7 }, null].map(rowSignature)).size).toBe(5)
})

test('a configuration\'s hash is the same for what means the same, in every version', () => {
  expect(configHash({ version: 2, query: 'open' })).toBe('50f7ba14331b4780e59902c14d8aa310')
  expect(configHash({ query: 'open', version: 2 })).toBe('50f7ba14331b4780e59902c14d8aa310')
  expect(configHash({ query: 'open', version: 3 })).not.toBe('50f7ba14331b4780e59902c14d8aa310')
  expect(feedSettings({ name: 'f' }, undefined).configHash).toBe('74234e98afe7498fb5daf1f36ac2d78a')
})

test('a capacity is 1,000 unless told otherwise, and one out of its bounds is refused', () => {
  expect(feedSettings({ name: 'f' }, undefined).capacity).toBe(1_000)
  for (const capacity of [1, 1_000_000]) {
    expect(feedSettings({ name: 'f', capacity }, undefined).capacity).toBe(capacity)
  }
  for (const capacity of [0, 1_000_001, -1, 1.5, NaN]) {
    expect(() => feedSettings({ name: 'f', capacity }, undefined)).toThrow(expect.objectContaining({
      code: 'VALIDATION', details: expect.objectContaining({ field: 'capacity' }) as unknown,
    }))
  }
})
