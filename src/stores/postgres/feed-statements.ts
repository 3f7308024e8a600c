/** Every statement of feeds on PostgreSQL, one constant each. Why a commit is as it is: feeds.ts. */
import type { SqlStatement, SqlValue } from '../../core/sql.js'
import { MAX_ASSIGNED } from '../../core/u64.js'
import { quoteIdentifier } from '../../sql/identifier.js'
import { namedStatements, type NamedStatements } from './named-statements.js'

const STATE = 'f.feed, f.incarnation, f.config_hash, f.sequence, f.first, f.capacity'
/** What a number that a feed assigns is stored as beside its content: less 2⁶³. */
const STORED = (number: string): string => `${number} + ((-9223372036854775808)::bigint)`

/**
 * $1 feed, $2 config hash, $3 how many results, $4 capacity, $5 those of them that stay, $6 and $7 rows to put,
 * $8 signatures to delete.
 *
 * What leaves the ring is bounded on both sides. Without the lower bound, each commit would step over the index entries
 * of all that left since the last vacuum.
 */
const COMMIT = `
    with seen as materialized (
      select version, first, sequence from {schema}.feed where feed = $1
    ), moved as (
      update {schema}.feed f set version = f.version + 1, sequence = f.sequence + $3::bigint, capacity = $4::integer,
        first = greatest(f.first, f.sequence + $3::bigint - $4::bigint + 1)
      where f.feed = $1 and f.config_hash = $2 and f.sequence <= ${MAX_ASSIGNED} - $3::bigint
      returning ${STATE}, f.version
    ), logged as (
      insert into {schema}.feed_result (feed, sequence, content)
      select $1, ${STORED('m.sequence')} - cardinality($5::bytea[]) + u.place, u.content
      from moved m cross join unnest($5::bytea[]) with ordinality u(content, place) order by u.place
      on conflict (feed, sequence) do update set content = excluded.content
    ), put as (
      insert into {schema}.feed_row (feed, signature, content)
      select $1, u.signature, u.content from moved cross join unnest($6::bigint[], $7::bytea[]) u(signature, content)
      on conflict (feed, signature) do update set content = excluded.content
    ), evicted as (
      delete from {schema}.feed_result r using moved m, seen s
      where r.feed = $1 and m.version = s.version + 1
        and r.sequence >= ${STORED('s.first')} and r.sequence < least(${STORED('m.first')}, ${STORED('s.sequence')} + 1)
    ), gone as (
      delete from {schema}.feed_row r using moved m, seen s, unnest($8::bigint[]) u(signature)
      where r.feed = $1 and r.signature = u.signature and m.version = s.version + 1
    )
    select ${STATE}, s.first as seen_first, f.version = s.version + 1 as is_current from moved f cross join seen s`

const TEXT = {
  commit: COMMIT,

  // What a commit that waited could not see: $2 to $3 is what may have left the ring, $4 what it deletes.
  sweep: `
    with evicted as (
      delete from {schema}.feed_result r
      where r.feed = $1 and r.sequence >= ${STORED('$2::bigint')} and r.sequence < ${STORED('$3::bigint')}
    )
    delete from {schema}.feed_row r where r.feed = $1 and r.signature = any ($4::bigint[])`,

  state: `select ${STATE} from {schema}.feed f where f.feed = $1`,

  make: `
    insert into {schema}.feed as f (feed, incarnation, config_hash, sequence, first, capacity, version)
    values ($1, $2, $3, 0, 1, $4::integer, 0)
    on conflict (feed) do nothing returning ${STATE}`,

  renew: `
    update {schema}.feed f set incarnation = $2, config_hash = $3, sequence = 0, first = 1, capacity = $4::integer,
      version = f.version + 1
    where f.feed = $1 returning ${STATE}`,

  remove: `delete from {schema}.feed where feed = $1 returning feed`,

  clearAll: `
    with results as (delete from {schema}.feed_result where feed = $1)
    delete from {schema}.feed_row where feed = $1`,

  // One statement, so that all of it is of one state of the database. The row of the feed is the first.
  page: `
    select ${STATE}, null::bigint as place, null::bytea as content from {schema}.feed f where f.feed = $1
    union all
    select null, null, null, null, null, null, r.sequence, r.content from (
      select r.sequence, r.content from {schema}.feed_result r join {schema}.feed f on f.feed = r.feed
      where r.feed = $1 and r.sequence > $2::bigint and r.sequence >= ${STORED('f.first')}
        and r.sequence <= ${STORED('f.sequence')}
      order by r.sequence limit $3::bigint
    ) r
    order by place nulls first`,

  list: `
    select ${STATE}, (select count(*) from {schema}.feed_row r where r.feed = f.feed) as row_count
    from {schema}.feed f where f.feed > $1 order by f.feed limit $2::bigint`,

  beginSnapshot: 'set transaction isolation level repeatable read, read only',

  // A snapshot that its reader has forgotten ends by itself.
  openSnapshot: `
    select set_config('idle_in_transaction_session_timeout', $2, true), ${STATE}
    from (select 1) one left join {schema}.feed f on f.feed = $1`,

  rows: `
    select r.signature, r.content from {schema}.feed_row r
    where r.feed = $1 and r.signature >= $2::bigint order by r.signature limit $3::bigint`,

  rowCount: 'select count(*) as row_count from {schema}.feed_row where feed = $1',

  append: `
    insert into {schema}.feed_result (feed, sequence, content) values ($1, $2::bigint, $3::bytea)
    on conflict (feed, sequence) do update set content = excluded.content`,

  readFrom: `
    select r.sequence as place, r.content from {schema}.feed_result r
    where r.feed = $1 and r.sequence > $2::bigint order by r.sequence limit $3::bigint`,

  latest: `
    select r.sequence as place from {schema}.feed_result r where r.feed = $1 order by r.sequence desc limit 1`,

  clearLog: 'delete from {schema}.feed_result where feed = $1',

  trim: `
    with gone as (
      delete from {schema}.feed_result where feed = $1 and sequence <= (
        select r.sequence from {schema}.feed_result r where r.feed = $1 order by r.sequence desc
        offset $2::bigint limit 1)
      returning 1
    )
    select count(*) as gone from gone`,

  clearRows: 'delete from {schema}.feed_row where feed = $1',

  mutate: `
    with gone as (
      delete from {schema}.feed_row r where r.feed = $1 and r.signature = any ($4::bigint[])
    )
    insert into {schema}.feed_row (feed, signature, content)
    select $1, u.signature, u.content from unnest($2::bigint[], $3::bytea[]) u(signature, content)
    on conflict (feed, signature) do update set content = excluded.content`,
} as const

export type FeedStatements = NamedStatements<keyof typeof TEXT>

/**
 * Those that read pages are not prepared: a plan that was made while the tables were small reads all of them, and is
 * kept as long as the connection. Measured behind 200,000 results that had left: 1,287 pages for ten results.
 */
const PLANNED_EACH_TIME = ['page', 'rows', 'readFrom', 'trim'] as const

export function feedStatements(schema: string): FeedStatements {
  const named = namedStatements(TEXT, { schema: quoteIdentifier(schema) })
  const unnamed = PLANNED_EACH_TIME.map((key) => [key, (params: readonly SqlValue[]): SqlStatement => (
    { text: named[key](params).text, params })])
  return { ...named, ...Object.fromEntries(unnamed) as Partial<FeedStatements> }
}
