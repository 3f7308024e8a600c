/** The published suite of offset stores, over the tables of each store and over the journal of each. */
import { describe, test } from 'vitest'
import { SQLITE_ENGINES } from '../../src/drivers/sqlite.js'
import { offsetStoreSuite } from '../../src/testkit/index.js'
import { availableEngine } from '../stores/sqlite-support.js'
import { histories } from '../support/histories.js'
import { openMemoryJournal } from '../support/memory-journal.js'
import {
  openJournalOffsets, openMemoryOffsets, openPostgresOffsets, openSqliteOffsets,
} from '../support/offset-stores.js'
import { openPostgresJournal, postgresUrl } from '../support/postgres-outbox.js'
import { openSqliteJournal } from '../support/sqlite-journal.js'

describe('memory', () => offsetStoreSuite({ test, open: openMemoryOffsets, histories }))

describe('memory, in the journal', () =>
  offsetStoreSuite({ test, open: () => openJournalOffsets(openMemoryJournal), histories }))

for (const engine of SQLITE_ENGINES.flatMap((name) => availableEngine(name) ?? [])) {
  describe(`sqlite by ${engine.name}`, () =>
    offsetStoreSuite({ test, open: () => openSqliteOffsets(engine), histories }))
  describe(`sqlite by ${engine.name}, in the journal`, () =>
    offsetStoreSuite({ test, open: () => openJournalOffsets(openSqliteJournal(engine)), histories }))
}

// reason: there is no server and none could be started; the run's first lines say why
describe.skipIf(postgresUrl === null)('PostgreSQL [skipped without a server]', () => {
  describe('postgres', () => offsetStoreSuite({ test, open: openPostgresOffsets, histories }))
  describe('postgres, in the journal', () =>
    offsetStoreSuite({ test, open: () => openJournalOffsets(openPostgresJournal({ client: 'pg' })), histories }))
})
