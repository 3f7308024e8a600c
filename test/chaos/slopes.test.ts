import { expect, test } from 'vitest'
import { Slopes } from '../../chaos/slopes.js'

test('a straight line through the samples, without the warm-up', () => {
  const slopes = new Slopes()
  for (let second = 0; second < 100; second += 1) {
    slopes.add('relay', 'handles', second * 1_000, second < 20 ? 1_000 : 50 + second)
    slopes.add('relay', 'sockets', second * 1_000, 7)
  }
  const [handles, sockets] = slopes.result()
  expect(handles).toMatchObject({ process: 'relay', what: 'handles', samples: 80, first: 70, last: 149 })
  expect(handles?.perMinute).toBeCloseTo(60)
  expect(sockets?.perMinute).toBe(0)
})

test('who was seen for less than half of the time is left out', () => {
  const slopes = new Slopes()
  for (let second = 0; second < 100; second += 1) {
    slopes.add('old', 'handles', second * 1_000, 1)
    if (second < 49) slopes.add('young', 'handles', second * 1_000, 1)
  }
  expect(slopes.result().map(({ process }) => process)).toEqual(['old'])
})
