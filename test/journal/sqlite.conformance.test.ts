/** The published journal suite over SQLite, once per engine that is here, and through the scoped wrapper. */
import { describe, test } from 'vitest'
import { SQLITE_ENGINES } from '../../src/drivers/sqlite.js'
import { journalStoreSuite, scopedJournalOpen, scopedJournalSkips } from '../../src/testkit/index.js'
import { availableEngine } from '../stores/sqlite-support.js'
import { histories } from '../support/histories.js'
import { openSqliteJournal } from '../support/sqlite-journal.js'

for (const engine of SQLITE_ENGINES.flatMap((name) => availableEngine(name) ?? [])) {
  const open = openSqliteJournal(engine)
  describe(`sqlite by ${engine.name}`, () => journalStoreSuite({ test, open, histories }))
  describe(`sqlite by ${engine.name}, scoped`, () =>
    journalStoreSuite({ test, open: scopedJournalOpen(open), skip: scopedJournalSkips, histories }))
}
