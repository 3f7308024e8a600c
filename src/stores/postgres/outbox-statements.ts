/**
 * Every statement of the PostgreSQL outbox but the functions, one constant each, with the schema's quoted name
 * put in once. Columns of a message are read in one place, `MESSAGE`, which derives the state: exactly
 * one side table names a message, or none and it waits in the log.
 */
import { quoteIdentifier } from '../../sql/identifier.js'
import { namedStatements, NOW, type NamedStatements } from './named-statements.js'

/** `{schema}` is replaced by the quoted schema, `{sequence}` by a literal naming the identity's sequence. */
const MESSAGE = `
  select m.seq, m.scope, m.lane, m.target, m.type, m.key, m.payload, m.content_type, m.headers, m.dedupe_key,
    m.max_attempts, m.created_at,
    coalesce(d.available_at, c.due_at, v.available_at, x.available_at, m.available_at, m.created_at) as available_at,
    coalesce(c.attempt, d.attempts, v.attempts, x.attempts, 0) as attempts,
    coalesce(c.claimed_at, d.updated_at, v.delivered_at, x.dead_at, m.created_at) as updated_at,
    case when c.token is not null then 'claimed' when d.seq is not null then 'pending'
      when v.seq is not null then 'delivered' when x.seq is not null then 'dead_letter'
      else 'pending' end as status,
    c.consumer, c.token, c.lease_until,
    (select f.error from {schema}.outbox_failure f where f.seq = m.seq order by f.id desc limit 1) as last_error,
    (select r.redriven_at from {schema}.outbox_redriven r where r.seq = m.seq) as redriven_at
  from {schema}.outbox_message m
  left join {schema}.outbox_due d on d.seq = m.seq
  left join {schema}.outbox_delivered v on v.seq = m.seq
  left join {schema}.outbox_dead x on x.seq = m.seq
  left join (
    select o.seq, o.attempt, o.due_at, k.token, k.consumer, k.lease_until, k.claimed_at
    from {schema}.outbox_claim k cross join unnest(k.seqs, k.attempts, k.due_ats) o(seq, attempt, due_at)
  ) c on c.seq = m.seq`

const FILTER = `
    ($1::text is null or m.lane = $1) and ($2::text is null or m.target = $2)
    and ($3::text is null or m.key = $3) and ($4::text is null or m.scope = $4)
    and ($5::bigint is null or m.seq > $5)`

const COLUMNS = 'scope, lane, target, type, key, payload, content_type, headers, max_attempts, created_at'

// The time is asked for in a SELECT of its own, so that an index finds what is old: compared with a function that may
// change from row to row, all that is young would be read too.
const OLD_DELIVERED = `
  select v.seq from {schema}.outbox_delivered v
  where v.delivered_at <= (select coalesce($3::bigint, ${NOW}) - $1::bigint)
    and ($4::text is null or exists (select from {schema}.outbox_message m where m.seq = v.seq and m.scope = $4))
  order by v.delivered_at limit $2::bigint`

const OLD_DEDUPE = `
  select ctid from {schema}.outbox_dedupe
  where left_at <= (select coalesce($3::bigint, ${NOW}) - $1::bigint) and ($4::text is null or scope = $4)
  order by left_at limit $2::bigint`

const TEXT = {
  readTag: `select value from {schema}.meta where key = 'tag'`,

  insertOne: `
    insert into {schema}.outbox_message (${COLUMNS})
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, coalesce($10::bigint, ${NOW}))
    returning seq`,

  insertMany: `
    insert into {schema}.outbox_message (${COLUMNS})
    select scope, lane, target, type, key, payload, content_type, headers, max_attempts,
      coalesce($10::bigint, ${NOW})
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::text[], $8::text[],
      $9::integer[]) with ordinality
      u(scope, lane, target, type, key, payload, content_type, headers, max_attempts, place)
    order by place
    returning seq`,

  // The id of the transaction is taken first, in a materialized part: see schema-outbox-claim.ts. The time is read
  // once, so that a delay is to the millisecond what was asked for.
  insertManyDue: `
    with self as materialized (select pg_current_xact_id() as xid, coalesce($10::bigint, ${NOW}) as now),
    written as (
      insert into {schema}.outbox_message (xid, seq, ${COLUMNS}, dedupe_key, available_at)
      select self.xid, coalesce(u.seq, nextval({sequence})), scope, lane, target, type, key, payload,
        content_type, headers, max_attempts, self.now, dedupe_key, coalesce(due_at, self.now + due_in)
      from self cross join unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[],
        $7::text[], $8::text[], $9::integer[], $11::bigint[], $12::text[], $13::bigint[], $14::bigint[])
        with ordinality
        u(scope, lane, target, type, key, payload, content_type, headers, max_attempts, seq, dedupe_key,
          due_at, due_in, place)
      order by place
      returning seq, scope, lane, target, key, available_at, created_at
    ), due as (
      insert into {schema}.outbox_due (seq, scope, lane, target, key, available_at, updated_at)
      select seq, scope, lane, target, key, available_at, created_at from written where available_at is not null
    )
    select seq from written order by seq`,

  // Numbers the whole batch in its order, but takes the keys in sorted order.
  reserveKeys: `
    with self as materialized (select pg_current_xact_id() as xid),
    numbered as materialized (
      select place, nextval({sequence}) as seq, scope, lane, target, dedupe_key, digest
      from self cross join unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[])
        with ordinality u(scope, lane, target, dedupe_key, digest, place)
      order by place
    ), reserved as (
      insert into {schema}.outbox_dedupe (scope, lane, target, dedupe_key, digest, seq)
      select scope, lane, target, dedupe_key, digest, seq from numbered where dedupe_key is not null
      order by scope collate "C", lane collate "C", target collate "C", dedupe_key collate "C", place
      on conflict do nothing
      returning seq
    )
    select n.seq, r.seq is not null as reserved
    from numbered n left join reserved r on r.seq = n.seq order by n.place`,

  findKeys: `
    select d.scope, d.lane, d.target, d.dedupe_key, d.digest, d.seq
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) u(scope, lane, target, dedupe_key)
    join {schema}.outbox_dedupe d using (scope, lane, target, dedupe_key)`,

  unreserveKeys: `delete from {schema}.outbox_dedupe where seq = any ($1::bigint[])`,

  claim: `select * from {schema}.outbox_claim($1, $2, $3::text[], $4::integer, $5::bigint, $6, $7, $8::bigint)`,

  settle: `
    select place, answer from {schema}.outbox_settle($1, $2::bigint[], $3::text[], $4::text[], $5::bigint[],
      $6::bigint[], $7, $8::boolean, $9::bigint)`,

  extend: `select {schema}.outbox_extend($1, $2::bigint, $3, $4::bigint) as lease_until`,

  get: `${MESSAGE} where m.seq = any ($1::bigint[]) and ($2::text is null or m.scope = $2)`,

  listAll: `${MESSAGE} where ${FILTER} order by m.seq limit $6::bigint`,

  listClaimed: `${MESSAGE} where c.token is not null and ${FILTER} order by m.seq limit $6::bigint`,

  listDelivered: `${MESSAGE} where v.seq is not null and ${FILTER} order by m.seq limit $6::bigint`,

  listDead: `${MESSAGE} where x.seq is not null and ${FILTER} order by m.seq limit $6::bigint`,

  listPending: `
    ${MESSAGE} where c.token is null and v.seq is null and x.seq is null and ${FILTER}
    order by m.seq limit $6::bigint`,

  // The log is counted from the lowest place where a row can still be waiting: the position or a mark.
  stats: `
    with clock as (select coalesce($4::bigint, ${NOW}) as now),
    waiting as (
      select m.lane, m.target, 'ready' as state, count(*) as n, min(m.created_at) as oldest
      from {schema}.outbox_message m
      left join {schema}.outbox_queue q on q.lane = m.lane and q.target = m.target
      where m.available_at is null
        and (q.pos is null or m.seq > q.pos
          or (m.seq > least(q.next_mark, (select min(mark) from unnest(q.marks) mark))
              and not pg_visible_in_snapshot(m.xid, q.snap) and (q.late_pos is null or m.seq > q.late_pos)))
        and ($1::text is null or m.lane = $1) and ($2::text is null or m.target = $2)
        and ($3::text is null or m.scope = $3)
      group by 1, 2
      union all
      select lane, target, case when available_at <= clock.now then 'ready' else 'scheduled' end, count(*),
        min(available_at)
      from {schema}.outbox_due, clock
      where ($1::text is null or lane = $1) and ($2::text is null or target = $2)
        and ($3::text is null or scope = $3)
      group by 1, 2, 3
      union all
      select l.lane, l.target, 'ready', sum(cardinality(l.seqs)), min(m.created_at)
      from {schema}.outbox_line l join {schema}.outbox_message m on m.seq = l.first_seq
      where ($1::text is null or l.lane = $1) and ($2::text is null or l.target = $2)
        and ($3::text is null or l.scope = $3)
      group by 1, 2
      union all
      select m.lane, m.target, s.state, count(*), null
      from (
        select unnest(seqs) as seq, 'claimed' as state from {schema}.outbox_claim
        union all select seq, 'delivered' from {schema}.outbox_delivered
        union all select seq, 'dead_letter' from {schema}.outbox_dead
      ) s join {schema}.outbox_message m on m.seq = s.seq
      where ($1::text is null or m.lane = $1) and ($2::text is null or m.target = $2)
        and ($3::text is null or m.scope = $3)
      group by 1, 2, 3
    )
    select lane, target,
      coalesce(sum(n) filter (where state = 'ready'), 0) as ready,
      coalesce(sum(n) filter (where state = 'scheduled'), 0) as scheduled,
      coalesce(sum(n) filter (where state = 'claimed'), 0) as claimed,
      coalesce(sum(n) filter (where state = 'delivered'), 0) as delivered,
      coalesce(sum(n) filter (where state = 'dead_letter'), 0) as dead_letter,
      min(oldest) filter (where state = 'ready') as oldest_ready, max(clock.now) as now
    from waiting, clock group by lane, target order by lane, target`,

  // By arrays: joined with a subquery of unknown size, each table would be read whole for every batch (measured: 95 ms
  // for 200 of 300,000 instead of 0.6).
  purgeDelivered: `
    with old as (
      delete from {schema}.outbox_delivered where seq = any (array(${OLD_DELIVERED} for update skip locked))
      returning seq
    ), messages as (delete from {schema}.outbox_message where seq = any (array(select seq from old))),
    failures as (delete from {schema}.outbox_failure where seq = any (array(select seq from old))),
    redriven as (delete from {schema}.outbox_redriven where seq = any (array(select seq from old))),
    edits as (delete from {schema}.outbox_edit where seq = any (array(select seq from old)))
    select count(*) as n from old`,

  countOldDelivered: `select count(*) as n from (${OLD_DELIVERED}) old`,

  purgeDead: `select {schema}.outbox_purge_dead($1, $2, $4, $3) as n`,

  countOldDead: `
    select count(*) as n from (select 1 from {schema}.outbox_dead
      where dead_at <= (select coalesce($3::bigint, ${NOW}) - $1::bigint) and ($4::text is null or scope = $4)
      limit $2::bigint) old`,

  purgeDedupe: `
    with old as (
      delete from {schema}.outbox_dedupe where ctid = any (array(${OLD_DEDUPE} for update skip locked))
      returning 1
    ) select count(*) as n from old`,

  countOldDedupe: `select count(*) as n from (${OLD_DEDUPE}) old`,

  failures: `
    select attempt, failed_at, consumer, error from (
      select f.* from {schema}.outbox_failure f
      where f.seq = $1::bigint and ($2::text is null or exists (
        select from {schema}.outbox_message m where m.seq = f.seq and m.scope = $2))
      order by f.id desc limit 1000) latest
    order by id`,

  resolveDead: `select seq from {schema}.outbox_resolve_dead($1::bigint[], $2, $3::boolean, $4::bigint)`,

  redriveEdited: `
    select seq from {schema}.outbox_redrive_edited($1::bigint, $2, $3::bytea, $4, $5, $6, $7::bigint)`,

  edits: `
    select e.edited_at, e.by, e.note, e.content_type, e.payload from {schema}.outbox_edit e
    where e.seq = $1::bigint and exists (
      select from {schema}.outbox_message m where m.seq = e.seq and ($2::text is null or m.scope = $2))
    order by e.id`,

  quarantine: `
    select seq from {schema}.outbox_quarantine($1::bigint[], $2::text[], $3, $4, $5::bigint)`,

  pause: `insert into {schema}.outbox_pause (lane, target) values ($1, $2) on conflict do nothing`,

  resume: `delete from {schema}.outbox_pause where lane = $1 and target = $2`,

  lanes: `select lane, ordering from {schema}.outbox_lane order by lane collate "C"`,

  paused: `select lane, target from {schema}.outbox_pause order by lane collate "C", target collate "C"`,
} as const

export type OutboxStatementName = keyof typeof TEXT
export type OutboxStatements = NamedStatements<OutboxStatementName>

export function outboxStatements(schema: string): OutboxStatements {
  const sequence = `'${`${quoteIdentifier(schema)}.outbox_message_seq_seq`.replaceAll("'", "''")}'`
  return namedStatements(TEXT, { schema: quoteIdentifier(schema), sequence })
}
