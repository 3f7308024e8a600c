/** Every statement of feeds on PostgreSQL, one constant each. Why a commit is as it is: feeds.ts. */
import type { SqlStatement, SqlValue } from '../../core/sql.js'
import { MAX_ASSIGNED } from '../../core/u64.js'
import { quoteIdentifier } from '../../sql/identifier.js'
import { namedStatements, type NamedStatements } from './named-statements.js'

const STATE = 'f.feed, f.incarnation, f.config_hash, f.sequence, f.first, f.capacity'
/** What a number that a feed assigns is stored as beside its content: less 2⁶³. */
const STORED = (number: string): string => `${number} + ((-9223372036854775808)::bigint)`

/**
 * Signatures of an array, in a range that has every number in it. For a range the planner expects a single one of them,
 * whatever it knows of the table, and so looks each of them up in the index.
 */
const IN_TURN = `u.signature between '-9223372036854775808'::bigint and '9223372036854775807'::bigint`

/**
 * $1 feed, $2 config hash, $3 how many results, $4 capacity, $5 those of them that stay, $6 and $7 rows to put,
 * $8 signatures to delete.
 *
 * What leaves the ring is bounded on both sides. Without the lower bound, each commit would step over the index entries
 * of all that left since the last vacuum. Both bounds are of one row, and signatures are taken one by one, so that an
 * index finds them also by a plan that was made while the tables were empty: such plans are kept. As plain joins, they
 * were filters behind a scan of the ring and one of all rows, 2,300 pages in place of 300 beside 100,000 of each; and
 * compared with the array, up to PostgreSQL 16, behind one of all rows, 1,300 pages.
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
    ), unwaited as materialized (
      select ${STORED('s.first')} as low, least(${STORED('m.first')}, ${STORED('s.sequence')} + 1) as high
      from moved m join seen s on m.version = s.version + 1
    ), evicted as (
      delete from {schema}.feed_result r using unwaited u
      where r.feed = $1 and r.sequence >= u.low and r.sequence < u.high
    ), gone as (
      delete from {schema}.feed_row r using unwaited, unnest($8::bigint[]) u(signature)
      where r.feed = $1 and r.signature = u.signature and ${IN_TURN}
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
    delete from {schema}.feed_row r using unnest($4::bigint[]) u(signature)
    where r.feed = $1 and r.signature = u.signature and ${IN_TURN}`,

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

  // One statement, so that all of it is of one state of the database. The row of the feed is the first. A feed's
  // numbers have no holes, so a page is a range; with both its ends named, a table without statistics is not read to
  // its end and sorted for every page, and with the limit one of known size is not read from its beginning.
  page: `
    with place as materialized (
      select ${STATE}, greatest($2::bigint, ${STORED('f.first')} - 1) as passed
      from {schema}.feed f where f.feed = $1
    )
    select feed, incarnation, config_hash, sequence, first, capacity, null::bigint as place,
      null::bytea as content from place
    union all
    select null, null, null, null, null, null, r.sequence, r.content
    from place p cross join lateral (
      select r.sequence, r.content from {schema}.feed_result r
      where r.feed = $1 and r.sequence > p.passed and r.sequence <= p.passed + $3::bigint
      order by r.sequence limit $3::bigint
    ) r
    order by place nulls first`,

  list: `
    select ${STATE}, (select count(*) from {schema}.feed_row r where r.feed = f.feed) as row_count
    from {schema}.feed f where f.feed > $1 order by f.feed limit $2::bigint`,

  beginSnapshot: 'set transaction isolation level repeatable read, read only',

  // A snapshot that its reader has forgotten ends by itself. Its pages follow the index: the plan that a table without
  // statistics would get reads and sorts all rows for each of them.
  openSnapshot: `
    select set_config('idle_in_transaction_session_timeout', $2, true), set_config('enable_bitmapscan', 'off', true),
      set_config('enable_seqscan', 'off', true), ${STATE}
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
      delete from {schema}.feed_row r using unnest($4::bigint[]) u(signature)
      where r.feed = $1 and r.signature = u.signature and ${IN_TURN}
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
