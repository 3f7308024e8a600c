/** What a store asks of its file, on the file's own connections or in a caller's transaction, until it is closed. */
import { WaybillError } from '../../core/errors.js'
import { runSteps, runStepsSync, type SqlExecutor, type SqlSteps, type SyncSqlExecutor } from '../../core/sql.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import type { SqliteDatabase } from './database.js'
import { toWaybillError } from './errors.js'

/** Every method throws CLOSED once the store or the file is. */
export class SqliteCalls {
  readonly #database: SqliteDatabase
  #closed = false

  constructor(database: SqliteDatabase) {
    this.#database = database
  }

  async read<T>(work: (query: SqliteQuery, now: number) => T): Promise<T> {
    this.assertOpen()
    return this.#database.read((query) => work(query, this.#database.now()))
  }

  async write<T>(work: (query: SqliteQuery, now: number) => T): Promise<T> {
    this.assertOpen()
    return this.#database.write((query) => work(query, this.#database.now()))
  }

  async transaction<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
    this.assertOpen()
    return this.#database.transaction(work)
  }

  async run<T>(tx: SqlExecutor, steps: SqlSteps<T>): Promise<T> {
    this.assertOpen()
    try {
      return await runSteps(tx, steps)
    } catch (error) {
      throw toWaybillError(error)
    }
  }

  runSync<T>(tx: SyncSqlExecutor, steps: SqlSteps<T>): T {
    this.assertOpen()
    try {
      return runStepsSync(tx, steps)
    } catch (error) {
      throw toWaybillError(error)
    }
  }

  /** The file is closed by the outbox. */
  close(): void {
    this.#closed = true
  }

  assertOpen(): void {
    if (this.#closed) throw new WaybillError('CLOSED', 'the store is closed')
    this.#database.assertOpen()
  }
}
