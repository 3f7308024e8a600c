/**
 * Offsets in a table of the SQLite file, one row per stream. Each call is one transaction that has the write lock from
 * the start, so a save and a take-over come one after the other, whatever process they are of.
 */
import type { SqlRow } from '../../core/sql.js'
import type { OffsetLedger, OffsetOwnership, Offsets } from '../../journal/fenced-offsets.js'
import { corruptOffsets, type SavedOffsets } from '../../journal/offset-store.js'
import type { SqliteDatabase } from './database.js'
import { toBytes } from './outbox-rows.js'
import type { Tables } from './tables.js'

export class SqliteOffsetLedger implements OffsetLedger {
  readonly #database: SqliteDatabase
  readonly #name: string
  readonly #sql: ReturnType<typeof statements>

  constructor(database: SqliteDatabase, name: string) {
    this.#database = database
    this.#name = name
    this.#sql = statements(database.tables)
  }

  async take(): Promise<OffsetOwnership> {
    const { term, offsets } = await this.#database.write((query) => ({
      term: query(this.#sql.take, this.#name)[0]?.['term'] as bigint,
      offsets: toOffsets(this.#name, query(this.#sql.read, this.#name)),
    }))
    return { offsets, write: (changed) => this.#write(term, changed) }
  }

  #write(term: bigint, changed: Offsets): Promise<boolean> {
    return this.#database.write((query) => {
      if (query(this.#sql.owner, this.#name)[0]?.['term'] !== term) return false
      for (const [key, offset] of changed) query(this.#sql.raise, this.#name, key, toBlob(offset))
      return true
    })
  }
}

export class SqliteSavedOffsets implements SavedOffsets {
  readonly #database: SqliteDatabase
  readonly #sql: ReturnType<typeof statements>

  constructor(database: SqliteDatabase) {
    this.#database = database
    this.#sql = statements(database.tables)
  }

  async names(): Promise<readonly string[]> {
    return (await this.#database.read((query) => query(this.#sql.names))).map((row) => String(row['publisher']))
  }

  async read(name: string): Promise<Offsets> {
    return toOffsets(name, await this.#database.read((query) => query(this.#sql.read, name)))
  }
}

function statements(t: Tables) {
  return {
    take: `insert into ${t.journal_offset_owner} (publisher, term) values (?1, 1)
on conflict (publisher) do update set term = term + 1 returning term`,
    owner: `select term from ${t.journal_offset_owner} where publisher = ?1`,
    names: `select publisher from ${t.journal_offset_owner}`,
    read: `select stream_key, sequence from ${t.journal_offset} where publisher = ?1`,
    raise: `insert into ${t.journal_offset} (publisher, stream_key, sequence) values (?1, ?2, ?3)
on conflict (publisher, stream_key) do update set sequence = excluded.sequence where sequence < excluded.sequence`,
  }
}

function toBlob(offset: bigint): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(offset)
  return bytes
}

/** @throws CORRUPT. */
function toOffsets(name: string, rows: readonly SqlRow[]): Offsets {
  return new Map(rows.map((row) => [String(row['stream_key']), toOffset(name, row)]))
}

function toOffset(name: string, row: SqlRow): bigint {
  const bytes = Buffer.from(toBytes(row['sequence']))
  if (bytes.length === 8) return bytes.readBigUInt64BE()
  throw corruptOffsets(name, 'a row has no number', { stream: String(row['stream_key']) })
}
