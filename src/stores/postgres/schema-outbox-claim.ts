/**
 * The claim, as functions in the database: one round trip, atomic, safe behind a transaction-mode pooler.
 *
 * ## The problem
 * A queue's log is read forward from `pos`. Sequence numbers are taken at INSERT, but rows appear at COMMIT,
 * so a row may appear *behind* `pos`. Skipping it would lose a message; waiting for every older transaction
 * would stall behind any stranger who keeps one open; reading again from the oldest open transaction
 * would pass everything delivered meanwhile on every poll.
 *
 * ## Birth marks
 * The queue row remembers, as of its last page: `snap`, the snapshot that page was read in; `next_xid`, the
 * next transaction id unassigned at that moment; and for every transaction then open (`xids`), its *mark*: a
 * position that all its rows lie after. An id at or above the snapshot's xmax may be open too, without
 * being listed (xmax is the latest *completed* id + 1, not the next one): those share `next_mark`.
 *
 * A later page first looks for late rows, and only when a transaction of the list has ended: rows of
 * (lowest mark of the ended, pos] whose xid was not visible in `snap`. Then it reads on from `pos`. Every
 * row visible now and not visible in `snap` is thus read exactly once.
 *
 * Why a mark is right: an id is assigned before its transaction takes any sequence number (column order).
 * An id >= `next_xid` was assigned after the previous page, hence takes numbers above that page's `pos`;
 * so when it is first seen open, `pos` as the new page was asked with is a mark for it. `next_xid` is read with
 * age(), which is the next id only while this transaction has none: so the page is read before anything
 * is written, and the lock is an advisory one (a row lock would assign an id).
 *
 * ## What can interleave
 * - Two claims of one queue: the advisory lock admits one; the other's page is a statement begun
 *   after the lock was granted, so (READ COMMITTED) it sees all that the first committed. At a stricter isolation
 *   it would not: the function refuses.
 * - A claim and an enqueue: the row is visible to the page or found later, as argued above.
 * - A claim that ends expired leases, and a settle or extend of the same claim: both lock the claim's row; expiry
 *   skips a locked one, and a settle that waited finds no row and answers lost_claim.
 * - A kill at any point: the function is one transaction; if it committed unseen, its lease expires.
 *
 * Late rows, suspects, retries, scheduled messages and rows of scopes that a scoped claim passed over
 * all become rows of `outbox_due`; a claim merges it with the log by (time, seq). A transaction that
 * ends with more late rows than one page is worked off page by page: `late_snap` fixes the snapshot meanwhile.
 */

/** Is there anything for a claim to do? Reads only, takes no lock: what an idle poll costs. */
const PEEK = `
create function outbox_peek(p_lane text, p_target text, p_scopes text[], p_now bigint)
returns boolean language plpgsql stable as $body$
#variable_conflict use_column
declare
  q outbox_queue;
  s pg_snapshot := pg_current_snapshot();
begin
  select * into q from outbox_queue where lane = p_lane and target = p_target;
  if q.next_expiry <= p_now or q.late_pos is not null
     or (q.next_mark < q.pos and pg_snapshot_xmax(s) > pg_snapshot_xmax(q.snap))
     or exists (select from unnest(q.xids, q.marks) u(x, mark)
                where mark < q.pos and pg_visible_in_snapshot(x, s)) then
    return true;
  end if;
  if exists (select from outbox_message where lane = p_lane and target = p_target and available_at is null
             and seq + 0 > coalesce(q.pos, 0)) then
    return true;
  end if;
  if p_scopes is null then
    return exists (select from outbox_due where lane = p_lane and target = p_target and available_at <= p_now);
  end if;
  return exists (select from unnest(p_scopes) s(scope) cross join lateral (
    select from outbox_due d where array[d.lane, d.target, d.scope] = array[p_lane, p_target, s.scope]
      and d.available_at + 0 <= p_now limit 1) found);
end $body$`

/**
 * Ends the claims whose lease is over. Their messages keep their place in the queue, as suspects. Only a
 * message that its claim held alone is dead-lettered here: of several, nobody knows which one was at fault.
 */
const EXPIRE = `
create function outbox_expire(p_lane text, p_target text, p_now bigint)
returns bigint language plpgsql as $body$
#variable_conflict use_column
begin
  with ended as (
    delete from outbox_claim where token in (
      select token from outbox_claim where lane = p_lane and target = p_target and lease_until <= p_now
      order by lease_until limit 20 for update skip locked)
    returning consumer, size, seqs, attempts, due_ats
  ), open as (
    select e.consumer, o.seq, o.attempt, m.scope, coalesce(o.due_at, m.available_at, m.created_at) as due_at,
           e.size = 1 and o.attempt >= m.max_attempts as spent
    from ended e cross join unnest(e.seqs, e.attempts, e.due_ats) o(seq, attempt, due_at)
    join outbox_message m on m.seq = o.seq
  ), failed as (
    insert into outbox_failure (seq, attempt, failed_at, consumer, error)
    select seq, attempt, p_now, consumer, 'lease expired' from open
  ), dead as (
    insert into outbox_dead (seq, dead_at, attempts, available_at)
    select seq, p_now, attempt, due_at from open where spent
  )
  insert into outbox_due (seq, scope, lane, target, available_at, attempts, suspect, updated_at)
  select seq, scope, p_lane, p_target, least(due_at, p_now), attempt, true, p_now from open where not spent;
  return (select coalesce(min(lease_until), 9223372036854775807) from outbox_claim
          where lane = p_lane and target = p_target);
end $body$`

/** What one page found, before anything is written: the late rows, the rows ahead, and the new marks. */
const PAGE_TYPE = `
create type outbox_page as (
  snap pg_snapshot, next_xid xid8,
  late_seqs bigint[], seqs bigint[], scopes text[], times bigint[]
)`

const PAGE = `
create function outbox_read_page(q outbox_queue, p_limit integer, p_late_limit integer)
returns outbox_page language plpgsql as $body$
#variable_conflict use_column
declare
  page outbox_page;
begin
  if q.late_pos is not null then
    page.snap := q.late_snap;
    page.next_xid := q.late_next_xid;
    page.late_seqs := array(
      select seq from outbox_message where lane = q.lane and target = q.target and available_at is null
      and seq + 0 > q.late_pos and seq + 0 <= q.pos
      and pg_visible_in_snapshot(xid, q.late_snap) and not pg_visible_in_snapshot(xid, q.snap)
      order by seq + 0 limit p_late_limit);
    page.seqs := '{}';
    return page;
  end if;
  with now as materialized (
    select pg_current_snapshot() as snap
  ), low as materialized (
    select least(
      (select min(mark) from unnest(q.xids, q.marks) u(x, mark), now where pg_visible_in_snapshot(x, now.snap)),
      case when pg_snapshot_xmax(now.snap) > pg_snapshot_xmax(q.snap) then q.next_mark end) as mark
    from now
  ), ahead as materialized (
    select seq, scope, created_at from outbox_message
    where lane = q.lane and target = q.target and available_at is null and seq + 0 > q.pos
    order by seq + 0 limit p_limit
  )
  select now.snap,
    (pg_snapshot_xmax(now.snap)::text::bigint + age(pg_snapshot_xmax(now.snap)::xid))::text::xid8,
    array(select seq from outbox_message
      where lane = q.lane and target = q.target and available_at is null
      and seq + 0 > (select mark from low) and seq + 0 <= q.pos and not pg_visible_in_snapshot(xid, q.snap)
      order by seq + 0 limit p_late_limit),
    a.seqs, a.scopes, a.times
  into page
  from now, (select coalesce(array_agg(seq order by seq), '{}') as seqs, array_agg(scope order by seq) as scopes,
                    array_agg(created_at order by seq) as times from ahead) a;
  return page;
end $body$`

/** The state after a page: its snapshot, and a mark for everything that was open in it. */
const STEP = `
create function outbox_step(q outbox_queue, page outbox_page, p_pos bigint)
returns outbox_queue language plpgsql as $body$
#variable_conflict use_column
declare
  after outbox_queue := q;
  xmax xid8 := pg_snapshot_xmax(page.snap);
begin
  select coalesce(array_agg(e.x order by e.x), '{}'), coalesce(array_agg(e.mark order by e.x), '{}')
  into after.xids, after.marks
  from (
    select open.x, case
      when open.x < pg_snapshot_xmax(q.snap) then coalesce(known.mark, 0)
      when open.x < q.next_xid then q.next_mark
      else q.pos end as mark
    from pg_snapshot_xip(page.snap) open(x)
    left join unnest(q.xids, q.marks) known(x, mark) on known.x = open.x) e;
  -- Nobody between the snapshot and the next id: nothing unlisted was open, and no page is read twice.
  after.next_mark := case when page.next_xid = xmax then p_pos when xmax < q.next_xid then q.next_mark
                     else q.pos end;
  after.snap := page.snap;
  after.next_xid := page.next_xid;
  after.pos := p_pos;
  after.late_pos := null;
  after.late_snap := null;
  after.late_next_xid := null;
  return after;
end $body$`

const SAVE_QUEUE = `
create function outbox_save_queue(q outbox_queue) returns void language sql as $body$
  insert into outbox_queue select q.*
  on conflict (lane, target) do update set
    pos = excluded.pos, snap = excluded.snap, next_xid = excluded.next_xid, next_mark = excluded.next_mark,
    xids = excluded.xids, marks = excluded.marks, late_snap = excluded.late_snap,
    late_next_xid = excluded.late_next_xid, late_pos = excluded.late_pos, next_expiry = excluded.next_expiry
$body$`

/** Moves rows of the log to `outbox_due`, in their order. */
const DIVERT = `
create function outbox_divert(p_seqs bigint[], p_now bigint) returns void language sql as $body$
  insert into outbox_due (seq, scope, lane, target, available_at, updated_at)
  select seq, scope, lane, target, created_at, p_now from outbox_message where seq = any (p_seqs)
$body$`

/**
 * Which of the due rows and of the log rows ahead to take, oldest first: a suspect alone, otherwise everything
 * before the first suspect. The time of a log row is the running maximum, so that the log keeps its order and
 * what is taken of it is a prefix. `blocked` is the first row of the log that was not taken.
 */
const CHOOSE = `
create function outbox_choose(p_lane text, p_target text, p_scopes text[], page outbox_page, p_limit integer,
  p_now bigint, out seqs bigint[], out attempts integer[], out due_ats bigint[], out suspect boolean,
  out blocked bigint)
language plpgsql as $body$
#variable_conflict use_column
begin
  if p_scopes is null and not exists (select from outbox_due
     where lane = p_lane and target = p_target and available_at <= p_now) then
    seqs := page.seqs;
    attempts := array_fill(1, array[cardinality(seqs)]);
    suspect := false;
    return;
  end if;
  with due as (
    select d.seq, d.available_at as due_at, d.attempts, d.suspect from outbox_due d
    where p_scopes is null and d.lane = p_lane and d.target = p_target and d.available_at <= p_now
    order by d.available_at, d.seq + 0 limit p_limit
  ), scoped_due as (
    select f.* from unnest(p_scopes) s(scope) cross join lateral (
      select d.seq, d.available_at as due_at, d.attempts, d.suspect from outbox_due d
      where array[d.lane, d.target, d.scope] = array[p_lane, p_target, s.scope] and d.available_at + 0 <= p_now
      order by d.available_at + 0, d.seq + 0 limit p_limit) f
  ), ahead as (
    select a.seq, max(a.created_at) over (order by a.seq) as due_at
    from unnest(page.seqs, page.scopes, page.times) a(seq, scope, created_at)
    where p_scopes is null or a.scope = any (p_scopes)
  ), candidate as (
    select c.*, row_number() over (order by c.due_at, c.seq) as place from (
      select due.*, false as ahead from due union all select scoped_due.*, false from scoped_due
      union all select ahead.seq, ahead.due_at, 0, false, true from ahead) c
  ), verdict as (
    select c.*, c.place <= p_limit
      and c.place < greatest(2, coalesce((select min(place) from candidate f where f.suspect), p_limit + 1)) as taken
    from candidate c
  )
  select coalesce(array_agg(v.seq order by v.place) filter (where v.taken), '{}'),
         coalesce(array_agg(v.attempts + 1 order by v.place) filter (where v.taken), '{}'),
         array_agg(case when not v.ahead then v.due_at end order by v.place) filter (where v.taken),
         coalesce(bool_or(v.suspect) filter (where v.taken), false),
         min(v.seq) filter (where v.ahead and not v.taken)
  into seqs, attempts, due_ats, suspect, blocked
  from verdict v;
end $body$`

const CLAIMED_TYPE = `
create type outbox_claimed as (
  seq bigint, scope text, type text, key text, payload bytea, content_type text, headers text, dedupe_key text,
  max_attempts integer, available_at bigint, created_at bigint, claimed_at bigint, attempts integer,
  last_error text, lease_until bigint, suspect boolean
)`

/** Answers the messages of one new claim; a single row without seq says: nothing yet, but call again. */
const CLAIM = `
create function outbox_claim(p_lane text, p_target text, p_scopes text[], p_limit integer, p_lease_ms bigint,
  p_consumer text, p_token text, p_now bigint)
returns setof outbox_claimed language plpgsql as $body$
#variable_conflict use_column
declare
  v_now bigint := coalesce(p_now, floor(extract(epoch from clock_timestamp()) * 1000)::bigint);
  v_page_limit integer := case when p_scopes is null then p_limit else greatest(p_limit, 5000) end;
  v_late_limit constant integer := 1000;
  q outbox_queue;
  page outbox_page;
  chosen record;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'outbox_claim needs READ COMMITTED' using errcode = 'WB001';
  end if;
  if not outbox_peek(p_lane, p_target, p_scopes, v_now) then
    return;
  end if;
  perform pg_advisory_xact_lock(hashtext('waybill.outbox.' || current_schema()),
                                hashtext(p_lane || chr(1) || p_target));
  select * into q from outbox_queue where lane = p_lane and target = p_target;
  if not found then
    q := (p_lane, p_target, 0, '1:1:', '1', 0, '{}', '{}', null, null, null, 9223372036854775807);
  end if;
  page := outbox_read_page(q, v_page_limit, v_late_limit);
  -- From here on this transaction writes; see "Birth marks" for why not before.
  if page.late_seqs <> '{}' then
    perform outbox_divert(page.late_seqs, v_now);
  end if;
  if q.next_expiry <= v_now then
    q.next_expiry := outbox_expire(p_lane, p_target, v_now);
  end if;
  if cardinality(page.late_seqs) = v_late_limit then
    q.late_snap := page.snap;
    q.late_next_xid := page.next_xid;
    q.late_pos := page.late_seqs[v_late_limit];
    page.seqs := '{}';
    chosen := outbox_choose(p_lane, p_target, p_scopes, page, p_limit, v_now);
  else
    chosen := outbox_choose(p_lane, p_target, p_scopes, page, p_limit, v_now);
    q := outbox_pass(q, page, p_scopes, chosen.blocked, v_now);
  end if;
  if cardinality(chosen.seqs) = 0 then
    perform outbox_save_queue(q);
    if cardinality(page.seqs) = v_page_limit or q.late_pos is not null then
      return next null::outbox_claimed;
    end if;
    return;
  end if;
  q.next_expiry := least(q.next_expiry, v_now + p_lease_ms);
  perform outbox_save_queue(q);
  delete from outbox_due where seq = any (chosen.seqs);
  insert into outbox_claim values (p_token, p_lane, p_target, p_consumer, v_now, v_now + p_lease_ms,
    cardinality(chosen.seqs), chosen.suspect, chosen.seqs, chosen.attempts, chosen.due_ats);
  return query select m.seq, m.scope, m.type, m.key, m.payload, m.content_type, m.headers, m.dedupe_key,
    m.max_attempts, coalesce(c.due_at, m.available_at, m.created_at), m.created_at, v_now, c.attempt,
    case when c.attempt > 1 then
      (select f.error from outbox_failure f where f.seq = m.seq order by f.id desc limit 1) end,
    v_now + p_lease_ms, chosen.suspect
  from unnest(chosen.seqs, chosen.attempts, chosen.due_ats) with ordinality c(seq, attempt, due_at, place)
  join outbox_message m on m.seq = c.seq order by c.place;
end $body$`

/** Moves the position past what was taken; rows of other scopes that it passes are diverted. */
const PASS = `
create function outbox_pass(q outbox_queue, page outbox_page, p_scopes text[], p_blocked bigint, p_now bigint)
returns outbox_queue language plpgsql as $body$
#variable_conflict use_column
declare
  v_pos bigint := coalesce(p_blocked - 1, page.seqs[cardinality(page.seqs)], q.pos);
begin
  if p_scopes is not null then
    perform outbox_divert(array(
      select a.seq from unnest(page.seqs, page.scopes) a(seq, scope)
      where a.seq <= v_pos and a.scope <> all (p_scopes)), p_now);
  end if;
  return outbox_step(q, page, v_pos);
end $body$`

export const OUTBOX_CLAIM_FUNCTIONS = [
  PEEK, EXPIRE, PAGE_TYPE, PAGE, STEP, SAVE_QUEUE, DIVERT, CHOOSE, CLAIMED_TYPE, PASS, CLAIM,
] as const
