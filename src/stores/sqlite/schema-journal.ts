/**
 * The journal's tables. An event is a row that is written once; what changes is the row of its stream. With one writer
 * at a time, positions ascend in the order of the commits, so a position is all that a follower needs to keep.
 */
import { quoteIdentifier } from '../../sql/identifier.js'
import type { Tables } from './tables.js'

export function journalTables(t: Tables, prefix: string): string[] {
  const index = (name: string): string => quoteIdentifier(prefix + name)
  return [
    // last: the number of its last event. deleted_to: events up to this one are hidden.
    `create table ${t.journal_stream} (
  scope text not null,
  stream text not null,
  last integer not null,
  deleted_to integer not null,
  primary key (scope, stream)
) strict, without rowid`,
    // tags: a JSON array. The payload is last: SQLite reads a row only up to the last column asked for.
    `create table ${t.journal_event} (
  position integer primary key autoincrement,
  scope text not null,
  stream text not null,
  sequence integer not null,
  slot integer not null,
  created_at integer not null,
  writer_id text,
  type text not null,
  manifest text,
  content_type text not null,
  headers text not null,
  tags text not null,
  payload blob not null
) strict`,
    `create unique index ${index('journal_event_stream')} on ${t.journal_event} (scope, stream, sequence)`,
    `create table ${t.journal_tag} (
  tag text not null,
  position integer not null,
  primary key (tag, position)
) strict, without rowid`,
    // places: what the first append answered, as a JSON array of [sequence, position], both as text.
    `create table ${t.journal_key} (
  scope text not null,
  writer_id text not null,
  key text not null,
  digest blob not null,
  places text not null,
  created_at integer not null,
  primary key (scope, writer_id, key)
) strict, without rowid`,
  ]
}
