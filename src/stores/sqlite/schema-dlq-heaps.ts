/**
 * The table of heaps. fresh: failures since the drain that drained_by made; 0 while there is none. drained_until: its
 * lease; the entry is hidden before that.
 */
import { quoteIdentifier } from '../../sql/identifier.js'
import type { Tables } from './tables.js'

export function heapTables(t: Tables, prefix: string): string[] {
  const index = (name: string): string => quoteIdentifier(prefix + name)
  return [
    `create table ${t.dlq_entry} (
  heap text not null,
  id text not null,
  failures integer not null,
  fresh integer not null,
  last_error text,
  failed_at integer not null,
  drained_by text,
  drained_until integer,
  primary key (heap, id)
) strict, without rowid`,
    `create index ${index('dlq_entry_failures')} on ${t.dlq_entry} (heap, failures)`,
    `create index ${index('dlq_entry_age')} on ${t.dlq_entry} (failed_at)`,
  ]
}
