/** Every statement of the PostgreSQL journal but the functions, one constant each. */
import { MAX_ASSIGNED } from '../../core/u64.js'
import { quoteIdentifier } from '../../sql/identifier.js'
import { namedStatements, NOW, type NamedStatements } from './named-statements.js'

const COLUMNS = `
    scope, stream, sequence, type, payload, content_type, manifest, headers, tags, writer_id, created_at, slot`

/** How streams are listed, within the filter: `last` is 0 where a refused append left its lock's row. */
const STREAMS = `
    select scope, stream, last, deleted_to from {schema}.journal_stream
    where last > 0 and stream >= $3 and ($4::text is null or stream < $4)`

/**
 * Streams in $2, each with how many events in $3. $4: the number that the one stream is expected at. $5: expectations
 * of several streams, whose rows are locked already, so that what this statement sees of them is final.
 */
const APPEND_MANY = `
  with wanted as materialized (
    select stream, n, expected, slot, place
    from unnest($2::text[], $3::bigint[], $5::bigint[], $16::smallint[])
      with ordinality u(stream, n, expected, slot, place)
  ), moved as (
    insert into {schema}.journal_stream as s (scope, stream, last)
    select $1::text, w.stream, w.n from wanted w
    where (coalesce($4::bigint, 0) = 0
        or exists (select from {schema}.journal_stream where scope = $1 and stream = w.stream))
      and not exists (
        select from wanted v left join {schema}.journal_stream l on l.scope = $1 and l.stream = v.stream
        where v.expected <> coalesce(l.last, 0))
    order by w.stream collate "C"
    on conflict (scope, stream) do update set last = s.last + excluded.last
    where s.last = coalesce($4::bigint, s.last) and s.last <= ${MAX_ASSIGNED} - excluded.last
    returning stream, last
  ), written as (
    insert into {schema}.journal_event (${COLUMNS})
    select $1, m.stream, m.last - w.n + e.rank, e.type, e.payload, e.content_type, e.manifest, e.headers, e.tags,
      $14::text, coalesce($15::bigint, ${NOW}), w.slot
    from unnest($6::integer[], $7::bigint[], $8::text[], $9::bytea[], $10::text[], $11::text[], $12::text[],
      $13::text[]) with ordinality e(stream_place, rank, type, payload, content_type, manifest, headers, tags, place)
    join wanted w on w.place = e.stream_place
    join moved m on m.stream = w.stream
    where (select count(*) from moved) = cardinality($2::text[])
    order by e.place
    returning position, sequence
  )`

/** What the tags of a batch cost is paid by batches that have some. */
const TAGGED = `
  tagged as (
    insert into {schema}.journal_tag (tag, position)
    select t.tag, p.position
    from unnest($17::bigint[], $18::text[]) t(place, tag)
    join (select position, row_number() over (order by position) as place from written) p on p.place = t.place
  )`

const PLACES = 'select sequence, position from written order by position'

const TEXT = {
  readTag: `select value, {schema}.journal_epoch() as epoch from {schema}.meta where key = 'journal_tag'`,

  // The stream's row is locked, and its number known to be the expected one, before a position is taken. A stream that
  // does not exist is not made where it was expected to.
  appendOne: `
    with moved as (
      insert into {schema}.journal_stream as s (scope, stream, last)
      select $1::text, $2::text, 1
      where coalesce($3::bigint, 0) = 0
        or exists (select from {schema}.journal_stream where scope = $1 and stream = $2)
      on conflict (scope, stream) do update set last = s.last + 1
      where s.last = coalesce($3::bigint, s.last) and s.last < ${MAX_ASSIGNED}
      returning last
    )
    insert into {schema}.journal_event (${COLUMNS})
    select $1, $2, last, $4, $5, $6, $7, $8, '[]', $9, coalesce($10::bigint, ${NOW}), $11 from moved
    returning sequence, position`,

  appendMany: `${APPEND_MANY} ${PLACES}`,

  appendTagged: `${APPEND_MANY}, ${TAGGED} ${PLACES}`,

  // Makes the rows there are none of, and locks the others without changing them.
  lockStreams: `
    insert into {schema}.journal_stream (scope, stream, last)
    select $1::text, stream, 0 from unnest($2::text[]) u(stream) order by stream collate "C"
    on conflict (scope, stream) do update set last = excluded.last where false`,

  lasts: `
    select u.stream, coalesce(s.last, 0) as last from unnest($2::text[]) u(stream)
    left join {schema}.journal_stream s on s.scope = $1 and s.stream = u.stream`,

  reserveKey: `
    insert into {schema}.journal_key (scope, writer_id, key, digest, created_at)
    values ($1, $2, $3, $4, coalesce($5::bigint, ${NOW}))
    on conflict do nothing returning true as reserved`,

  findKey: `
    select digest, array_to_string(sequences, ',') as sequences, array_to_string(positions, ',') as positions
    from {schema}.journal_key where scope = $1 and writer_id = $2 and key = $3`,

  fillKey: `
    update {schema}.journal_key set sequences = $4::bigint[], positions = $5::bigint[]
    where scope = $1 and writer_id = $2 and key = $3`,

  freeKey: `delete from {schema}.journal_key where scope = $1 and writer_id = $2 and key = $3`,

  page: `
    select * from {schema}.journal_page($1::text[], $2::text[], $3, $4::integer, $5::bigint, $6::bigint,
      $7::pg_snapshot, $8::xid8[], $9::bigint[], $10::bigint, $11::bigint, $12::pg_snapshot, $13::xid8)`,

  // The same for several cursors, all in the snapshot of this statement.
  pages: `
    select g.part, p.* from jsonb_to_recordset($5::text::jsonb) g(part integer, slots bigint, pos bigint,
      snap pg_snapshot, xids xid8[], marks bigint[], next_mark bigint, late_pos bigint, late_snap pg_snapshot,
      late_next_xid xid8)
    cross join lateral {schema}.journal_page($1::text[], $2::text[], $3, $4::integer, g.slots, g.pos, g.snap,
      g.xids, g.marks, g.next_mark, g.late_pos, g.late_snap, g.late_next_xid) p`,

  read: `select * from {schema}.journal_read($1, $2, $3::bigint, $4::bigint, $5::boolean, $6::integer)`,

  get: `
    select position, scope, stream, sequence, type, manifest, writer_id, content_type, nullif(headers, '{}') as headers,
      nullif(tags, '[]') as tags, created_at, payload
    from {schema}.journal_event
    where position = any ($1::bigint[]) and ($2::text is null or scope = $2)`,

  streamsOfAll: `${STREAMS} and (scope, stream) > ($1, $2) order by scope, stream limit $5::bigint`,

  streamsOfOne: `${STREAMS} and scope = $1 and stream > $2 order by stream limit $5::bigint`,

  highest: `select last from {schema}.journal_stream where scope = $1 and stream = $2`,

  deleteTo: `
    update {schema}.journal_stream set deleted_to = least(last, $3::bigint)
    where scope = $1 and stream = $2 and deleted_to < least(last, $3::bigint)`,

  aged: `select * from {schema}.journal_aged(coalesce($1::bigint, ${NOW}) - $2::bigint)`,

  // At a stricter isolation, what is counted would be older than the lock that was waited for.
  readCommitted: 'set transaction isolation level read committed',

  prune: `select * from {schema}.journal_prune($1::bigint, $2::bigint, $3::bigint, $4::pg_snapshot, $5::integer)`,

  countAged: `
    select count(*) as count from {schema}.journal_event
    where position <= $1::bigint and (pg_visible_in_snapshot(xid, $2::pg_snapshot)
      or xid >= (select pg_snapshot_xmax(pg_current_snapshot())))`,

  removeTo: `select {schema}.journal_remove($1, $2, $3::bigint)`,
} as const

export type JournalStatements = NamedStatements<keyof typeof TEXT>

export function journalStatements(schema: string): JournalStatements {
  return namedStatements(TEXT, { schema: quoteIdentifier(schema) })
}
