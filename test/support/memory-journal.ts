/** Fresh journals in memory, with the outbox beside them. */
import { MemoryJournalStore } from '../../src/stores/memory/journal.js'
import { MemoryOutboxStore } from '../../src/stores/memory/outbox.js'
import type { MemoryTransaction } from '../../src/stores/memory/transaction.js'
import type { OpenedJournal, OpenJournalSettings } from '../../src/testkit/index.js'

/** `open` for the suite. */
export async function openMemoryJournal(settings: OpenJournalSettings): Promise<OpenedJournal<MemoryTransaction>> {
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
