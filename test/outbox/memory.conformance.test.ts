import { describe, test } from 'vitest'
import { MemoryOutboxStore, type MemoryOutboxOptions } from '../../src/stores/memory/outbox.js'
import type { MemoryTransaction } from '../../src/stores/memory/transaction.js'
import { faultyOutboxStore, outboxStoreSuite, scopedOpen, scopedSkips, type OpenedOutbox } from '../../src/testkit/index.js'
import { histories } from '../support/histories.js'

async function open(settings: MemoryOutboxOptions): Promise<OpenedOutbox<MemoryTransaction>> {
  const store = new MemoryOutboxStore(settings)
  return {
    store,
    async begin() {
      const tx = store.begin()
      return { tx, commit: () => tx.commit(), rollback: () => tx.rollback(), savepoint: () => tx.savepoint() }
    },
    close: () => store.close(),
  }
}

describe('memory', () => outboxStoreSuite({ test, open, histories }))

describe('memory, scoped', () => outboxStoreSuite({ test, open: scopedOpen(open), skip: scopedSkips }))

describe('memory, slow and interleaved', () => outboxStoreSuite({
  test,
  async open(settings) {
    const opened = await open(settings)
    return { ...opened, store: faultyOutboxStore(opened.store, { rest: () => 'slow' }) }
  },
  histories: 5,
}))
