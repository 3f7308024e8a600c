/**
 * Feeds on SQLite. How they are stored: schema-feeds.ts. How they change in a caller's transaction: feed-commit.ts.
 * They share the file, its connections and its transactions with the outbox.
 *
 * A page is read in one read transaction, so its state and its results are of one moment. A snapshot has a connection
 * of its own for as long as it is read: SQLite's readers see the commit that was the last when they began, and neither
 * wait for writers nor keep them waiting.
 */
import type { SqlExecutor, SyncSqlExecutor } from '../../core/sql.js'
import { MAX_U64, orderedI64 } from '../../core/u64.js'
import type {
  FeedCapabilities, FeedCommit, FeedPage, FeedPageRead, FeedSnapshotRead, FeedsRequest, FeedStore, FeedSummary,
  LiveResults, LiveRow, NewFeed, ResultLog,
} from '../../feeds/contract.js'
import type { FeedState } from '../../feeds/result.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import { SqliteCalls } from './calls.js'
import type { SqliteDatabase, SqliteReading } from './database.js'
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
  readonly #calls: SqliteCalls
  readonly #sql: FeedStatements

  constructor(database: SqliteDatabase) {
    this.#database = database
    this.#calls = new SqliteCalls(database)
    this.#sql = feedStatements(database.tables)
    const ports = {
      sql: this.#sql,
      calls: this.#calls,
    }
    this.log = new SqliteResultLog(ports)
    this.live = new SqliteLiveResults({ ...ports, rows: (feed, pageSize) => this.#readRows(feed, pageSize) })
  }

  async transaction<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
    return this.#calls.transaction(work)
  }

  async open(tx: SqlExecutor, feed: NewFeed): Promise<FeedState> {
    return this.#calls.run(tx, openSteps(this.#sql, feed))
  }

  async commit(tx: SqlExecutor, commit: FeedCommit): Promise<FeedState | undefined> {
    return this.#calls.run(tx, commitSteps(this.#sql, commit))
  }

  async reset(tx: SqlExecutor, feed: NewFeed): Promise<FeedState> {
    return this.#calls.run(tx, resetSteps(this.#sql, feed))
  }

  async delete(tx: SqlExecutor, feed: string): Promise<boolean> {
    return this.#calls.run(tx, deleteSteps(this.#sql, feed))
  }

  /** The same for drivers whose calls return at once. */
  openSync(tx: SyncSqlExecutor, feed: NewFeed): FeedState {
    return this.#calls.runSync(tx, openSteps(this.#sql, feed))
  }

  commitSync(tx: SyncSqlExecutor, commit: FeedCommit): FeedState | undefined {
    return this.#calls.runSync(tx, commitSteps(this.#sql, commit))
  }

  resetSync(tx: SyncSqlExecutor, feed: NewFeed): FeedState {
    return this.#calls.runSync(tx, resetSteps(this.#sql, feed))
  }

  async state(feed: string): Promise<FeedState | undefined> {
    return this.#calls.read((query) => this.#stateOf(query, feed)?.state)
  }

  async page({ feed, after, limit }: FeedPageRead): Promise<FeedPage | undefined> {
    return this.#calls.read((query) => {
      const found = this.#stateOf(query, feed)
      return found && {
        state: found.state, entries: query(this.#sql.results, found.id, orderedI64(after), limit).map(toEntry),
      }
    })
  }

  async snapshot(feed: string, pageSize: number): Promise<FeedSnapshotRead | undefined> {
    this.#calls.assertOpen()
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
    return this.#calls.read((query) => query(this.#sql.list, after, limit)
      .map((row) => ({ ...toState(row), rows: Number(row['row_count']) })))
  }

  /** The file is closed by the outbox. */
  async close(): Promise<void> {
    this.#calls.close()
  }

  async* #readRows(feed: string, pageSize: number): AsyncGenerator<readonly LiveRow[]> {
    this.#calls.assertOpen()
    const reading = await this.#database.reading((query) => query(this.#sql.keyOf, feed)[0]?.['id'])
    // Inside, so that it closes the reading in any case.
    yield* this.#pages(reading, (reading.first ?? 0n) as bigint, pageSize, () => false)
  }

  async* #pages(
    reading: SqliteReading<unknown>, id: bigint, pageSize: number, isEnded: () => boolean,
  ): AsyncGenerator<readonly LiveRow[]> {
    try {
      for (let from = 0n; !isEnded() && from <= MAX_U64;) {
        this.#calls.assertOpen()
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
}
