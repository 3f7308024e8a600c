/** The tables of offset stores: who may save, and how far it is. */
import type { Tables } from './tables.js'

export function offsetTables(t: Tables): string[] {
  return [
    // term: of the last take-over.
    `create table ${t.journal_offset_owner} (
  publisher text primary key,
  term integer not null
) strict, without rowid`,
    // sequence: u64, big-endian, so that the order of the bytes is its own.
    `create table ${t.journal_offset} (
  publisher text not null,
  stream_key text not null,
  sequence blob not null check (length(sequence) = 8),
  primary key (publisher, stream_key)
) strict, without rowid`,
  ]
}
