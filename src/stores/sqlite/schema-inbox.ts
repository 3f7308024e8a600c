/**
 * The table of the inbox. A record is small and looked up by its key alone, so the key is the table. The index is for
 * `purge`, which goes by consumer, so that one with a long retention is not walked over for the others.
 */
import { quoteIdentifier } from '../../sql/identifier.js'
import type { Tables } from './tables.js'

export function inboxTables(t: Tables, prefix: string): string[] {
  return [
    `create table ${t.inbox} (
  scope text not null,
  consumer text not null,
  message_id text not null,
  processed_at integer not null,
  primary key (scope, consumer, message_id)
) strict, without rowid`,
    `create index ${quoteIdentifier(`${prefix}inbox_age`)} on ${t.inbox} (consumer, processed_at)`,
  ]
}
