import { expect, test } from 'vitest'
import { choose, planFaults } from '../../chaos/faults/schedule.js'
import { seededRandom } from '../../src/testkit/random.js'

const OPTIONS = { durationMs: 60_000, counts: { kill: 12, pause: 5 }, cycleMs: 10_000, burst: 0.4 }

test('the same seed gives the same schedule, another seed another', () => {
  const planned = planFaults(seededRandom(7), OPTIONS)
  expect(planFaults(seededRandom(7), OPTIONS)).toEqual(planned)
  expect(planFaults(seededRandom(8), OPTIONS)).not.toEqual(planned)
})

test('there are as many of each kind as asked for, in order of time', () => {
  const planned = planFaults(seededRandom(7), OPTIONS)
  expect(planned.filter(({ kind }) => kind === 'kill')).toHaveLength(12)
  expect(planned.filter(({ kind }) => kind === 'pause')).toHaveLength(5)
  expect(planned.map(({ atMs }) => atMs)).toEqual(planned.map(({ atMs }) => atMs).toSorted((a, b) => a - b))
})

test('between the bursts nothing begins, and each kind is spread over the whole time', () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const planned = planFaults(seededRandom(seed), OPTIONS)
    for (const { atMs } of planned) expect(atMs % 10_000).toBeLessThanOrEqual(4_000)
    const kills = planned.filter(({ kind }) => kind === 'kill')
    for (let cycle = 0; cycle < 6; cycle += 1) {
      expect(kills.filter(({ atMs }) => Math.floor(atMs / 10_000) === cycle)).toHaveLength(2)
    }
  }
})

test('a share chooses among those there are', () => {
  expect(choose(['a', 'b'], 0)).toBe('a')
  expect(choose(['a', 'b'], 0.5)).toBe('b')
  expect(choose(['a', 'b'], 0.999)).toBe('b')
  expect(choose([], 0.5)).toBeUndefined()
})
