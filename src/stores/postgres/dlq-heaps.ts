/**
 * Heaps on PostgreSQL 13 and later. Every call is one statement, in a transaction of its own.
 *
 * Recording changes one row, and waits for whoever holds it. A drain and a purge take rows in the order of their counts
 * or ages, which may differ between two of them; so they wait for nobody, and pass over rows that others hold. A
 * confirmation waits, and locks rows in the order of their ids before it looks at them, so that it sees what it has
 * waited for: a failure comes before it, and is kept, or after it, and makes a new entry. So nobody waits for one who
 * waits for him, and what a drain has hidden is hidden from those who begin later: one that began earlier finds the row
 * held, or changed, and then looks at it again.
 *
 * At a stricter isolation, which may be the connections' default, a change that was waited for is a failure instead.
 * Then nothing has happened, and the statement is repeated under READ COMMITTED.
 */
import type { Clock } from '../../core/environment.js'
import { MAX_HEAP_FAILURES } from '../../core/limits.js'
import type { SqlDatabase, SqlRow } from '../../core/sql.js'
import { MAX_TIME } from '../../core/validate.js'
import type {
  ConfirmRequest, DrainRequest, HeapListRequest, HeapPurgeRequest, HeapStore,
} from '../../deadletters/contract.js'
import type { HeapEntry, HeapRecord } from '../../deadletters/heap.js'
import { quoteIdentifier } from '../../sql/identifier.js'
import { arrayLiteral } from './array-literal.js'
import { DatabaseCalls } from './calls.js'
import { translatedDatabase } from './database.js'
import { namedStatements, NOW, type NamedStatements } from './named-statements.js'
import { optionalText } from './row-values.js'

/** $1 the heap or null, $2 the age, $3 the limit, $4 the clock. */
const OLD = `
  select heap, id from {schema}.dlq_entry
  where ($1::text is null or heap = $1) and failed_at <= (select coalesce($4::bigint, ${NOW}) - $2::bigint)
    and (drained_until is null or drained_until <= coalesce($4::bigint, ${NOW}))
  order by failed_at limit $3::bigint`

const TEXT = {
  // The count stops before it grows: one more than its bound is no integer of this width.
  recordFailure: `
    insert into {schema}.dlq_entry as e (heap, id, failures, fresh, last_error, failed_at)
    values ($1, $2, 1, 0, $3, coalesce($4::bigint, ${NOW}))
    on conflict (heap, id) do update set failures = least(e.failures, ${MAX_HEAP_FAILURES - 1}) + 1,
      fresh = case when e.drained_by is null then 0 else least(e.fresh, ${MAX_HEAP_FAILURES - 1}) + 1 end,
      last_error = coalesce(excluded.last_error, e.last_error), failed_at = excluded.failed_at`,

  recordSuccess: `delete from {schema}.dlq_entry where heap = $1 and id = $2`,

  drain: `
    with exceeded as materialized (
      select id from {schema}.dlq_entry
      where heap = $1 and failures >= $2::bigint
        and (drained_until is null or drained_until <= coalesce($6::bigint, ${NOW}))
      order by failures desc limit $3::bigint for no key update skip locked
    ), hidden as (
      update {schema}.dlq_entry e set drained_by = $5, fresh = 0,
        drained_until = least(coalesce($6::bigint, ${NOW}) + $4::bigint, ${MAX_TIME})
      from exceeded x where e.heap = $1 and e.id = x.id
      returning e.id, e.failures, e.last_error
    )
    select id, failures, last_error from hidden order by failures desc`,

  confirm: `
    with held as materialized (
      select id, fresh from {schema}.dlq_entry
      where heap = $1 and id = any($2::text[]) and drained_by = $3 order by id for update
    ), kept as (
      update {schema}.dlq_entry e set failures = h.fresh, fresh = 0, drained_by = null, drained_until = null
      from held h where e.heap = $1 and e.id = h.id and h.fresh > 0
    )
    delete from {schema}.dlq_entry e using held h where e.heap = $1 and e.id = h.id and h.fresh = 0`,

  purge: `
    with old as materialized (${OLD} for update skip locked), gone as (
      delete from {schema}.dlq_entry e using old o where e.heap = o.heap and e.id = o.id returning e.id
    )
    select count(*) as count from gone`,

  list: `
    select id, failures, last_error, failed_at,
      coalesce(drained_until > coalesce($6::bigint, ${NOW}), false) as is_drained
    from {schema}.dlq_entry
    where heap = $1 and failures >= $2::bigint and (failures, id) < ($3::bigint, $4)
    order by failures desc, id desc limit $5::bigint`,

  find: `
    select id, failures, last_error, failed_at,
      coalesce(drained_until > coalesce($3::bigint, ${NOW}), false) as is_drained
    from {schema}.dlq_entry where heap = $1 and id = $2`,

  nextHeap: `select heap from {schema}.dlq_entry where heap > $1 order by heap limit 1`,

  countOld: `select count(*) as count from (${OLD}) old`,
} as const

export interface PostgresHeapOptions {
  readonly schema: string
  /** Replaces the database's clock, for tests. */
  readonly now: Clock | undefined
}

export class PostgresHeapStore implements HeapStore {
  readonly capabilities = { durable: true, shared: true }
  readonly #sql: NamedStatements<keyof typeof TEXT>
  readonly #clock: Clock | undefined
  readonly #calls: DatabaseCalls

  constructor(database: SqlDatabase, { schema, now }: PostgresHeapOptions) {
    this.#calls = new DatabaseCalls(translatedDatabase(database))
    this.#sql = namedStatements(TEXT, { schema: quoteIdentifier(schema) })
    this.#clock = now
  }

  async recordFailure({ heap, id, error }: Parameters<HeapStore['recordFailure']>[0]): Promise<void> {
    await this.#calls.askFresh(this.#sql.recordFailure([heap, id, error ?? null, this.#now()]))
  }

  async recordSuccess({ heap, id }: { readonly heap: string; readonly id: string }): Promise<void> {
    await this.#calls.askFresh(this.#sql.recordSuccess([heap, id]))
  }

  async drain({ heap, threshold, limit, leaseMs, owner }: DrainRequest): Promise<readonly HeapEntry[]> {
    const rows = await this.#calls.askFresh(
      this.#sql.drain([heap, threshold, limit, leaseMs, owner, this.#now()]))
    return rows.map(toEntry)
  }

  async confirm({ heap, owner, ids }: ConfirmRequest): Promise<void> {
    await this.#calls.askFresh(this.#sql.confirm([heap, arrayLiteral(ids), owner]))
  }

  async purge({ heap, olderThanMs, limit, dryRun }: HeapPurgeRequest): Promise<number> {
    const statement = dryRun ? this.#sql.countOld : this.#sql.purge
    const [row] = await this.#calls.askFresh(statement([heap ?? null, olderThanMs, limit, this.#now()]))
    return Number(row?.['count'])
  }

  async list({ heap, threshold, after, limit }: HeapListRequest): Promise<readonly HeapRecord[]> {
    const { failures, id } = after ?? { failures: MAX_HEAP_FAILURES + 1, id: '' }
    const rows = await this.#calls.ask(this.#sql.list([heap, threshold, failures, id, limit, this.#now()]))
    return rows.map(toRecord)
  }

  async find({ heap, id }: { readonly heap: string; readonly id: string }): Promise<HeapRecord | undefined> {
    const [row] = await this.#calls.ask(this.#sql.find([heap, id, this.#now()]))
    return row && toRecord(row)
  }

  async nextHeap(after: string): Promise<string | undefined> {
    const [row] = await this.#calls.ask(this.#sql.nextHeap([after]))
    return optionalText(row?.['heap'])
  }

  /** The connections are closed by the outbox. */
  async close(): Promise<void> {
    await this.#calls.close()
  }

  #now(): number | null {
    return this.#clock?.() ?? null
  }
}

function toRecord(row: SqlRow): HeapRecord {
  return { ...toEntry(row), failedAt: Number(row['failed_at']), isDrained: row['is_drained'] === true }
}

function toEntry(row: SqlRow): HeapEntry {
  const lastError = optionalText(row['last_error'])
  return {
    id: String(row['id']), failures: Number(row['failures']), ...lastError === undefined ? {} : { lastError },
  }
}
