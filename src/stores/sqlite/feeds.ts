/**
 * Feeds on SQLite. How they are stored: schema-feeds.ts. How they change in a caller's transaction: feed-commit.ts.
 * They share the file, its connections and its transactions with the outbox.
 *
 * A page is read in one read transaction, so its state and its results are of one moment. A snapshot has a connection
 * of its own for as long as it is read: SQLite's readers see the commit that was the last when they began, and neither
 * wait for writers nor keep them waiting.
 */
import { WaybillError } from '../../core/errors.js'
import { runSteps, runStepsSync, type SqlExecutor, type SqlSteps, type SyncSqlExecutor } from '../../core/sql.js'
import { MAX_U64, orderedI64 } from '../../core/u64.js'
import type {
  FeedCapabilities, FeedCommit, FeedPage, FeedPageRead, FeedSnapshotRead, FeedsRequest, FeedStore, FeedSummary,
  LiveResults, LiveRow, NewFeed, ResultLog,
} from '../../feeds/contract.js'
import type { FeedState } from '../../feeds/result.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import type { SqliteDatabase, SqliteReading } from './database.js'
import { toWaybillError } from './errors.js'
import { commitSteps, deleteSteps, openSteps, resetSteps } from './feed-commit.js'
import { SqliteLiveResults, SqliteResultLog } from './feed-parts.js'
import { toEntry, toLiveRow, toState } from './feed-rows.js'
import { feedStatements, type FeedStatements } from './feed-statements.js'

export class SqliteFeedStore implements FeedStore<SqlExecutor> {
  /** Writers come one after another, whatever opens them. */
  readonly capabilities: FeedCapabilities = {
    transactions: true, concurrentTransactions: false, snapshots: 'exact', shared: true, durable: true,
  }

  readonly log: ResultLog<SqlExecutor>
  readonly live: LiveResults<SqlExecutor>
  readonly #database: SqliteDatabase
  readonly #sql: FeedStatements
  #closed = false

  constructor(database: SqliteDatabase) {
    this.#database = database
    this.#sql = feedStatements(database.tables)
    const ports = {
      sql: this.#sql,
      run: <T>(tx: SqlExecutor, steps: SqlSteps<T>) => this.#run(tx, steps),
      read: <T>(work: (query: SqliteQuery) => T) => this.#read(work),
    }
    this.log = new SqliteResultLog(ports)
    this.live = new SqliteLiveResults({ ...ports, rows: (feed, pageSize) => this.#readRows(feed, pageSize) })
  }

  async transaction<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
    this.#assertOpen()
    return this.#database.transaction(work)
  }

  async open(tx: SqlExecutor, feed: NewFeed): Promise<FeedState> {
    return this.#run(tx, openSteps(this.#sql, feed))
  }

  async commit(tx: SqlExecutor, commit: FeedCommit): Promise<FeedState | undefined> {
    return this.#run(tx, commitSteps(this.#sql, commit))
  }

  async reset(tx: SqlExecutor, feed: NewFeed): Promise<FeedState> {
    return this.#run(tx, resetSteps(this.#sql, feed))
  }

  async delete(tx: SqlExecutor, feed: string): Promise<boolean> {
    return this.#run(tx, deleteSteps(this.#sql, feed))
  }

  /** The same for drivers whose calls return at once. */
  openSync(tx: SyncSqlExecutor, feed: NewFeed): FeedState {
    return this.#runSync(tx, openSteps(this.#sql, feed))
  }

  commitSync(tx: SyncSqlExecutor, commit: FeedCommit): FeedState | undefined {
    return this.#runSync(tx, commitSteps(this.#sql, commit))
  }

  resetSync(tx: SyncSqlExecutor, feed: NewFeed): FeedState {
    return this.#runSync(tx, resetSteps(this.#sql, feed))
  }

  async state(feed: string): Promise<FeedState | undefined> {
    return this.#read((query) => this.#stateOf(query, feed)?.state)
  }

  async page({ feed, after, limit }: FeedPageRead): Promise<FeedPage | undefined> {
    return this.#read((query) => {
      const found = this.#stateOf(query, feed)
      return found && {
        state: found.state, entries: query(this.#sql.results, found.id, orderedI64(after), limit).map(toEntry),
      }
    })
  }

  async snapshot(feed: string, pageSize: number): Promise<FeedSnapshotRead | undefined> {
    this.#assertOpen()
    const reading = await this.#database.reading((query) => this.#stateOf(query, feed))
    if (reading.first === undefined) {
      reading.close()
      return undefined
    }
    const { state, id } = reading.first
    let isClosed = false
    const close = async (): Promise<void> => {
      isClosed = true
      reading.close()
    }
    return { state, pages: this.#pages(reading, id, pageSize, () => isClosed), close }
  }

  async list({ after, limit }: FeedsRequest): Promise<readonly FeedSummary[]> {
    return this.#read((query) => query(this.#sql.list, after, limit)
      .map((row) => ({ ...toState(row), rows: Number(row['row_count']) })))
  }

  /** The file is closed by the outbox. */
  async close(): Promise<void> {
    this.#closed = true
  }

  async* #readRows(feed: string, pageSize: number): AsyncGenerator<readonly LiveRow[]> {
    this.#assertOpen()
    const reading = await this.#database.reading((query) => query(this.#sql.keyOf, feed)[0]?.['id'])
    // Inside, so that it closes the reading in any case.
    yield* this.#pages(reading, (reading.first ?? 0n) as bigint, pageSize, () => false)
  }

  async* #pages(
    reading: SqliteReading<unknown>, id: bigint, pageSize: number, isEnded: () => boolean,
  ): AsyncGenerator<readonly LiveRow[]> {
    try {
      for (let from = 0n; !isEnded() && from <= MAX_U64;) {
        this.#assertOpen()
        const page = reading.query(this.#sql.rowsFrom, id, orderedI64(from), pageSize).map(toLiveRow)
        const last = page.at(-1)
        if (last === undefined) return
        yield page
        if (page.length < pageSize) return
        from = last.signature + 1n
      }
    } finally {
      reading.close()
    }
  }

  #stateOf(query: SqliteQuery, feed: string): { readonly id: bigint; readonly state: FeedState } | undefined {
    const [row] = query(this.#sql.state, feed)
    return row && { id: row['id'] as bigint, state: toState(row) }
  }

  async #run<T>(tx: SqlExecutor, steps: SqlSteps<T>): Promise<T> {
    this.#assertOpen()
    try {
      return await runSteps(tx, steps)
    } catch (error) {
      throw toWaybillError(error)
    }
  }

  #runSync<T>(tx: SyncSqlExecutor, steps: SqlSteps<T>): T {
    this.#assertOpen()
    try {
      return runStepsSync(tx, steps)
    } catch (error) {
      throw toWaybillError(error)
    }
  }

  async #read<T>(work: (query: SqliteQuery) => T): Promise<T> {
    this.#assertOpen()
    return this.#database.read(work)
  }

  #assertOpen(): void {
    if (this.#closed) throw new WaybillError('CLOSED', 'the store is closed')
    this.#database.assertOpen()
  }
}
