/**
 * Feeds on PostgreSQL 13 and later. How they are stored: schema-feeds.ts.
 *
 * A commit is one statement, and it begins with the row of the feed. Who else commits waits there for the end of the
 * first one's transaction, and goes on with the row as that left it: so numbers follow each other, whoever commits. But
 * all else that a statement under READ COMMITTED looks up, it sees as of its own beginning, which is before the wait:
 *
 *     a: commit 41 · row 7 put ─── open ─── committed
 *     b:        commit begins ── waits ─────────► number 42, from the row that a left. Result 41 and row 7: unseen
 *
 * What it puts is right all the same: under new numbers there is nothing, and `on conflict` finds what is committed
 * whether the statement sees it or not. What it deletes is not: it would pass over result 41, which leaves at once when
 * the ring is small, or over row 7, and they would stay. So the row of a feed has a version, which every commit raises.
 * Where that is more than one above what the statement saw when it began, it has deleted nothing, and a second one,
 * which begins when the row is held and so sees what all before have committed, makes up for it. Only who waited pays
 * for it.
 *
 * The other form, to lock first and write then, costs everybody a second round trip.
 *
 * At stricter isolations nothing is unseen that could be waited for: the database aborts who waited. So the store's own
 * transactions are under READ COMMITTED, whatever the connections' default is.
 *
 * `reset`, `delete` and the making of a feed hold its row, too, before they empty the rest by a statement of its own.
 */
import { WaybillError } from '../../core/errors.js'
import type { SqlDatabase, SqlExecutor, SqlRow, SqlStatement } from '../../core/sql.js'
import { clampToAssigned, orderedI64 } from '../../core/u64.js'
import type {
  FeedCapabilities, FeedCommit, FeedPage, FeedPageRead, FeedsRequest, FeedSnapshotRead, FeedStore, FeedSummary, NewFeed,
} from '../../feeds/contract.js'
import type { FeedState } from '../../feeds/result.js'
import { feedExhausted } from '../../feeds/ring.js'
import { DatabaseCalls } from './calls.js'
import { translatedDatabase, translatedExecutor } from './database.js'
import { PostgresLiveResults, PostgresResultLog } from './feed-log.js'
import { commitParams, isExhausted, toEntry, toState, toStateIfAny } from './feed-rows.js'
import { PostgresFeedSnapshot } from './feed-snapshot.js'
import { feedStatements, type FeedStatements } from './feed-statements.js'
import { toBigInt } from './row-values.js'

/** A feed that is made and deleted as often as this while it is opened is being fought over. */
const MAX_ROUNDS = 3

export class PostgresFeedStore implements FeedStore<SqlExecutor> {
  readonly capabilities: FeedCapabilities = {
    transactions: true, concurrentTransactions: true, snapshots: 'exact', shared: true, durable: true,
  }
  readonly log: PostgresResultLog
  readonly live: PostgresLiveResults
  readonly #database: SqlDatabase
  readonly #sql: FeedStatements
  readonly #calls: DatabaseCalls
  /** What is open holds a connection, so it is ended with the store. */
  readonly #snapshots = new Set<PostgresFeedSnapshot>()

  constructor(database: SqlDatabase, { schema }: { readonly schema: string }) {
    this.#database = translatedDatabase(database)
    this.#calls = new DatabaseCalls(this.#database)
    this.#sql = feedStatements(schema)
    const ports = {
      database: this.#database, sql: this.#sql, calls: this.#calls,
      openSnapshot: (feed: string, pageSize: number) => this.#openSnapshot(feed, pageSize),
    }
    this.log = new PostgresResultLog(ports)
    this.live = new PostgresLiveResults(ports)
  }

  async transaction<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
    return this.#calls.transaction(work)
  }

  async open(tx: SqlExecutor, { feed, incarnation, configHash, capacity }: NewFeed): Promise<FeedState> {
    return this.#run(tx, async (execute) => {
      for (let round = 0; round < MAX_ROUNDS; round += 1) {
        const [made] = await execute(this.#sql.make([feed, incarnation, configHash, capacity]))
        if (made !== undefined) {
          // A log or rows may have been there on their own.
          await execute(this.#sql.clearAll([feed]))
          return toState(made)
        }
        const [found] = await execute(this.#sql.state([feed]))
        if (found !== undefined) return toState(found)
        // Made by another and deleted by a third, between the two statements.
      }
      throw deleted(feed)
    })
  }

  async commit(tx: SqlExecutor, commit: FeedCommit): Promise<FeedState | undefined> {
    const { feed } = commit
    return this.#run(tx, async (execute) => {
      const params = commitParams(commit)
      const [row] = await execute(this.#sql.commit(params))
      if (row === undefined) return this.#refused(commit, await execute(this.#sql.state([feed])))
      const state = toState(row)
      if (row['is_current'] !== true) {
        await execute(this.#sql.sweep([feed, toBigInt(row['seen_first']), state.first, params.at(-1) ?? null]))
      }
      return state
    })
  }

  async state(feed: string): Promise<FeedState | undefined> {
    return toStateIfAny((await this.#calls.ask(this.#sql.state([feed])))[0])
  }

  async page({ feed, after, limit }: FeedPageRead): Promise<FeedPage | undefined> {
    const [first, ...entries] = await this.#calls.ask(this.#sql.page([feed, orderedI64(clampToAssigned(after)), limit]))
    const state = toStateIfAny(first)
    return state && { state, entries: entries.map(toEntry) }
  }

  async snapshot(feed: string, pageSize: number): Promise<FeedSnapshotRead | undefined> {
    const snapshot = await this.#openSnapshot(feed, pageSize)
    const { state, pages } = snapshot
    if (state !== undefined) return { state, pages, close: () => snapshot.close() }
    await snapshot.close()
    return undefined
  }

  async reset(tx: SqlExecutor, { feed, incarnation, configHash, capacity }: NewFeed): Promise<FeedState> {
    return this.#run(tx, async (execute) => {
      const params = [feed, incarnation, configHash, capacity]
      let [row] = await execute(this.#sql.renew(params))
      // Two that make it at once: the second waits here, and renews what the first has made.
      if (row === undefined) [row] = await execute(this.#sql.make(params))
      if (row === undefined) [row] = await execute(this.#sql.renew(params))
      if (row === undefined) throw deleted(feed)
      await execute(this.#sql.clearAll([feed]))
      return toState(row)
    })
  }

  async delete(tx: SqlExecutor, feed: string): Promise<boolean> {
    return this.#run(tx, async (execute) => {
      const [row] = await execute(this.#sql.remove([feed]))
      if (row !== undefined) await execute(this.#sql.clearAll([feed]))
      return row !== undefined
    })
  }

  async list({ after, limit }: FeedsRequest): Promise<readonly FeedSummary[]> {
    return (await this.#calls.ask(this.#sql.list([after, limit]))).map((row) => (
      { ...toState(row), rows: Number(row['row_count']) }))
  }

  /** The connections are closed by the outbox. */
  async close(): Promise<void> {
    const closed = this.#calls.close()
    for (const snapshot of this.#snapshots) await snapshot.close()
    await closed
  }

  /** @throws RANGE_EXHAUSTED. */
  #refused(commit: FeedCommit, [row]: readonly SqlRow[]): undefined {
    const state = toStateIfAny(row)
    if (state === undefined || state.configHash !== commit.configHash || !isExhausted(state, commit)) return
    throw feedExhausted(commit.feed)
  }

  async #openSnapshot(feed: string, pageSize: number): Promise<PostgresFeedSnapshot> {
    const snapshot = await this.#calls.run(() => (
      PostgresFeedSnapshot.open(this.#database, { sql: this.#sql, feed, pageSize })))
    this.#snapshots.add(snapshot)
    void snapshot.ended.then(() => this.#snapshots.delete(snapshot))
    if (this.#calls.isClosed) await snapshot.close()
    return snapshot
  }

  #run<T>(
    tx: SqlExecutor, work: (execute: (statement: SqlStatement) => Promise<readonly SqlRow[]>) => Promise<T>,
  ): Promise<T> {
    const executor = translatedExecutor(tx)
    return this.#calls.run(() => work((statement) => executor.execute(statement)))
  }
}

function deleted(feed: string): WaybillError {
  return new WaybillError('TRANSACTION_ABORTED', 'the feed was deleted while it was made', {
    retryable: true, details: { feed },
  })
}
