/**
 * Heaps on SQLite. They share the file and its connections with the outbox. Every call is a transaction that has the
 * write lock from its first statement on, so nothing comes between what it reads and what it writes.
 */
import { MAX_HEAP_FAILURES } from '../../core/limits.js'
import type { SqlRow } from '../../core/sql.js'
import { MAX_TIME } from '../../core/validate.js'
import type {
  ConfirmRequest, DrainRequest, HeapListRequest, HeapPurgeRequest, HeapStore,
} from '../../deadletters/contract.js'
import type { HeapEntry, HeapRecord } from '../../deadletters/heap.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import { SqliteCalls } from './calls.js'
import type { SqliteDatabase } from './database.js'
import type { Tables } from './tables.js'

export class SqliteHeapStore implements HeapStore {
  readonly capabilities = { durable: true, shared: true }
  readonly #calls: SqliteCalls
  readonly #sql: ReturnType<typeof statements>

  constructor(database: SqliteDatabase) {
    this.#calls = new SqliteCalls(database)
    this.#sql = statements(database.tables)
  }

  async recordFailure({ heap, id, error }: Parameters<HeapStore['recordFailure']>[0]): Promise<void> {
    await this.#calls.write((query, now) => query(this.#sql.recordFailure, heap, id, error ?? null, now))
  }

  async recordSuccess({ heap, id }: { readonly heap: string; readonly id: string }): Promise<void> {
    await this.#calls.write((query) => query(this.#sql.recordSuccess, heap, id))
  }

  async drain({ heap, threshold, limit, leaseMs, owner }: DrainRequest): Promise<readonly HeapEntry[]> {
    return this.#calls.write((query, now) => {
      const found = query(this.#sql.exceeded, heap, threshold, now, limit).map(toEntry)
      for (const { id } of found) query(this.#sql.hide, heap, id, owner, Math.min(now + leaseMs, MAX_TIME))
      return found
    })
  }

  async confirm({ heap, owner, ids }: ConfirmRequest): Promise<void> {
    await this.#calls.write((query) => {
      for (const id of ids) {
        query(this.#sql.forget, heap, id, owner)
        query(this.#sql.keep, heap, id, owner)
      }
    })
  }

  async purge({ heap, olderThanMs, limit, dryRun }: HeapPurgeRequest): Promise<number> {
    const find = (query: SqliteQuery, now: number): readonly SqlRow[] =>
      query(this.#sql.old, heap ?? null, now - olderThanMs, now, limit)
    if (dryRun) return this.#calls.read((query, now) => find(query, now).length)
    return this.#calls.write((query, now) => {
      const old = find(query, now)
      for (const row of old) query(this.#sql.recordSuccess, String(row['heap']), String(row['id']))
      return old.length
    })
  }

  async list({ heap, threshold, after, limit }: HeapListRequest): Promise<readonly HeapRecord[]> {
    const { failures, id } = after ?? { failures: MAX_HEAP_FAILURES + 1, id: '' }
    return this.#calls.read((query, now) => (
      query(this.#sql.list, heap, threshold, failures, id, now, limit).map(toRecord)))
  }

  async find({ heap, id }: { readonly heap: string; readonly id: string }): Promise<HeapRecord | undefined> {
    const [row] = await this.#calls.read((query, now) => query(this.#sql.find, heap, id, now))
    return row && toRecord(row)
  }

  async nextHeap(after: string): Promise<string | undefined> {
    const [row] = await this.#calls.read((query) => query(this.#sql.nextHeap, after))
    return row === undefined ? undefined : String(row['heap'])
  }

  /** The file is closed by the outbox. */
  async close(): Promise<void> {
    this.#calls.close()
  }
}

function statements(t: Tables) {
  return {
    recordFailure: `insert into ${t.dlq_entry} (heap, id, failures, fresh, last_error, failed_at)
values (?1, ?2, 1, 0, ?3, ?4)
on conflict (heap, id) do update set failures = min(failures + 1, ${MAX_HEAP_FAILURES}),
  fresh = case when drained_by is null then 0 else min(fresh + 1, ${MAX_HEAP_FAILURES}) end,
  last_error = coalesce(excluded.last_error, last_error), failed_at = excluded.failed_at`,
    recordSuccess: `delete from ${t.dlq_entry} where heap = ?1 and id = ?2`,
    exceeded: `select id, failures, last_error from ${t.dlq_entry}
where heap = ?1 and failures >= ?2 and (drained_until is null or drained_until <= ?3) order by failures desc limit ?4`,
    hide: `update ${t.dlq_entry} set drained_by = ?3, drained_until = ?4, fresh = 0 where heap = ?1 and id = ?2`,
    forget: `delete from ${t.dlq_entry} where heap = ?1 and id = ?2 and drained_by = ?3 and fresh = 0`,
    keep: `update ${t.dlq_entry} set failures = fresh, fresh = 0, drained_by = null, drained_until = null
where heap = ?1 and id = ?2 and drained_by = ?3`,
    list: `select id, failures, last_error, failed_at, drained_until is not null and drained_until > ?5 as is_drained
from ${t.dlq_entry} where heap = ?1 and failures >= ?2 and (failures, id) < (?3, ?4)
order by failures desc, id desc limit ?6`,
    find: `select id, failures, last_error, failed_at, drained_until is not null and drained_until > ?3 as is_drained
from ${t.dlq_entry} where heap = ?1 and id = ?2`,
    nextHeap: `select heap from ${t.dlq_entry} where heap > ?1 order by heap limit 1`,
    old: `select heap, id from ${t.dlq_entry} where (?1 is null or heap = ?1) and failed_at <= ?2
  and (drained_until is null or drained_until <= ?3) order by failed_at limit ?4`,
  }
}

function toRecord(row: SqlRow): HeapRecord {
  return { ...toEntry(row), failedAt: Number(row['failed_at']), isDrained: Number(row['is_drained']) === 1 }
}

function toEntry(row: SqlRow): HeapEntry {
  const { last_error: lastError } = row
  return {
    id: String(row['id']), failures: Number(row['failures']), ...typeof lastError === 'string' ? { lastError } : {},
  }
}
