/**
 * The inbox in the memory of one process. It shares its transactions with the outbox, so one commit covers both.
 *
 * A transaction that records a message holds the record to its end, as a unique index does on a database. Others wait
 * for that end, or are told at once. Nothing is taken while waiting, and nothing comes between the steps of a look.
 */
import { systemClock, type Clock } from '../../core/environment.js'
import { WaybillError } from '../../core/errors.js'
import type {
  InboxAnswer, InboxCapabilities, InboxPlace, InboxPurgeRequest, InboxStore, RecordRequest,
} from '../../inbox/contract.js'
import type { MemoryTransactions } from './journal.js'
import { assertUsable, type MemoryTransaction } from './transaction.js'

interface InboxRecord {
  readonly place: InboxPlace
  /** As the holder sees it, where there is one; undefined when it has taken it back. */
  processedAt: number | undefined
  /** Of what is not committed. */
  holder: MemoryTransaction | undefined
  /** How many changes the holder has staged. */
  changes: number
}

export class MemoryInboxStore implements InboxStore<MemoryTransaction> {
  readonly capabilities: InboxCapabilities = { shared: false, durable: false, concurrentTransactions: true }
  readonly #transactions: MemoryTransactions
  readonly #now: Clock
  readonly #records = new Map<string, InboxRecord>()
  #closed = false

  constructor(transactions: MemoryTransactions, { now = systemClock }: { readonly now?: Clock | undefined } = {}) {
    this.#transactions = transactions
    this.#now = now
  }

  async transaction<T>(work: (tx: MemoryTransaction) => Promise<T>): Promise<T> {
    this.#assertOpen()
    return this.#transactions.transaction(work)
  }

  async record(tx: MemoryTransaction, request: RecordRequest): Promise<readonly InboxAnswer[]> {
    const { scope, consumer, messageIds, onConcurrent } = request
    const answers: InboxAnswer[] = []
    for (const messageId of messageIds) {
      answers.push(await this.#recordOne(tx, { scope, consumer }, messageId, onConcurrent === 'skip'))
    }
    return answers
  }

  async takeBack(tx: MemoryTransaction, place: InboxPlace, messageIds: readonly string[]): Promise<void> {
    this.#assertOpen()
    assertUsable(tx)
    for (const messageId of messageIds) {
      const key = keyOf(place, messageId)
      const record = this.#records.get(key)
      if (record?.holder === tx) this.#stage(tx, key, record, undefined)
    }
  }

  async find(place: InboxPlace, messageIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    this.#assertOpen()
    const found = new Map<string, number>()
    for (const messageId of messageIds) {
      const record = this.#records.get(keyOf(place, messageId))
      if (record?.holder === undefined && record?.processedAt !== undefined) found.set(messageId, record.processedAt)
    }
    return found
  }

  async forget(place: InboxPlace, messageId: string): Promise<boolean> {
    this.#assertOpen()
    const key = keyOf(place, messageId)
    const record = this.#records.get(key)
    return record !== undefined && record.holder === undefined && this.#records.delete(key)
  }

  async purge(request: InboxPurgeRequest): Promise<number> {
    this.#assertOpen()
    const { olderThanMs, consumer, exceptConsumers, scope, limit, dryRun } = request
    const until = this.#now() - olderThanMs
    const old = [...this.#records]
      .filter(([, { place, holder, processedAt = Infinity }]) => (
        holder === undefined && processedAt <= until && (scope === undefined || place.scope === scope)
        && (consumer === undefined ? !exceptConsumers.includes(place.consumer) : place.consumer === consumer)))
      .slice(0, limit)
    if (!dryRun) for (const [key] of old) this.#records.delete(key)
    return old.length
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  async #recordOne(
    tx: MemoryTransaction, place: InboxPlace, messageId: string, skips: boolean,
  ): Promise<InboxAnswer> {
    const key = keyOf(place, messageId)
    for (;;) {
      this.#assertOpen()
      assertUsable(tx)
      const record = this.#records.get(key) ?? { place, processedAt: undefined, holder: undefined, changes: 0 }
      if (record.holder !== undefined && record.holder !== tx) {
        if (skips) return { kind: 'in_progress' }
        await tx.waitFor(record.holder)
        continue
      }
      if (record.processedAt !== undefined) return { kind: 'processed', processedAt: record.processedAt }
      this.#records.set(key, record)
      this.#stage(tx, key, record, this.#now())
      return { kind: 'new' }
    }
  }

  /** The transaction holds the record from here to its end. */
  #stage(tx: MemoryTransaction, key: string, record: InboxRecord, processedAt: number | undefined): void {
    const before = record.processedAt
    const end = (): void => {
      record.changes -= 1
      if (record.changes > 0) return
      record.holder = undefined
      if (record.processedAt === undefined) this.#records.delete(key)
    }
    tx.stage({
      publish: end,
      // From the last one back, so that the first restores what was there at the beginning.
      discard: () => {
        record.processedAt = before
        end()
      },
    })
    record.holder = tx
    record.changes += 1
    record.processedAt = processedAt
  }

  #assertOpen(): void {
    if (this.#closed) throw new WaybillError('CLOSED', 'the store is closed')
  }
}

function keyOf({ scope, consumer }: InboxPlace, messageId: string): string {
  return JSON.stringify([scope, consumer, messageId])
}
