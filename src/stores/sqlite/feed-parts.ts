/** The result log and the live results by themselves, on the tables of the feeds. */
import type { SqlExecutor, SqlSteps } from '../../core/sql.js'
import { fromOrderedI64, orderedI64 } from '../../core/u64.js'
import type { LiveResults, LiveRow, LogEntry, ResultLog, RowMutation } from '../../feeds/contract.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import type { SqliteCalls } from './calls.js'
import { keySteps, mutateSteps } from './feed-commit.js'
import { toEntry } from './feed-rows.js'
import type { FeedStatements } from './feed-statements.js'

interface PartPorts {
  readonly sql: FeedStatements
  readonly calls: SqliteCalls
}

interface RowsPorts extends PartPorts {
  readonly rows: (feed: string, pageSize: number) => AsyncIterable<readonly LiveRow[]>
}

export class SqliteResultLog implements ResultLog<SqlExecutor> {
  readonly #ports: PartPorts

  constructor(ports: PartPorts) {
    this.#ports = ports
  }

  async append(tx: SqlExecutor, feed: string, sequence: bigint, data: Uint8Array): Promise<void> {
    const { sql, calls } = this.#ports
    await calls.run(tx, (function* (): SqlSteps<void> {
      const id = yield* keySteps(sql, feed)
      yield { text: sql.putResults.get(1) ?? '', params: [id, orderedI64(sequence), data] }
    })())
  }

  async readFrom(feed: string, after: bigint, limit: number): Promise<readonly LogEntry[]> {
    const { sql, calls } = this.#ports
    return calls.read((query) => query(sql.results, idOf(query, sql, feed), orderedI64(after), limit).map(toEntry))
  }

  async readLatestSequence(feed: string): Promise<bigint | undefined> {
    const { sql, calls } = this.#ports
    return calls.read((query) => {
      const last = query(sql.lastResult, idOf(query, sql, feed))[0]?.['last'] as bigint | null | undefined
      return last == null ? undefined : fromOrderedI64(last)
    })
  }

  async clear(tx: SqlExecutor, feed: string): Promise<void> {
    const { sql, calls } = this.#ports
    await calls.run(tx, ofKey(sql, feed, function* (id) {
      yield { text: sql.clearResults, params: [id] }
    }))
  }

  async trimToCapacity(tx: SqlExecutor, feed: string, capacity: number): Promise<number> {
    const { sql, calls } = this.#ports
    return await calls.run(tx, ofKey(sql, feed, function* (id) {
      const [row] = yield { text: sql.countResults, params: [id] }
      const count = Number(row?.['count']) - capacity
      if (count <= 0) return 0
      yield { text: sql.dropResults, params: [id, count] }
      return count
    })) ?? 0
  }
}

export class SqliteLiveResults implements LiveResults<SqlExecutor> {
  readonly #ports: RowsPorts

  constructor(ports: RowsPorts) {
    this.#ports = ports
  }

  async applyMutations(tx: SqlExecutor, feed: string, mutations: readonly RowMutation[]): Promise<void> {
    const { sql, calls } = this.#ports
    const last = new Map(mutations.map((mutation) => [mutation.signature, mutation]))
    await calls.run(tx, (function* (): SqlSteps<void> {
      yield* mutateSteps(sql, yield* keySteps(sql, feed), [...last.values()])
    })())
  }

  readSnapshot(feed: string, pageSize: number): AsyncIterable<readonly LiveRow[]> {
    return this.#ports.rows(feed, pageSize)
  }

  async clear(tx: SqlExecutor, feed: string): Promise<void> {
    const { sql, calls } = this.#ports
    await calls.run(tx, ofKey(sql, feed, function* (id) {
      yield { text: sql.clearRows, params: [id] }
    }))
  }

  async rowCount(feed: string): Promise<number> {
    const { sql, calls } = this.#ports
    return calls.read((query) => Number(query(sql.countRows, idOf(query, sql, feed))[0]?.['count']))
  }
}

/** Nothing, where nothing is kept under the key. */
function* ofKey<T>(sql: FeedStatements, feed: string, steps: (id: bigint) => SqlSteps<T>): SqlSteps<T | undefined> {
  const [row] = yield { text: sql.keyOf, params: [feed] }
  return row === undefined ? undefined : yield* steps(row['id'] as bigint)
}

/** 0, which is nobody's, where nothing is kept under the key. */
function idOf(query: SqliteQuery, sql: FeedStatements, feed: string): bigint {
  return (query(sql.keyOf, feed)[0]?.['id'] ?? 0n) as bigint
}
