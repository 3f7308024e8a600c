/** `waybill/postgres`: the store on PostgreSQL 13 and later, through `pg` or `postgres`. */
import { createRequire } from 'node:module'
import type { Clock } from './core/environment.js'
import { WaybillError } from './core/errors.js'
import { DEFAULT_RETAIN_DELIVERED_MS } from './core/limits.js'
import type { Driver, SqlDatabase, SqlExecutor } from './core/sql.js'
import { assertDuration, assertName } from './core/validate.js'
import { pgDatabase, pgDriver, type PgClient, type PgPool } from './drivers/pg.js'
import {
  postgresJsDatabase, postgresJsDriver, type PostgresJsSql, type PostgresJsTransaction,
} from './drivers/postgres-js.js'
import { FencedOffsets } from './journal/fenced-offsets.js'
import type { Store } from './store.js'
import { PostgresCheckpointStore } from './stores/postgres/checkpoints.js'
import { diagnosePostgres } from './stores/postgres/diagnosis.js'
import { PostgresHeapStore } from './stores/postgres/dlq-heaps.js'
import { PostgresFeedStore } from './stores/postgres/feeds.js'
import { PostgresInboxStore } from './stores/postgres/inbox.js'
import { PostgresJournalStore } from './stores/postgres/journal.js'
import { PostgresOffsets } from './stores/postgres/offsets.js'
import { PostgresOutboxStore } from './stores/postgres/outbox.js'
import { PostgresProgressStore } from './stores/postgres/progress.js'
import { migrationSql } from './stores/postgres/schema.js'

export interface PostgresOptions {
  /** Where the tables live; made by `migrate`. Default `waybill`; at most 63 bytes. */
  readonly schema?: string
  /** How long delivered messages stay listed. Default one day; 0 deletes at ack. */
  readonly retainDeliveredMs?: number
  /** Prepare statements by name. Default true; false behind a transaction-mode pooler that loses them. */
  readonly prepare?: boolean
  /** Replaces the database's clock, for tests. */
  readonly now?: Clock
}

/**
 * A store over your `pg` pool (its transactions are what `enqueue` takes), over your postgres.js `sql`, or
 * over a URL, for which Waybill opens a `pg` pool of its own. What you hand in stays yours to close.
 * @example
 * const waybill = createWaybill({ store: postgres({ pool: new pg.Pool() }) })
 */
export function postgres(options: PostgresOptions & { readonly pool: PgPool }): Store<PgClient, SqlExecutor>
export function postgres(options: PostgresOptions & { readonly sql: PostgresJsSql }):
Store<PostgresJsTransaction, SqlExecutor>
export function postgres(options: PostgresOptions & { readonly url: string }): Store<PgClient, SqlExecutor>
export function postgres(
  options: PostgresOptions & { pool?: PgPool; sql?: PostgresJsSql; url?: string },
): Store<never, SqlExecutor> | Store<PgClient, SqlExecutor> | Store<PostgresJsTransaction, SqlExecutor> {
  const prepare = options.prepare ?? true
  if (options.sql !== undefined) {
    const database = postgresJsDatabase(options.sql, { prepare, owned: false })
    return createStore(database, postgresJsDriver({ prepare }), options)
  }
  if (options.pool !== undefined) {
    return createStore(pgDatabase(options.pool, { prepare, owned: false }), pgDriver({ prepare }), options)
  }
  if (options.url !== undefined) {
    return createStore(pgDatabase(openPool(options.url), { prepare, owned: true }), pgDriver({ prepare }), options)
  }
  throw new WaybillError('CONFIG_INVALID', 'postgres() needs a pool, a sql instance or a url')
}

function createStore<Handle extends object>(
  database: SqlDatabase, driver: Driver<Handle>, options: PostgresOptions,
): Store<Handle, SqlExecutor> {
  const schema = assertName('schema', options.schema ?? 'waybill', 63)
  const retainDeliveredMs = assertDuration(
    'retainDeliveredMs', options.retainDeliveredMs ?? DEFAULT_RETAIN_DELIVERED_MS)
  const outbox = new PostgresOutboxStore(database, { schema, retainDeliveredMs, now: options.now })
  const journal = new PostgresJournalStore(database, { schema, now: options.now })
  const progress = new PostgresProgressStore(database, { schema, now: options.now })
  const offsets = new PostgresOffsets(database, { schema })
  const feeds = new PostgresFeedStore(database, { schema })
  const checkpoints = new PostgresCheckpointStore(database, { schema, now: options.now })
  const heaps = new PostgresHeapStore(database, { schema, now: options.now })
  const inbox = new PostgresInboxStore(database, { schema, now: options.now })
  return {
    name: 'postgres',
    dialect: 'postgres',
    outbox,
    retainDeliveredMs,
    journal,
    progress,
    feeds,
    checkpoints,
    heaps,
    inbox,
    savedOffsets: offsets,
    offsets: (name) => new FencedOffsets(name, offsets.ledger(name)),
    bind: (handle) => outbox.begun.executorOf(handle) ?? driver.executor(handle),
    transaction: (work) => outbox.runTransaction((handle) => work(handle as Handle)),
    migrate: (lanes) => outbox.migrate(lanes),
    migrationSql: () => migrationSql(schema),
    notify: (topic) => outbox.notify(topic),
    listen: (onTopic, signal) => outbox.listen(onTopic, signal),
    diagnose: () => diagnosePostgres(database, { schema }),
    close: async () => {
      await feeds.close()
      await checkpoints.close()
      await heaps.close()
      await inbox.close()
      await offsets.close()
      await journal.close()
      await progress.close()
      await outbox.close()
    },
  }
}

interface PgModule {
  Pool: new (config: Record<string, unknown>) => PgPool & { on(event: 'error', listener: () => void): unknown }
}

function openPool(url: string): PgPool {
  let pg: PgModule
  try {
    pg = createRequire(import.meta.url)('pg') as PgModule
  } catch (cause) {
    throw new WaybillError('DRIVER_MISSING', 'postgres({ url }) needs the pg package: npm install pg', { cause })
  }
  // keepAlive and a query timeout: without them a half-open connection is waited for without end.
  const pool = new pg.Pool({
    connectionString: url, max: 10, keepAlive: true, query_timeout: 60_000, connectionTimeoutMillis: 10_000,
    application_name: 'waybill',
  })
  // An idle client that fails is replaced by the pool; unheard, the event would end the process.
  pool.on('error', () => undefined)
  return pool
}
