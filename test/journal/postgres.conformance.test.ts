import { describe, test } from 'vitest'
import { journalStoreSuite, scopedJournalOpen, scopedJournalSkips } from '../../src/testkit/index.js'
import { histories } from '../support/histories.js'
import { openPostgresJournal, postgresUrl } from '../support/postgres-outbox.js'

/** A name that ends every kind of quoting a statement could use. */
const HOSTILE = `";'--$body$ \\ é`

// reason: there is no server and none could be started; the run's first lines say why
describe.skipIf(postgresUrl === null)('PostgreSQL [skipped without a server]', () => {
  describe('postgres (pg)', () => journalStoreSuite({ test, open: openPostgresJournal({ client: 'pg' }), histories }))

  describe('postgres (pg), scoped', () => journalStoreSuite({
    test, open: scopedJournalOpen(openPostgresJournal({ client: 'pg' })), skip: scopedJournalSkips,
  }))

  describe('postgres (postgres.js), hostile schema name', () =>
    journalStoreSuite({ test, open: openPostgresJournal({ client: 'postgres', suffix: HOSTILE }) }))
})
