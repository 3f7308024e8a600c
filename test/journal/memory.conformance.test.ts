import { describe, test } from 'vitest'
import { journalStoreSuite, scopedJournalOpen, scopedJournalSkips } from '../../src/testkit/index.js'
import { histories } from '../support/histories.js'
import { openMemoryJournal as open } from '../support/memory-journal.js'

describe('memory', () => journalStoreSuite({ test, open, histories }))

describe('memory, scoped', () =>
  journalStoreSuite({ test, open: scopedJournalOpen(open), skip: scopedJournalSkips, histories }))
