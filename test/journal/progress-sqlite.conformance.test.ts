/** The published progress suite over SQLite, once per engine that is here: two stores on one file. */
import { describe, test } from 'vitest'
import { progressStoreSuite } from '../../src/testkit/index.js'
import { halvesOf, SQLITE_PAIRS } from '../support/store-pairs.js'

for (const [name, open] of SQLITE_PAIRS) {
  describe(name, () => progressStoreSuite({ test, open: halvesOf(open, ({ progress }) => progress) }))
}
