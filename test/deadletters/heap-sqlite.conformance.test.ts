/** The published heap suite over SQLite, once per engine that is here: two stores on one file. */
import { describe, test } from 'vitest'
import { heapSuite } from '../../src/testkit/index.js'
import { heapsOf } from '../support/store-heaps.js'
import { SQLITE_PAIRS } from '../support/store-pairs.js'

for (const [name, open] of SQLITE_PAIRS) {
  describe(name, () => heapSuite({ test, open: heapsOf(open) }))
}
