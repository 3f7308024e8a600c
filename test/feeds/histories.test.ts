/**
 * Random histories in numbers that a suite's case does not run: ten thousand in memory. Others run them by
 * `WAYBILL_TEST_HISTORIES`.
 */
import { describe, test } from 'vitest'
import { feedHistories } from '../../src/testkit/index.js'
import { openMemoryFeeds } from '../support/memory-feeds.js'

describe('ten thousand random histories in memory', () => {
  for (let seed = 1_000; seed < 11_000; seed += 1_000) {
    test(`seeds from ${seed} on`, () => feedHistories({ open: openMemoryFeeds, count: 1_000, seed }))
  }
})
