import { describe, test } from 'vitest'
import { MemoryJournalStore } from '../../src/stores/memory/journal.js'
import { MemoryOutboxStore } from '../../src/stores/memory/outbox.js'
import type { MemoryTransaction } from '../../src/stores/memory/transaction.js'
import {
  journalStoreSuite, scopedJournalOpen, scopedJournalSkips, type OpenedJournal, type OpenJournalSettings,
} from '../../src/testkit/index.js'
import { histories } from '../support/histories.js'

async function open(settings: OpenJournalSettings): Promise<OpenedJournal<MemoryTransaction>> {
  const outbox = new MemoryOutboxStore(settings)
  const store = new MemoryJournalStore(outbox, settings)
  return {
    store,
    outbox,
    async begin() {
      const tx = outbox.begin()
      return { tx, commit: () => tx.commit(), rollback: () => tx.rollback(), savepoint: () => tx.savepoint() }
    },
    async close() {
      await store.close()
      await outbox.close()
    },
  }
}

describe('memory', () => journalStoreSuite({ test, open, histories }))

describe('memory, scoped', () =>
  journalStoreSuite({ test, open: scopedJournalOpen(open), skip: scopedJournalSkips, histories }))
