/** The two halves of a feed on their own: a log and rows under numbers that the caller gives. */
import type { SqlDatabase, SqlExecutor, SqlRow, SqlStatement } from '../../core/sql.js'
import { orderedI64 } from '../../core/u64.js'
import type { LiveResults, LiveRow, LogEntry, ResultLog, RowMutation } from '../../feeds/contract.js'
import type { Calls } from './calls.js'
import { translatedExecutor } from './database.js'
import { mutationColumns, toEntry } from './feed-rows.js'
import type { PostgresFeedSnapshot } from './feed-snapshot.js'
import type { FeedStatements } from './feed-statements.js'

export interface FeedHalfPorts {
  readonly database: SqlDatabase
  readonly sql: FeedStatements
  readonly calls: Calls
  openSnapshot(feed: string, pageSize: number): Promise<PostgresFeedSnapshot>
}

abstract class FeedHalf {
  protected readonly ports: FeedHalfPorts

  constructor(ports: FeedHalfPorts) {
    this.ports = ports
  }

  protected ask(statement: SqlStatement): Promise<readonly SqlRow[]> {
    return this.ports.calls.run(() => this.ports.database.executor.execute(statement))
  }

  protected run(tx: SqlExecutor, statement: SqlStatement): Promise<readonly SqlRow[]> {
    return this.ports.calls.run(() => translatedExecutor(tx).execute(statement))
  }
}

export class PostgresResultLog extends FeedHalf implements ResultLog<SqlExecutor> {
  async append(tx: SqlExecutor, feed: string, sequence: bigint, data: Uint8Array): Promise<void> {
    await this.run(tx, this.ports.sql.append([feed, orderedI64(sequence), data]))
  }

  async readFrom(feed: string, after: bigint, limit: number): Promise<readonly LogEntry[]> {
    return (await this.ask(this.ports.sql.readFrom([feed, orderedI64(after), limit]))).map(toEntry)
  }

  async readLatestSequence(feed: string): Promise<bigint | undefined> {
    const [row] = await this.ask(this.ports.sql.latest([feed]))
    return row === undefined ? undefined : toEntry({ ...row, content: NO_BYTES }).sequence
  }

  async clear(tx: SqlExecutor, feed: string): Promise<void> {
    await this.run(tx, this.ports.sql.clearLog([feed]))
  }

  async trimToCapacity(tx: SqlExecutor, feed: string, capacity: number): Promise<number> {
    const [row] = await this.run(tx, this.ports.sql.trim([feed, capacity]))
    return Number(row?.['gone'])
  }
}

const NO_BYTES = new Uint8Array()

/**
 * Two that change the same rows at once, and not through commits, wait for each other row by row, in the order of the
 * signatures, so that neither waits for ever. A delete that comes to a row before the other's insert has committed
 * does not see it: it counts as having come first.
 */
export class PostgresLiveResults extends FeedHalf implements LiveResults<SqlExecutor> {
  async applyMutations(tx: SqlExecutor, feed: string, mutations: readonly RowMutation[]): Promise<void> {
    const { put, gone } = mutationColumns(mutations)
    await this.run(tx, this.ports.sql.mutate([feed, ...put, gone]))
  }

  async* readSnapshot(feed: string, pageSize: number): AsyncGenerator<readonly LiveRow[]> {
    yield* (await this.ports.openSnapshot(feed, pageSize)).pages
  }

  async clear(tx: SqlExecutor, feed: string): Promise<void> {
    await this.run(tx, this.ports.sql.clearRows([feed]))
  }

  async rowCount(feed: string): Promise<number> {
    return Number((await this.ask(this.ports.sql.rowCount([feed])))[0]?.['row_count'])
  }
}
