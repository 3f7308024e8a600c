/**
 * The tables of the publishers' progress. The row of a publisher that was forgotten stays, following nothing, for its
 * last term.
 */
import { quoteIdentifier } from '../../sql/identifier.js'
import type { Tables } from './tables.js'

export function progressTables(t: Tables, prefix: string): string[] {
  const index = (name: string): string => quoteIdentifier(prefix + name)
  return [
    `create table ${t.journal_publisher} (
  publisher text primary key,
  follow text,
  last_term integer not null
) strict, without rowid`,
    // slots: bit n stands for slot n.
    `create table ${t.journal_part} (
  publisher text not null,
  part integer not null,
  slots integer not null,
  cursor text,
  owner text,
  term integer not null,
  lease_until integer not null,
  primary key (publisher, part)
) strict, without rowid`,
    `create table ${t.journal_member} (
  publisher text not null,
  owner text not null,
  lease_until integer not null,
  primary key (publisher, owner)
) strict, without rowid`,
    `create table ${t.journal_hold} (
  publisher text not null,
  scope text not null,
  stream text not null,
  slot integer not null,
  from_sequence integer not null,
  to_sequence integer not null,
  attempts integer not null,
  retry_at integer not null,
  error text not null,
  primary key (publisher, scope, stream)
) strict, without rowid`,
    `create index ${index('journal_hold_due')} on ${t.journal_hold} (publisher, retry_at)`,
    `create table ${t.journal_dead} (
  number integer primary key autoincrement,
  publisher text not null,
  scope text not null,
  stream text not null,
  event_id text not null,
  sequence integer not null,
  type text not null,
  attempts integer not null,
  error text not null,
  died_at integer not null
) strict`,
    `create unique index ${index('journal_dead_event')} on ${t.journal_dead} (publisher, event_id)`,
    `create index ${index('journal_dead_publisher')} on ${t.journal_dead} (publisher, number)`,
    `create index ${index('journal_dead_age')} on ${t.journal_dead} (died_at)`,
  ]
}
