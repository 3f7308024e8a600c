/** `waybill/memory`: the store in this process's memory, for tests and for trying things out. */
import type { Clock } from './core/environment.js'
import { DEFAULT_RETAIN_DELIVERED_MS } from './core/limits.js'
import { assertDuration } from './core/validate.js'
import type { ReservationProvider } from './outbox/reservation.js'
import type { Store } from './store.js'
import { MemoryCheckpointStore } from './stores/memory/checkpoints.js'
import { MemoryHeapStore } from './stores/memory/dlq-heaps.js'
import { MemoryFeedStore } from './stores/memory/feeds.js'
import { MemoryInboxStore } from './stores/memory/inbox.js'
import { MemoryJournalStore } from './stores/memory/journal.js'
import { MemoryOffsets, MemoryOffsetStore, SharedOffsets } from './stores/memory/offsets.js'
import { MemoryOutboxStore } from './stores/memory/outbox.js'
import { MemoryProgressStore } from './stores/memory/progress.js'
import { MemoryReservations } from './stores/memory/reservations.js'
import type { MemoryTransaction } from './stores/memory/transaction.js'

export { MemoryOffsetStore, SharedOffsets, type MemoryTransaction }

export interface MemoryOptions {
  /** How long delivered messages stay listed. Default one day; 0 deletes at ack. */
  readonly retainDeliveredMs?: number
  /** Replaces the system clock, for tests. */
  readonly now?: Clock
}

/** Nothing survives the process; everything else behaves as on a database. */
export function memory(options: MemoryOptions = {}): Store<MemoryTransaction, MemoryTransaction> {
  const clock = options.now === undefined ? {} : { now: options.now }
  const retainDeliveredMs = assertDuration(
    'retainDeliveredMs', options.retainDeliveredMs ?? DEFAULT_RETAIN_DELIVERED_MS)
  const outbox = new MemoryOutboxStore({ retainDeliveredMs, ...clock })
  const journal = new MemoryJournalStore(outbox, clock)
  const progress = new MemoryProgressStore(clock)
  const checkpoints = new MemoryCheckpointStore(clock)
  const heaps = new MemoryHeapStore(clock)
  const offsets = new MemoryOffsets()
  const feeds = new MemoryFeedStore(outbox)
  const inbox = new MemoryInboxStore(outbox, clock)
  return {
    name: 'memory',
    dialect: 'memory',
    outbox,
    retainDeliveredMs,
    journal,
    progress,
    checkpoints,
    heaps,
    offsets: (name) => offsets.open(name),
    savedOffsets: offsets,
    feeds,
    inbox,
    bind: (handle) => handle,
    transaction: (work) => outbox.transaction(work),
    migrate: (lanes) => outbox.migrate(lanes),
    migrationSql: () => '',
    close: async () => {
      offsets.close()
      await feeds.close()
      await inbox.close()
      await journal.close()
      await progress.close()
      await checkpoints.close()
      await heaps.close()
      await outbox.close()
    },
  }
}

/** Reservations of dedupe keys for one process: for tests, and across several databases of one application. */
export function memoryReservations(options: { readonly now?: Clock } = {}): ReservationProvider {
  return new MemoryReservations(options)
}
