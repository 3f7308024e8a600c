/**
 * The port between SQL that Waybill writes and whatever runs it: a driver, an
 * ORM's transaction, or a store's own connection.
 */

export type SqlValue = string | number | bigint | boolean | null | Uint8Array

export interface SqlStatement {
  /** One statement. PostgreSQL text uses `$1…`, SQLite text uses `?1…`. */
  readonly text: string
  readonly params: readonly SqlValue[]
  /** A stable name, so that drivers which can prepare do so once per connection. */
  readonly name?: string
}

export type SqlRow = Readonly<Record<string, unknown>>

/** Runs statements inside one transaction (or, on a store's own connection, each in its own). */
export interface SqlExecutor {
  execute(statement: SqlStatement): Promise<readonly SqlRow[]>
}

/** The same for drivers whose calls return at once (better-sqlite3, node:sqlite, libsql). */
export interface SyncSqlExecutor {
  executeSync(statement: SqlStatement): readonly SqlRow[]
}

/**
 * A procedure that yields statements and receives their rows. Written once, it runs on
 * asynchronous and on synchronous drivers alike.
 */
export type SqlSteps<T> = Generator<SqlStatement, T, readonly SqlRow[]>

export async function runSteps<T>(executor: SqlExecutor, steps: SqlSteps<T>): Promise<T> {
  let next = steps.next()
  while (next.done !== true) next = steps.next(await executor.execute(next.value))
  return next.value
}

export function runStepsSync<T>(executor: SyncSqlExecutor, steps: SqlSteps<T>): T {
  let next = steps.next()
  while (next.done !== true) next = steps.next(executor.executeSync(next.value))
  return next.value
}

/**
 * How a user's transaction handle becomes an executor. `Handle` is the type that
 * `enqueue(tx, …)` then takes.
 */
export interface Driver<Handle> {
  readonly name: string
  /** The SQL dialects this driver can carry. */
  readonly dialects: readonly ('postgres' | 'sqlite')[]
  /** @throws NOT_IN_TRANSACTION when it can tell, without a round trip, that no transaction is open. */
  executor(handle: Handle): SqlExecutor
  /** Present on drivers whose transactions are synchronous. */
  executorSync?(handle: Handle): SyncSqlExecutor
}

/** A driver whose transactions are synchronous: `enqueueSync` works inside them. */
export interface SyncDriver<Handle> extends Driver<Handle> {
  executorSync(handle: Handle): SyncSqlExecutor
}

/** A pool or file that a store opens for its own work. */
export interface SqlDatabase {
  /** Each statement in its own transaction. */
  readonly executor: SqlExecutor
  /** Commits when `work` resolves, rolls back when it rejects. `handle` is the client's own transaction. */
  transaction<T>(work: (executor: SqlExecutor, handle: unknown) => Promise<T>): Promise<T>
  /** One connection for several statements, each in a transaction of its own. Absent where none can be lent. */
  session?<T>(work: (executor: SqlExecutor) => Promise<T>): Promise<T>
  /**
   * Calls back for each notification until the signal aborts, reconnecting by itself.
   * Absent where the database cannot notify.
   */
  listen?(channel: string, onNotify: (payload: string) => void, signal: AbortSignal): void
  /** Ends connections this object opened itself; a pool that was handed in stays open. */
  close(): Promise<void>
}
