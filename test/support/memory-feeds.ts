/** Fresh feeds in memory. */
import { MemoryFeedStore } from '../../src/stores/memory/feeds.js'
import { MemoryOutboxStore } from '../../src/stores/memory/outbox.js'
import type { MemoryTransaction } from '../../src/stores/memory/transaction.js'
import type { OpenedFeeds } from '../../src/testkit/index.js'

/** `open` for the suites. */
export async function openMemoryFeeds(): Promise<OpenedFeeds<MemoryTransaction>> {
  const outbox = new MemoryOutboxStore()
  const store = new MemoryFeedStore(outbox)
  return {
    store, other: store,
    async begin() {
      const tx = outbox.begin()
      return { tx, commit: () => tx.commit(), rollback: () => tx.rollback(), savepoint: () => tx.savepoint() }
    },
    async setSequence(feed, sequence) {
      // The store answers the object that it keeps.
      Object.assign(await store.state(feed) ?? {}, { sequence, first: sequence + 1n })
    },
    async close() {
      await store.close()
      await outbox.close()
    },
  }
}
