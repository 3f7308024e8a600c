/** Every statement of the publishers' progress on PostgreSQL, one constant each. */
import { MAX_TIME } from '../../core/validate.js'
import { quoteIdentifier } from '../../sql/identifier.js'
import { namedStatements, NOW, type NamedStatements } from './named-statements.js'

const PART = 'r.part, r.slots, r.cursor, r.owner, r.term, r.lease_until'
const LATER = (ms: string): string => `least(coalesce($5::bigint, ${NOW}) + ${ms}, ${MAX_TIME})`
const MEMBERS = `
    (select count(*) from {schema}.journal_member m where m.publisher = p.publisher and m.lease_until > t.now)`

const OLD_DEAD = `
    select d.number from {schema}.journal_dead d
    where d.died_at <= (select coalesce($4::bigint, ${NOW}) - $2::bigint) and ($1::text is null or d.publisher = $1)
    order by d.died_at, d.number limit $3::bigint`

const TEXT = {
  // One statement, so that all of it is of one state.
  look: `
    select p.follow, t.now, ${MEMBERS} as members, ${PART}
    from (select coalesce($2::bigint, ${NOW}) as now) t
    cross join {schema}.journal_publisher p join {schema}.journal_part r on r.publisher = p.publisher
    where p.publisher = $1 order by r.part`,

  list: `
    with page as materialized (
      select p.publisher, p.follow, t.now, ${MEMBERS} as members,
        (select count(*) from {schema}.journal_hold h where h.publisher = p.publisher) as held,
        (select count(*) from {schema}.journal_dead d where d.publisher = p.publisher) as dead
      from (select coalesce($3::bigint, ${NOW}) as now) t cross join {schema}.journal_publisher p
      where p.publisher > $1 and p.follow is not null order by p.publisher limit $2::bigint
    )
    select p.*, ${PART} from page p join {schema}.journal_part r on r.publisher = p.publisher
    order by p.publisher, r.part`,

  makePublisher: `
    insert into {schema}.journal_publisher (publisher, last_term) values ($1, 0) on conflict do nothing`,

  lockPublisher: `select follow, last_term from {schema}.journal_publisher where publisher = $1 for update`,

  lockParts: `select ${PART} from {schema}.journal_part r where r.publisher = $1 order by r.part for update`,

  // One row without an owner where there are none. After the locks, because waiting for them takes time.
  members: `
    select t.now, m.owner, m.lease_until
    from (select coalesce($2::bigint, ${NOW}) as now) t left join {schema}.journal_member m on m.publisher = $1
    order by m.owner`,

  writePublisher: `
    update {schema}.journal_publisher set follow = $2, last_term = $3::bigint where publisher = $1`,

  writeParts: `
    insert into {schema}.journal_part (publisher, part, slots, cursor, owner, term, lease_until)
    select $1, part, slots, cursor, owner, term, lease_until
    from unnest($2::integer[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[])
      u(part, slots, cursor, owner, term, lease_until)
    on conflict (publisher, part) do update set slots = excluded.slots, cursor = excluded.cursor,
      owner = excluded.owner, term = excluded.term, lease_until = excluded.lease_until`,

  endParts: `delete from {schema}.journal_part where publisher = $1 and part = any ($2::integer[])`,

  writeMembers: `
    insert into {schema}.journal_member (publisher, owner, lease_until)
    select $1, owner, lease_until from unnest($2::text[], $3::bigint[]) u(owner, lease_until)
    on conflict (publisher, owner) do update set lease_until = excluded.lease_until`,

  endMembers: `delete from {schema}.journal_member where publisher = $1 and owner = any ($2::text[])`,

  save: `
    update {schema}.journal_part set cursor = $4 where publisher = $1 and part = $2::integer and term = $3::bigint
    returning part`,

  // Held streams in $6 to $13, freed ones in $14 and $15, dead letters in $16 to $22.
  saveAll: `
    with moved as (
      update {schema}.journal_part set cursor = $4 where publisher = $1 and part = $2::integer and term = $3::bigint
      returning part
    ), held as (
      insert into {schema}.journal_hold as h
        (publisher, scope, stream, slot, from_sequence, to_sequence, attempts, retry_at, error)
      select $1, u.scope, u.stream, u.slot, u.first, u.last, u.attempts, ${LATER('u.retry_in')}, u.error
      from moved cross join unnest($6::text[], $7::text[], $8::integer[], $9::bigint[], $10::bigint[], $11::integer[],
        $12::bigint[], $13::text[]) u(scope, stream, slot, first, last, attempts, retry_in, error)
      on conflict (publisher, scope, stream) do update set slot = excluded.slot,
        from_sequence = excluded.from_sequence, to_sequence = excluded.to_sequence, attempts = excluded.attempts,
        retry_at = excluded.retry_at, error = excluded.error
    ), freed as (
      delete from {schema}.journal_hold h using moved, unnest($14::text[], $15::text[]) u(scope, stream)
      where h.publisher = $1 and h.scope = u.scope and h.stream = u.stream
    ), dead as (
      insert into {schema}.journal_dead (publisher, scope, stream, event_id, sequence, type, attempts, error, died_at)
      select $1, u.scope, u.stream, u.id, u.sequence, u.type, u.attempts, u.error, coalesce($5::bigint, ${NOW})
      from moved cross join unnest($16::text[], $17::text[], $18::text[], $19::bigint[], $20::text[], $21::integer[],
        $22::text[]) with ordinality u(scope, stream, id, sequence, type, attempts, error, place)
      order by u.place
      on conflict (publisher, event_id) do update set number = default, attempts = excluded.attempts,
        error = excluded.error, died_at = excluded.died_at
    )
    select part from moved`,

  hold: `
    insert into {schema}.journal_hold
      (publisher, scope, stream, slot, from_sequence, to_sequence, attempts, retry_at, error)
    values ($1, $2, $3, $4::integer, $6::bigint, $7::bigint, 0, ${LATER('0')}, '')
    on conflict (publisher, scope, stream) do update set slot = excluded.slot, from_sequence = excluded.from_sequence,
      to_sequence = excluded.to_sequence, attempts = 0, retry_at = excluded.retry_at, error = ''`,

  free: `delete from {schema}.journal_hold where publisher = $1 and scope = $2 and stream = $3`,

  freeAll: `delete from {schema}.journal_hold where publisher = $1`,

  resolveDead: `
    delete from {schema}.journal_dead
    where publisher = $1 and number = any ($2::bigint[]) and ($3::text is null or scope = $3)
    returning number, scope, stream, event_id, sequence, type, attempts, error, died_at`,

  // Where it is held already, from the earlier one on: whatever comes first is tried next.
  redrive: `
    insert into {schema}.journal_hold as h
      (publisher, scope, stream, slot, from_sequence, to_sequence, attempts, retry_at, error)
    select $1, u.scope, u.stream, u.slot, u.first, u.last, 0, ${LATER('0')}, ''
    from unnest($2::text[], $3::text[], $4::integer[], $6::bigint[], $7::bigint[]) u(scope, stream, slot, first, last)
    on conflict (publisher, scope, stream) do update set
      from_sequence = least(h.from_sequence, excluded.from_sequence),
      to_sequence = greatest(h.to_sequence, excluded.to_sequence),
      attempts = case when excluded.from_sequence < h.from_sequence then 0 else h.attempts end,
      retry_at = case when excluded.from_sequence < h.from_sequence then excluded.retry_at else h.retry_at end,
      error = case when excluded.from_sequence < h.from_sequence then '' else h.error end`,

  forgetDead: `delete from {schema}.journal_dead where publisher = $1`,

  holds: `
    select scope, stream, slot, from_sequence, to_sequence, attempts, error,
      greatest(0, retry_at - coalesce($4::bigint, ${NOW})) as retry_in
    from {schema}.journal_hold where publisher = $1 and ($2::bigint >> slot) & 1 = 1
    order by retry_at, scope, stream limit $3::bigint`,

  deadLetters: `
    select number, scope, stream, event_id, sequence, type, attempts, error, died_at
    from {schema}.journal_dead
    where publisher = $1 and number > $2::bigint and ($3::text is null or scope = $3)
    order by number limit $4::bigint`,

  // It waits for nobody, so it cannot deadlock with whoever holds one of these rows.
  purgeDead: `
    with gone as (
      delete from {schema}.journal_dead where number = any (array(${OLD_DEAD} for update skip locked)) returning 1
    )
    select count(*) as count from gone`,

  countOldDead: `select count(*) as count from (${OLD_DEAD}) old`,
} as const

export type ProgressStatements = NamedStatements<keyof typeof TEXT>

export function progressStatements(schema: string): ProgressStatements {
  return namedStatements(TEXT, { schema: quoteIdentifier(schema) })
}
