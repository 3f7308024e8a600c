/**
 * The tables of feeds. A commit moves the row of its feed on, adds results and takes the first ones out, and changes
 * rows of the result.
 *
 * Results and rows are tables with a rowid and an index, because their bytes are long: measured as a ring of 3,000,
 * inserting one and deleting one takes 52 µs at 400 bytes and 82 µs at 2,000; without a rowid, where every page of the
 * tree carries bytes, 67 and 123 µs; at 120 bytes 43 and 38 µs.
 */
import { quoteIdentifier } from '../../sql/identifier.js'
import type { Tables } from './tables.js'

export function feedTables(t: Tables, prefix: string): string[] {
  const index = (name: string): string => quoteIdentifier(prefix + name)
  return [
    // Without an incarnation it is no feed: a key that a log or rows are kept under.
    `create table ${t.feed} (
  id integer primary key,
  feed text not null unique,
  incarnation text,
  config_hash text not null,
  sequence integer not null,
  first integer not null,
  capacity integer not null
) strict`,
    // sequence and signature: u64 less 2⁶³, so that their order is that of the integers.
    `create table ${t.feed_result} (feed integer not null, sequence integer not null, data blob not null) strict`,
    `create unique index ${index('feed_result_sequence')} on ${t.feed_result} (feed, sequence)`,
    `create table ${t.feed_row} (feed integer not null, signature integer not null, data blob not null) strict`,
    `create unique index ${index('feed_row_signature')} on ${t.feed_row} (feed, signature)`,
  ]
}
