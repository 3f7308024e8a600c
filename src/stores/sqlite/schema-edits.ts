/** Payloads that dead letters had before they were redriven with others. */
import { quoteIdentifier } from '../../sql/identifier.js'
import type { Tables } from './tables.js'

/** A row for each edit, with what it replaced; it lives as long as its message. */
export function editTables(t: Tables, prefix: string): string[] {
  return [
    `create table ${t.outbox_edit} (
  id integer primary key,
  seq integer not null,
  edited_at integer not null,
  by text not null,
  note text not null,
  content_type text not null,
  payload blob not null
) strict`,
    `create index ${quoteIdentifier(`${prefix}outbox_edit_message`)} on ${t.outbox_edit} (seq)`,
  ]
}
