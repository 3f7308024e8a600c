/**
 * The inbox on SQLite. It shares the file, its connections and its transactions with the outbox.
 *
 * A record is an INSERT, and it comes first: where the caller's transaction has not written yet, it takes the file's
 * write lock there. So nobody else is recording the same message until that transaction ends, nothing is ever in
 * progress elsewhere, and what the statement finds is committed or the transaction's own. Who cannot have the lock, or
 * has read before another committed, is told TRANSACTION_ABORTED, as for every write.
 */
import type { SqlExecutor, SqlRow, SqlSteps, SyncSqlExecutor } from '../../core/sql.js'
import type {
  InboxAnswer, InboxCapabilities, InboxPlace, InboxPurgeRequest, InboxStore, RecordRequest, SyncInboxRecords,
} from '../../inbox/contract.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import { SqliteCalls } from './calls.js'
import type { SqliteDatabase } from './database.js'
import type { Tables } from './tables.js'

export class SqliteInboxStore implements InboxStore<SqlExecutor> {
  /** Writers come one after another, whatever opens them. */
  readonly capabilities: InboxCapabilities = { shared: true, durable: true, concurrentTransactions: false }
  /** The same for drivers whose calls return at once. */
  readonly sync: SyncInboxRecords<SyncSqlExecutor> = {
    record: (tx, request) => this.#calls.runSync(tx, this.#recordSteps(request)),
    takeBack: (tx, place, ids) => this.#calls.runSync(tx, this.#takeBackSteps(place, ids)),
  }
  readonly #database: SqliteDatabase
  readonly #calls: SqliteCalls
  readonly #sql: ReturnType<typeof statements>

  constructor(database: SqliteDatabase) {
    this.#database = database
    this.#calls = new SqliteCalls(database)
    this.#sql = statements(database.tables)
  }

  async transaction<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
    return this.#calls.transaction(work)
  }

  async record(tx: SqlExecutor, request: RecordRequest): Promise<readonly InboxAnswer[]> {
    return this.#calls.run(tx, this.#recordSteps(request))
  }

  async takeBack(tx: SqlExecutor, place: InboxPlace, messageIds: readonly string[]): Promise<void> {
    await this.#calls.run(tx, this.#takeBackSteps(place, messageIds))
  }

  async find({ scope, consumer }: InboxPlace, messageIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const ids = JSON.stringify(messageIds)
    return this.#calls.read((query) => timesOf(query(this.#sql.find, scope, consumer, ids)))
  }

  async forget({ scope, consumer }: InboxPlace, messageId: string): Promise<boolean> {
    return this.#calls.write((query) => query(this.#sql.forget, scope, consumer, messageId).length > 0)
  }

  async purge(request: InboxPurgeRequest): Promise<number> {
    const removal = (text: string) => (query: SqliteQuery, now: number): number => (
      this.#purge(query, text, request, now - request.olderThanMs))
    return request.dryRun ? this.#calls.read(removal(this.#sql.countOld))
      : this.#calls.write(removal(this.#sql.removeOld))
  }

  /** The file is closed by the outbox. */
  async close(): Promise<void> {
    this.#calls.close()
  }

  #purge(query: SqliteQuery, text: string, request: InboxPurgeRequest, until: number): number {
    const { consumer, exceptConsumers, scope, limit } = request
    const consumers = consumer !== undefined ? [consumer] : query(this.#sql.consumers)
      .map((row) => String(row['consumer']))
      .filter((name) => !exceptConsumers.includes(name))
    let count = 0
    for (const name of consumers) {
      if (count >= limit) break
      count += query(text, name, until, scope ?? null, limit - count).length
    }
    return count
  }

  * #recordSteps({ scope, consumer, messageIds }: RecordRequest): SqlSteps<readonly InboxAnswer[]> {
    const ids = JSON.stringify(messageIds)
    const fresh = new Set((yield { text: this.#sql.record, params: [scope, consumer, ids, this.#database.now()] })
      .map((row) => String(row['message_id'])))
    const before = fresh.size === messageIds.length ? new Map<string, number>()
      : timesOf(yield { text: this.#sql.find, params: [scope, consumer, ids] })
    return messageIds.map((id): InboxAnswer => (
      fresh.has(id) ? { kind: 'new' } : { kind: 'processed', processedAt: before.get(id) ?? 0 }))
  }

  * #takeBackSteps({ scope, consumer }: InboxPlace, messageIds: readonly string[]): SqlSteps<void> {
    yield { text: this.#sql.takeBack, params: [scope, consumer, JSON.stringify(messageIds)] }
  }
}

function statements(t: Tables) {
  const old = `select scope, consumer, message_id from ${t.inbox}
where consumer = ?1 and processed_at <= ?2 and (?3 is null or scope = ?3) order by processed_at limit ?4`
  return {
    // `where true`: without it the parser takes `on` for a join's.
    record: `insert into ${t.inbox} (scope, consumer, message_id, processed_at)
select ?1, ?2, j.value, ?4 from json_each(?3) j where true on conflict do nothing returning message_id`,
    find: `select i.message_id, i.processed_at from json_each(?3) j cross join ${t.inbox} i
on i.scope = ?1 and i.consumer = ?2 and i.message_id = j.value`,
    takeBack: `delete from ${t.inbox}
where scope = ?1 and consumer = ?2 and message_id in (select value from json_each(?3))`,
    forget: `delete from ${t.inbox} where scope = ?1 and consumer = ?2 and message_id = ?3 returning 1 as gone`,
    // One lookup for each consumer, never a walk over all records.
    consumers: `with recursive names(consumer) as (
  select min(consumer) from ${t.inbox}
  union all select (select min(i.consumer) from ${t.inbox} i where i.consumer > names.consumer) from names
  where names.consumer is not null
) select consumer from names where consumer is not null`,
    removeOld: `delete from ${t.inbox} where (scope, consumer, message_id) in (${old}) returning 1 as gone`,
    countOld: `select 1 as found from (${old})`,
  }
}

function timesOf(rows: readonly SqlRow[]): ReadonlyMap<string, number> {
  return new Map(rows.map((row) => [String(row['message_id']), Number(row['processed_at'])]))
}
