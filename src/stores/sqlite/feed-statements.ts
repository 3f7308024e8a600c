/**
 * The statements of feeds. Those of a commit have each placeholder once and in order, so that a driver may turn them
 * into plain question marks.
 */
import { batchTexts } from './row-batches.js'
import type { Tables } from './tables.js'

const STATE = 'f.id, f.feed, f.incarnation, f.config_hash, f.sequence, f.first, f.capacity'
const NEW = '(feed, incarnation, config_hash, sequence, first, capacity) values (?1, ?2, ?3, 0, 1, ?4)'
const BECOMES = `incarnation = excluded.incarnation, config_hash = excluded.config_hash, sequence = excluded.sequence,
  first = excluded.first, capacity = excluded.capacity`

export type FeedStatements = ReturnType<typeof feedStatements>

export function feedStatements(t: Tables) {
  const tuples = (rows: number): string => Array.from({ length: rows }, (_, row) => (
    `(?${3 * row + 1}, ?${3 * row + 2}, ?${3 * row + 3})`)).join(', ')
  return {
    state: `select ${STATE} from ${t.feed} f where f.feed = ?1 and f.incarnation is not null`,
    list: `select ${STATE}, (select count(*) from ${t.feed_row} r where r.feed = f.id) as row_count
from ${t.feed} f where f.feed > ?1 and f.incarnation is not null order by f.feed limit ?2`,
    keyOf: `select id from ${t.feed} where feed = ?1`,
    makeKey: `insert into ${t.feed} ${NEW} on conflict (feed) do update set feed = excluded.feed returning id`,

    open: `insert into ${t.feed} ${NEW} on conflict (feed) do update set ${BECOMES} where incarnation is null
returning id`,
    reset: `insert into ${t.feed} ${NEW} on conflict (feed) do update set ${BECOMES} returning id`,
    delete: `delete from ${t.feed} where feed = ?1 and incarnation is not null returning id`,

    // How many results, the same less the capacity and one more, the highest number it may have been at.
    move: `update ${t.feed} set sequence = sequence + ?1, first = max(first, sequence + ?2), capacity = ?3
where feed = ?4 and config_hash = ?5 and incarnation is not null and sequence <= ?6
returning id, incarnation, sequence, first`,
    putResults: batchTexts((rows) => `insert into ${t.feed_result} (feed, sequence, data) values ${tuples(rows)}
on conflict (feed, sequence) do update set data = excluded.data`),
    putRows: batchTexts((rows) => `insert into ${t.feed_row} (feed, signature, data) values ${tuples(rows)}
on conflict (feed, signature) do update set data = excluded.data`),
    evict: `delete from ${t.feed_result} where feed = ?1 and sequence < ?2`,
    deleteRow: `delete from ${t.feed_row} where feed = ?1 and signature = ?2`,
    // As text: not every version reads the lowest integer from JSON.
    deleteRows: `delete from ${t.feed_row} where feed = ?1
and signature in (select cast(value as integer) from json_each(?2))`,

    results: `select sequence, data from ${t.feed_result} where feed = ?1 and sequence > ?2 order by sequence limit ?3`,
    lastResult: `select max(sequence) as last from ${t.feed_result} where feed = ?1`,
    countResults: `select count(*) as count from ${t.feed_result} where feed = ?1`,
    dropResults: `delete from ${t.feed_result} where feed = ?1 and sequence in (
  select sequence from ${t.feed_result} where feed = ?1 order by sequence limit ?2)`,
    clearResults: `delete from ${t.feed_result} where feed = ?1`,

    rowsFrom: `select signature, data from ${t.feed_row}
where feed = ?1 and signature >= ?2 order by signature limit ?3`,
    countRows: `select count(*) as count from ${t.feed_row} where feed = ?1`,
    clearRows: `delete from ${t.feed_row} where feed = ?1`,
  }
}
