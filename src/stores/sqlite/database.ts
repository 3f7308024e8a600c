/**
 * One SQLite file, with connections of Waybill's own.
 *
 * SQLite admits one writer at a time, among all connections of all processes. A connection that finds another
 * writing can wait inside SQLite, but that stops the whole Node process: no timer fires, no lease is renewed.
 * So the wait inside is 2 ms, and everything longer happens between attempts, asynchronously, until
 * `busyTimeoutMs` is over; then the call throws TRANSACTION_ABORTED, which is retryable.
 *
 * There are two connections. Writes take turns on one of them, each a transaction begun with BEGIN IMMEDIATE:
 * it either has the lock from its first statement or fails before it did anything, and never finds halfway
 * that another wrote since it read. Reads have the other one, so they wait neither for a turn nor for a
 * writer: in WAL mode a reader sees the last commit. `write` and `read` are synchronous inside; nothing of
 * this process comes between their statements. `transaction` may await, and holds everybody's lock while it
 * does.
 *
 * Durability: a commit survives the death of the process in any case. With `synchronous: 'normal'` the last
 * commits before a power failure or a crash of the operating system may be gone, as if they had not happened;
 * the file stays sound. `full` syncs at each commit, which costs ten times the time of a small one. The
 * setting concerns these connections; what the caller commits follows the caller's own.
 */
import { monotonicMs, pause, systemClock, systemRandom, type Clock } from '../../core/environment.js'
import { isWaybillError, WaybillError } from '../../core/errors.js'
import type { SqlDatabase, SqlExecutor, SqlRow } from '../../core/sql.js'
import { assertDuration } from '../../core/validate.js'
import type { SqliteConnection, SqliteEngine, SqliteQuery } from '../../sql/sqlite-connection.js'
import { toWaybillError } from './errors.js'
import { tableNames, type Tables } from './tables.js'
import { Turns } from './turns.js'

export interface SqliteDatabaseOptions {
  /** The file. Its directory must exist. */
  readonly path: string
  readonly engine: SqliteEngine
  /** Comes before every table's name. Default `waybill_`. */
  readonly prefix?: string | undefined
  /** Default `normal`; what it means for a power failure is said above. */
  readonly synchronous?: 'full' | 'normal' | undefined
  /** How long a call may wait for other writers, in ms. Default 5,000. */
  readonly busyTimeoutMs?: number | undefined
  /** Default: the system's clock. */
  readonly now?: Clock | undefined
}

export interface SqliteReading<T> {
  readonly query: SqliteQuery
  readonly first: T
  /** May be called again. */
  close(): void
}

const WAIT_INSIDE_MS = 2
const MAX_PAUSE_MS = 25

/** @throws CONFIG_INVALID, VALIDATION. The file is opened at the first use. */
export function openSqlite(options: SqliteDatabaseOptions): SqliteDatabase {
  return new SqliteDatabase(options)
}

export class SqliteDatabase implements SqlDatabase {
  readonly prefix: string
  readonly tables: Tables
  readonly now: Clock
  readonly #options: SqliteDatabaseOptions
  readonly #busyTimeoutMs: number
  readonly #turns = new Turns()
  #writer: SqliteConnection | undefined
  #reader: SqliteConnection | undefined
  /** Each closes one. */
  readonly #readings = new Set<() => void>()
  #closed = false

  constructor(options: SqliteDatabaseOptions) {
    refuseMemory(options.path)
    this.prefix = options.prefix ?? 'waybill_'
    this.tables = tableNames(this.prefix)
    this.now = options.now ?? systemClock
    this.#busyTimeoutMs = assertDuration('busyTimeoutMs', options.busyTimeoutMs ?? 5_000)
    this.#options = options
  }

  /** Each statement in a transaction of its own. */
  readonly executor: SqlExecutor = {
    execute: ({ text, params }) => this.write((query) => query(text, ...params)),
  }

  /**
   * All of `work` in one transaction that has the write lock from the start. `work` may run more than once.
   */
  async write<T>(work: (query: SqliteQuery) => T): Promise<T> {
    return this.#inTurn(() => this.#patiently(() => {
      const { query, exec } = this.#openWriter()
      // By exec, because some engines do not reset a prepared statement that another writer stopped.
      exec('begin immediate')
      try {
        const result = work(query)
        query('commit')
        return result
      } catch (error) {
        rollback(query)
        throw error
      }
    }))
  }

  /** All of `work` on one state of the database, which it cannot change. */
  async read<T>(work: (query: SqliteQuery) => T): Promise<T> {
    return this.#patiently(() => {
      const query = this.#openReader().query
      query('begin')
      try {
        return work(query)
      } finally {
        rollback(query)
      }
    })
  }

  /**
   * A connection of its own that goes on seeing what `first` sees, whatever is committed meanwhile, until it is closed.
   * As long as it is open, what is committed stays in the write-ahead log, which grows by it.
   */
  async reading<T>(first: (query: SqliteQuery) => T): Promise<SqliteReading<T>> {
    return this.#patiently(() => {
      const connection = this.#connect((query) => {
        query('pragma query_only = 1')
        query('begin')
      })
      const close = (): void => {
        if (this.#readings.delete(close)) connection.close()
      }
      this.#readings.add(close)
      try {
        return { query: connection.query, first: first(connection.query), close }
      } catch (error) {
        close()
        throw error
      }
    })
  }

  /**
   * Commits when `work` resolves, rolls back when it rejects. Everybody else's writes wait meanwhile, those
   * of this process included: inside `work`, call nothing that writes in another way than through `executor`.
   */
  async transaction<T>(work: (executor: SqlExecutor, handle: unknown) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      const { query, handle } = await this.#patiently(() => {
        const connection = this.#openWriter()
        connection.exec('begin immediate')
        return connection
      })
      let open = true
      const execute = async (text: string, params: Parameters<SqliteQuery>[1][]): Promise<readonly SqlRow[]> => {
        if (!open) throw new WaybillError('NOT_IN_TRANSACTION', 'the transaction has ended')
        return query(text, ...params)
      }
      try {
        const result = await work({ execute: ({ text, params }) => execute(text, [...params]) }, handle)
        query('commit')
        return result
      } catch (error) {
        rollback(query)
        throw error
      } finally {
        open = false
      }
    })
  }

  /**
   * A number that differs whenever another connection, of this process or another, has committed since the
   * last call. Takes microseconds and reads no table, so a relay may ask often.
   */
  async dataVersion(): Promise<number> {
    return this.#patiently(() => Number(this.#openWriter().query('pragma data_version')[0]?.['data_version']))
  }

  /**
   * Calls back within `everyMs` of a commit by another connection, until the signal aborts or this is closed.
   */
  watch(onCommit: () => void, everyMs: number, signal: AbortSignal): void {
    let seen: number | undefined
    const look = async (): Promise<void> => {
      const version = await this.dataVersion()
      if (seen !== undefined && version !== seen && !signal.aborted) onCommit()
      seen = version
    }
    void (async () => {
      while (!signal.aborted && !this.#closed) {
        // A look that fails is made up by the next one, and whoever polls meets the failure itself.
        await look().catch(() => undefined)
        await pause(everyMs, signal)
      }
    })()
  }

  /** Waits for the transaction under way, at most `busyTimeoutMs`. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const closeReading of this.#readings) closeReading()
    const end = await this.#turns.take(this.#busyTimeoutMs).catch(() => undefined)
    this.#writer?.close()
    this.#reader?.close()
    end?.()
  }

  /** @throws CLOSED. */
  assertOpen(): void {
    if (this.#closed) throw new WaybillError('CLOSED', 'the store is closed')
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.assertOpen()
    const end = await this.#turns.take(this.#busyTimeoutMs)
    try {
      return await work()
    } finally {
      end()
    }
  }

  /**
   * Repeats what another writer kept from beginning. The pauses are random, so that waiters do not march in
   * step.
   */
  async #patiently<T>(attempt: () => T): Promise<T> {
    const deadline = monotonicMs() + this.#busyTimeoutMs
    for (let round = 0; ; round += 1) {
      this.assertOpen()
      try {
        return attempt()
      } catch (error) {
        if (!isWaybillError(error, 'TRANSACTION_ABORTED') || monotonicMs() >= deadline) throw error
      }
      await pause(1 + systemRandom() * Math.min(2 ** round, MAX_PAUSE_MS))
    }
  }

  #openWriter(): SqliteConnection {
    return this.#writer ??= this.#connect((query) => {
      query(`pragma synchronous = ${this.#options.synchronous === 'full' ? 'full' : 'normal'}`)
    })
  }

  #openReader(): SqliteConnection {
    return this.#reader ??= this.#connect((query) => {
      query('pragma query_only = 1')
    })
  }

  #connect(configure: (query: SqliteQuery) => void): SqliteConnection {
    const connection = translated(this.#options.engine, this.#options.path)
    try {
      connection.query(`pragma busy_timeout = ${WAIT_INSIDE_MS}`)
      const [mode] = connection.query('pragma journal_mode = wal')
      if (mode?.['journal_mode'] !== 'wal') {
        throw new WaybillError('CONFIG_INVALID',
          'this file cannot be put in WAL mode; is it on a network file system?')
      }
      configure(connection.query)
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  }
}

/** A connection whose failures are Waybill's. */
function translated(engine: SqliteEngine, path: string): SqliteConnection {
  const translate = <T>(call: () => T): T => {
    try {
      return call()
    } catch (error) {
      throw toWaybillError(error)
    }
  }
  const connection = openFile(engine, path)
  return {
    ...connection,
    exec: (script) => translate(() => connection.exec(script)),
    query: (text, ...params) => translate(() => connection.query(text, ...params)),
  }
}

/** Each engine says in its own words that a file cannot be opened. */
function openFile(engine: SqliteEngine, path: string): SqliteConnection {
  try {
    return engine.open(path)
  } catch (cause) {
    if (isWaybillError(cause)) throw cause
    throw new WaybillError('STORE_UNAVAILABLE', `the file ${path} cannot be opened; does its directory exist?`, {
      retryable: true, cause, details: { path },
    })
  }
}

function rollback(query: SqliteQuery): void {
  try {
    query('rollback')
  } catch {
    // There is none to roll back: it failed to begin, or SQLite ended it itself, as on a full disk.
  }
}

/**
 * Each connection to memory is a database of its own: the caller's messages would never reach the store's.
 */
function refuseMemory(path: string): void {
  if (path === '' || path.includes(':memory:') || /^file:.*mode=memory/.test(path)) {
    throw new WaybillError('CONFIG_INVALID', 'the SQLite store needs a file, because every connection to memory is a '
      + 'database of its own; use the memory store instead', { details: { path } })
  }
}
