/** The published suite of maintenance, over every store. */
import { describe, test } from 'vitest'
import { memory } from '../../src/memory.js'
import { maintenanceSuite, type OpenedMaintained, type OpenMaintainedSettings } from '../../src/testkit/index.js'
import { POSTGRES_PAIRS, SQLITE_PAIRS, type OpenPair } from '../support/store-pairs.js'
import { postgresUrl } from '../support/postgres-outbox.js'

function opening(open: OpenPair) {
  return async (settings: OpenMaintainedSettings): Promise<OpenedMaintained> => {
    const { stores: [store, other], close } = await open(settings)
    return { store: store!, other: other!, close }
  }
}

describe('memory', () => maintenanceSuite({
  test,
  open: async (settings) => {
    const store = memory(settings)
    return { store, other: store, close: () => store.close() }
  },
}))

for (const [name, open] of SQLITE_PAIRS) describe(name, () => maintenanceSuite({ test, open: opening(open) }))

// reason: there may be no PostgreSQL for this platform; WAYBILL_CI requires one.
describe.skipIf(postgresUrl === null)('PostgreSQL [skipped without a server]', () => {
  for (const [name, open] of POSTGRES_PAIRS) describe(name, () => maintenanceSuite({ test, open: opening(open) }))
})
