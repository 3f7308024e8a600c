/** The published inbox suite over PostgreSQL: two stores with pools of their own on one schema. */
import { describe, test } from 'vitest'
import { inboxSuite } from '../../src/testkit/index.js'
import { openPostgresInbox } from '../support/inbox-stores.js'
import { postgresUrl } from '../support/postgres-schemas.js'

/** A name that ends every kind of quoting a statement could use. */
const HOSTILE = `";'--$body$ \\ é{schema}`

// reason: there is no server and none could be started; the run's first lines say why
describe.skipIf(postgresUrl === null)('PostgreSQL [skipped without a server]', () => {
  for (const [name, open] of [
    ['postgres (pg)', openPostgresInbox({ client: 'pg' })],
    ['postgres (postgres.js), hostile schema name', openPostgresInbox({ client: 'postgres', suffix: HOSTILE })],
  ] as const) {
    describe(name, () => inboxSuite({ test, open }))
  }
})
