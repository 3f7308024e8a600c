/** `waybill/sqlite`: the store on a SQLite file, the embedded default. */
import type { Clock } from './core/environment.js'
import { DEFAULT_RETAIN_DELIVERED_MS } from './core/limits.js'
import type { SqlExecutor } from './core/sql.js'
import { assertDuration } from './core/validate.js'
import { sqliteDriver, sqliteEngine, type SqliteEngineName, type SqliteHandle } from './drivers/sqlite.js'
import { FencedOffsets } from './journal/fenced-offsets.js'
import type { Store, SyncStore } from './store.js'
import { SqliteCheckpointStore } from './stores/sqlite/checkpoints.js'
import { openSqlite } from './stores/sqlite/database.js'
import { diagnoseSqlite } from './stores/sqlite/diagnosis.js'
import { SqliteHeapStore } from './stores/sqlite/dlq-heaps.js'
import { SqliteFeedStore } from './stores/sqlite/feeds.js'
import { SqliteInboxStore } from './stores/sqlite/inbox.js'
import { SqliteJournalStore } from './stores/sqlite/journal.js'
import { SqliteOffsetLedger, SqliteSavedOffsets } from './stores/sqlite/offsets.js'
import { SqliteOutboxStore } from './stores/sqlite/outbox.js'
import { SqliteProgressStore } from './stores/sqlite/progress.js'

export { sqliteDriver, type SqliteEngineName, type SqliteHandle }

export interface SqliteOptions {
  /** The file. Its directory must exist; several processes may use it at once. */
  readonly path: string
  /** Which SQLite. Default the first there is: node:sqlite (Node 22.13 and later), libsql, better-sqlite3. */
  readonly engine?: SqliteEngineName
  /** Comes before every table's name. Default `waybill_`. */
  readonly prefix?: string
  /** `full` survives a power failure at the price of a sync per commit. Default `normal`. */
  readonly synchronous?: 'full' | 'normal'
  /** How long a call may wait for other writers. Default 5,000 ms. */
  readonly busyTimeoutMs?: number
  /** How long delivered messages stay listed. Default one day; 0 deletes at ack. */
  readonly retainDeliveredMs?: number
  /** How often a relay looks whether another process has committed. Default 20 ms; it reads no table. */
  readonly watchEveryMs?: number
  /** Replaces the system clock, for tests. */
  readonly now?: Clock
}

/** Its transactions return at once: `enqueueSync`, `appendSync`, `commitSync` and `processSync` work inside them. */
export type SqliteStore = Store<SqliteHandle, SqlExecutor> & { readonly sync: SyncStore<SqliteHandle> }

/**
 * @example
 * const waybill = createWaybill({ store: sqlite({ path: 'shop.db' }) })
 * @throws DRIVER_MISSING naming the command that installs an engine; CONFIG_INVALID for `:memory:`.
 */
export function sqlite(options: SqliteOptions): SqliteStore {
  const { path, prefix, synchronous, busyTimeoutMs, now } = options
  const engine = sqliteEngine(options.engine)
  const database = openSqlite({ path, engine, prefix, synchronous, busyTimeoutMs, now })
  const watchEveryMs = assertDuration('watchEveryMs', options.watchEveryMs ?? 20, 1, 60_000)
  const driver = sqliteDriver()
  const retainDeliveredMs = assertDuration(
    'retainDeliveredMs', options.retainDeliveredMs ?? DEFAULT_RETAIN_DELIVERED_MS)
  const outbox = new SqliteOutboxStore(database, { retainDeliveredMs })
  const journal = new SqliteJournalStore(database)
  const progress = new SqliteProgressStore(database)
  const feeds = new SqliteFeedStore(database)
  const checkpoints = new SqliteCheckpointStore(database)
  const heaps = new SqliteHeapStore(database)
  const inbox = new SqliteInboxStore(database)
  return {
    name: 'sqlite',
    dialect: 'sqlite',
    outbox,
    retainDeliveredMs,
    journal,
    progress,
    checkpoints,
    heaps,
    inbox,
    savedOffsets: new SqliteSavedOffsets(database),
    offsets: (name) => new FencedOffsets(name, new SqliteOffsetLedger(database, name)),
    feeds,
    bind: (handle) => outbox.begun.executorOf(handle) ?? driver.executor(handle),
    sync: {
      bind: (handle) => driver.executorSync(handle),
      enqueueMany: (tx, messages) => outbox.enqueueManySync(tx, messages),
      append: (tx, batch) => journal.appendSync(tx, batch),
      feeds: {
        open: (tx, feed) => feeds.openSync(tx, feed),
        commit: (tx, commit) => feeds.commitSync(tx, commit),
        reset: (tx, feed) => feeds.resetSync(tx, feed),
      },
      inbox: inbox.sync,
    },
    transaction: (work) => outbox.runTransaction((handle) => work(handle as SqliteHandle)),
    migrate: (lanes) => outbox.migrate(lanes),
    migrationSql: () => outbox.migratePrint(),
    listen: (onTopic, signal) => database.watch(() => onTopic(''), watchEveryMs, signal),
    diagnose: () => diagnoseSqlite({ path, engine, prefix: database.prefix }),
    close: async () => {
      await journal.close()
      await progress.close()
      await feeds.close()
      await checkpoints.close()
      await heaps.close()
      await inbox.close()
      await outbox.close()
    },
  }
}
