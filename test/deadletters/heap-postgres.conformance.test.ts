/** The published heap suite over PostgreSQL: two stores with pools of their own on one schema. */
import { describe, test } from 'vitest'
import { heapSuite } from '../../src/testkit/index.js'
import { postgresUrl } from '../support/postgres-schemas.js'
import { heapsOf } from '../support/store-heaps.js'
import { POSTGRES_PAIRS } from '../support/store-pairs.js'

// reason: there is no server and none could be started; the run's first lines say why
describe.skipIf(postgresUrl === null)('PostgreSQL [skipped without a server]', () => {
  for (const [name, open] of POSTGRES_PAIRS) {
    describe(name, () => heapSuite({ test, open: heapsOf(open) }))
  }
})
