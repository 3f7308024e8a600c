import { expect, test } from 'vitest'
import { fromOrderedI64, MAX_U64, orderedI64 } from '../../src/core/u64.js'

const VALUES = [0n, 1n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 63n + 1n, MAX_U64 - 1n, MAX_U64]

test('all of u64 fits in signed integers, in the same order, and comes back', () => {
  const stored = VALUES.map(orderedI64)
  expect([stored[0], stored.at(-1)]).toEqual([-(2n ** 63n), 2n ** 63n - 1n])
  expect(stored.map((value) => BigInt.asIntN(64, value))).toEqual(stored)
  expect(stored.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(stored)
  expect(stored.map(fromOrderedI64)).toEqual(VALUES)
})
