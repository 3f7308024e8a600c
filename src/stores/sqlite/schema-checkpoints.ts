/**
 * The tables of the subscribers' checkpoints. The row of a subscriber that was forgotten stays, for its term. The
 * sequences span u64: each is stored less 2⁶³.
 */
import { quoteIdentifier } from '../../sql/identifier.js'
import type { Tables } from './tables.js'

export function checkpointTables(t: Tables, prefix: string): string[] {
  const index = (name: string): string => quoteIdentifier(prefix + name)
  return [
    `create table ${t.feed_subscriber} (
  subscriber text primary key,
  owner text,
  term integer not null,
  lease_until integer not null,
  is_forgotten integer not null
) strict, without rowid`,
    `create table ${t.feed_checkpoint} (
  subscriber text not null,
  feed text not null,
  sequence integer not null,
  incarnation text not null,
  config_hash text not null,
  saved_at integer not null,
  primary key (subscriber, feed)
) strict, without rowid`,
    `create table ${t.feed_dead} (
  number integer primary key autoincrement,
  subscriber text not null,
  feed text not null,
  incarnation text not null,
  sequence integer not null,
  attempts integer not null,
  error text not null,
  died_at integer not null,
  content blob not null
) strict`,
    `create unique index ${index('feed_dead_result')} on ${t.feed_dead} (subscriber, feed, incarnation, sequence)`,
    `create index ${index('feed_dead_subscriber')} on ${t.feed_dead} (subscriber, number)`,
    `create index ${index('feed_dead_age')} on ${t.feed_dead} (died_at)`,
  ]
}
