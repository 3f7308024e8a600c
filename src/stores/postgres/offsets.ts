/**
 * Offsets in a table, one row per stream.
 *
 * A save is one statement, which locks the owner's row, and writes where that still has its term. So a take-over, which
 * changes the row, waits for a save that is under way and reads after it; and a save that waits for a take-over finds
 * another term. Rows of the table are locked by the owner alone, so two saves cannot wait for each other.
 */
import type { SqlDatabase, SqlRow, SqlStatement, SqlValue } from '../../core/sql.js'
import { MAX_U64 } from '../../core/u64.js'
import type { OffsetLedger, OffsetOwnership, Offsets } from '../../journal/fenced-offsets.js'
import { corruptOffsets, type SavedOffsets } from '../../journal/offset-store.js'
import { quoteIdentifier } from '../../sql/identifier.js'
import { arrayLiteral } from './array-literal.js'
import { Calls } from './calls.js'
import { translatedDatabase } from './database.js'

const TEXT = {
  // At a stricter isolation, what is read would be older than the lock that was waited for.
  readCommitted: 'set transaction isolation level read committed',

  take: `
    insert into {schema}.journal_offset_owner as o (publisher, term) values ($1, 1)
    on conflict (publisher) do update set term = o.term + 1 returning term`,

  names: 'select publisher from {schema}.journal_offset_owner',

  read: `select stream_key, sequence from {schema}.journal_offset where publisher = $1`,

  raise: `
    with owner as materialized (
      select term from {schema}.journal_offset_owner where publisher = $1 and term = $2::bigint for share
    ), raised as (
      insert into {schema}.journal_offset as o (publisher, stream_key, sequence)
      select $1::text, u.stream_key, u.sequence from unnest($3::text[], $4::numeric[]) u(stream_key, sequence)
      where exists (select from owner)
      on conflict (publisher, stream_key) do update set sequence = excluded.sequence
      where o.sequence < excluded.sequence
    )
    select term from owner`,
} as const

export class PostgresOffsets implements SavedOffsets {
  readonly #database: SqlDatabase
  readonly #schema: string
  readonly #calls = new Calls()

  constructor(database: SqlDatabase, { schema }: { readonly schema: string }) {
    this.#database = translatedDatabase(database)
    this.#schema = quoteIdentifier(schema)
  }

  ledger(name: string): OffsetLedger {
    return { take: () => this.#calls.run(() => this.#take(name)) }
  }

  async names(): Promise<readonly string[]> {
    const rows = await this.#calls.run(() => this.#database.executor.execute(this.#statement('names', [])))
    return rows.map((row) => String(row['publisher']))
  }

  async read(name: string): Promise<Offsets> {
    const rows = await this.#calls.run(() => this.#database.executor.execute(this.#statement('read', [name])))
    return toOffsets(name, rows)
  }

  /** The connections are closed by the outbox. */
  async close(): Promise<void> {
    await this.#calls.close()
  }

  async #take(name: string): Promise<OffsetOwnership> {
    return this.#database.transaction(async (tx) => {
      await tx.execute(this.#statement('readCommitted', []))
      const [owner] = await tx.execute(this.#statement('take', [name]))
      const rows = await tx.execute(this.#statement('read', [name]))
      const term = BigInt(String(owner?.['term']))
      return {
        offsets: toOffsets(name, rows),
        write: (changed) => this.#calls.run(() => this.#raise(name, term, changed)),
      }
    })
  }

  async #raise(name: string, term: bigint, changed: Offsets): Promise<boolean> {
    const rows = await this.#database.executor.execute(this.#statement('raise', [
      name, term, arrayLiteral([...changed.keys()]), arrayLiteral([...changed.values()].map(String)),
    ]))
    return rows.length > 0
  }

  #statement(key: keyof typeof TEXT, params: readonly SqlValue[]): SqlStatement {
    return { text: TEXT[key].replaceAll('{schema}', () => this.#schema), params }
  }
}

/** @throws CORRUPT. */
function toOffsets(name: string, rows: readonly SqlRow[]): Offsets {
  return new Map(rows.map((row) => [String(row['stream_key']), toOffset(name, row)]))
}

function toOffset(name: string, row: SqlRow): bigint {
  const text = String(row['sequence'])
  const offset = /^\d{1,20}$/.test(text) ? BigInt(text) : -1n
  if (offset >= 0n && offset <= MAX_U64) return offset
  throw corruptOffsets(name, 'a row has no number of u64', { stream: String(row['stream_key']) })
}
