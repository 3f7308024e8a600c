/** The published checkpoint suite over SQLite, once per engine that is here: two stores on one file. */
import { describe, test } from 'vitest'
import { checkpointStoreSuite } from '../../src/testkit/index.js'
import { halvesOf, SQLITE_PAIRS } from '../support/store-pairs.js'

for (const [name, open] of SQLITE_PAIRS) {
  describe(name, () => checkpointStoreSuite({ test, open: halvesOf(open, ({ checkpoints }) => checkpoints) }))
}
