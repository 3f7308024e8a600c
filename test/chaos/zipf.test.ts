import { expect, test } from 'vitest'
import { zipf } from '../../chaos/zipf.js'
import { seededRandom } from '../../src/testkit/random.js'

test('ranks are drawn in proportion to 1 / rank^exponent', () => {
  const random = seededRandom(1)
  const rank = zipf(100, 1)
  const counts = new Array<number>(100).fill(0)
  const draws = 100_000
  for (let draw = 0; draw < draws; draw += 1) counts[rank(() => random.next())]! += 1
  const harmonic = counts.reduce((sum, _, index) => sum + 1 / (index + 1), 0)
  for (const index of [0, 1, 9, 49]) {
    const expected = draws / (index + 1) / harmonic
    expect(Math.abs(counts[index]! - expected)).toBeLessThan(5 * Math.sqrt(expected))
  }
})

test('the ends of the range are the first and the last rank', () => {
  const rank = zipf(10, 0.8)
  expect(rank(() => 0)).toBe(0)
  expect(rank(() => 1 - Number.EPSILON)).toBe(9)
})
