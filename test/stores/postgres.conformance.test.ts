import { describe, test } from 'vitest'
import { outboxStoreSuite, scopedOpen, scopedSkips } from '../../src/testkit/index.js'
import { histories } from '../support/histories.js'
import { openPostgres, postgresUrl } from '../support/postgres-outbox.js'

/** A name that ends every kind of quoting a statement could use. */
const HOSTILE = `";'--$body$ \\ é`

// reason: there is no server and none could be started; the run's first lines say why
describe.skipIf(postgresUrl === null)('PostgreSQL [skipped without a server]', () => {
  describe('postgres (pg)', () => outboxStoreSuite({ test, open: openPostgres({ client: 'pg' }), histories }))

  describe('postgres (pg), scoped', () =>
    outboxStoreSuite({ test, open: scopedOpen(openPostgres({ client: 'pg' })), skip: scopedSkips }))

  describe('postgres (postgres.js), hostile schema name', () =>
    outboxStoreSuite({ test, open: openPostgres({ client: 'postgres', suffix: HOSTILE }) }))
})
