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
 * Late rows, suspects, retries and scheduled messages are rows of `outbox_due`; a claim merges it with the log by
 * (time, seq). What else waits outside the log, for its key or for its scope's turn: schema-outbox-order.ts. A
 * transaction that ends with more late rows than one page is worked off page by page: `late_snap` fixes the
 * snapshot meanwhile; an ordered lane waits for that.
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
  if exists (select from outbox_pause where lane = p_lane and target in (p_target, '')) then
    return false;
  end if;
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
  -- The log has been read, so what waited for that need not wait longer.
  if exists (select from outbox_due where unread and lane = p_lane and target = p_target) then
    return true;
  end if;
  if p_scopes is null then
    return exists (select from outbox_due where not behind
                   and lane = p_lane and target = p_target and available_at <= p_now)
      or exists (select from outbox_key where lane = p_lane and target = p_target and open_at <= p_now)
      or exists (select from outbox_line where key = '' and lane = p_lane and target = p_target);
  end if;
  return exists (select from unnest(p_scopes) s(scope) cross join lateral (
      select from outbox_due d where not d.behind
        and array[d.lane, d.target, d.scope] = array[p_lane, p_target, s.scope]
        and d.available_at + 0 <= p_now limit 1) found)
    or exists (select from unnest(p_scopes) s(scope) cross join lateral (
      select from outbox_key k where array[k.lane, k.target, k.scope] = array[p_lane, p_target, s.scope]
        and k.open_at + 0 <= p_now limit 1) found)
    or exists (select from unnest(p_scopes) s(scope) cross join lateral (
      select from outbox_line l where l.key = '' and l.lane = p_lane and l.target = p_target and l.scope = s.scope
      limit 1) found);
end $body$`

/**
 * Ends the claims whose lease is over. Their messages keep their place in the queue, as suspects. Only a
 * message that its claim held alone is dead-lettered here: of several, nobody knows which one was at fault.
 */
const EXPIRE = `
create function outbox_expire(p_lane text, p_target text, p_ordering text, p_now bigint)
returns bigint language plpgsql as $body$
#variable_conflict use_column
declare
  v_scopes text[];
  v_keys text[];
  v_dead_scopes text[];
  v_dead_keys text[];
begin
  with ended as (
    delete from outbox_claim where token in (
      select token from outbox_claim where lane = p_lane and target = p_target and lease_until <= p_now
      order by lease_until limit 20 for update skip locked)
    returning consumer, size, seqs, attempts, due_ats, keys
  ), open as (
    select e.consumer, o.seq, o.attempt, m.scope, case when o.hash is not null then m.key end as key,
           coalesce(o.due_at, m.available_at, m.created_at) as due_at,
           e.size = 1 and o.attempt >= m.max_attempts as spent
    from ended e cross join unnest(e.seqs, e.attempts, e.due_ats, e.keys) o(seq, attempt, due_at, hash)
    join outbox_message m on m.seq = o.seq
  ), failed as (
    insert into outbox_failure (seq, attempt, failed_at, consumer, error)
    select seq, attempt, p_now, consumer, 'lease expired' from open
  ), dead as (
    insert into outbox_dead (seq, dead_at, attempts, available_at, lane, target, scope, key)
    select seq, p_now, attempt, due_at, p_lane, p_target, scope, case when p_ordering = 'block' then key end
    from open where spent
  ), due as (
    insert into outbox_due (seq, scope, lane, target, key, available_at, attempts, suspect, updated_at)
    select seq, scope, p_lane, p_target, key, least(due_at, p_now), attempt, true, p_now from open where not spent
  )
  select array_agg(scope), array_agg(key), array_agg(scope) filter (where spent), array_agg(key) filter (where spent)
  into v_scopes, v_keys, v_dead_scopes, v_dead_keys
  from open where key is not null;
  if p_ordering = 'block' then
    perform outbox_close_keys(p_lane, p_target, v_dead_scopes, v_dead_keys);
  end if;
  perform outbox_arrange(p_lane, p_target, v_scopes, v_keys);
  return (select coalesce(min(lease_until), 9223372036854775807) from outbox_claim
          where lane = p_lane and target = p_target);
end $body$`

const CLAIMED_TYPE = `
create type outbox_claimed as (
  seq bigint, scope text, type text, key text, payload bytea, content_type text, headers text, dedupe_key text,
  max_attempts integer, available_at bigint, created_at bigint, claimed_at bigint, attempts integer,
  last_error text, redriven_at bigint, lease_until bigint, suspect boolean, ordering text
)`

/** Whether due rows are of several scopes, or of another than this one: two probes of an index. */
const DUE_VARIES = `
create function outbox_due_varies(p_lane text, p_target text, p_scope text)
returns boolean language plpgsql stable as $body$
#variable_conflict use_column
declare
  v_other text := p_scope;
begin
  if v_other is null then
    select d.scope into v_other from outbox_due d
    where not d.behind and array[d.lane, d.target, d.scope] > array[p_lane, p_target]
    order by array[d.lane, d.target, d.scope], d.available_at + 0 limit 1;
  end if;
  return exists (
    select from (select d.lane, d.target, d.scope from outbox_due d
      where not d.behind and array[d.lane, d.target, d.scope] > array[p_lane, p_target]
      order by array[d.lane, d.target, d.scope], d.available_at + 0 limit 1) first
    where first.lane = p_lane and first.target = p_target and first.scope <> v_other
    union all
    select from (select d.lane, d.target, d.scope from outbox_due d
      where not d.behind and array[d.lane, d.target, d.scope] > array[p_lane, p_target, v_other]
      order by array[d.lane, d.target, d.scope], d.available_at + 0 limit 1) next
    where next.lane = p_lane and next.target = p_target);
end $body$`

/**
 * The next page. Where its queue turns out to have several scopes, and the page is not the end of the log, a long
 * one, so that those behind the backlog of one are seen.
 */
const NEXT_PAGE = `
create function outbox_next_page(p_scopes text[], p_ordering text, p_limit integer, p_late_limit integer,
  inout q outbox_queue, out page outbox_page, out is_full boolean)
language plpgsql as $body$
#variable_conflict use_column
declare
  v_long constant integer := greatest(p_limit, 5000);
  v_limit integer := case when p_scopes is not null or q.several_scopes then v_long
    when p_ordering <> 'none' then greatest(p_limit, 500) else p_limit end;
begin
  page := outbox_read_page(q, v_limit, p_late_limit);
  is_full := cardinality(page.seqs) = v_limit;
  if q.several_scopes or p_scopes is not null then
    return;
  end if;
  q.several_scopes := page.scopes[1] <> any (page.scopes)
    or exists (select from outbox_line where key = '' and lane = q.lane and target = q.target)
    or (is_full and page.scopes[1] <> (select scope from outbox_message
        where lane = q.lane and target = q.target and available_at is null order by seq + 0 desc limit 1));
  q.several_scopes := coalesce(q.several_scopes, false) or outbox_due_varies(q.lane, q.target, page.scopes[1]);
  if q.several_scopes and is_full then
    page := outbox_read_page(q, v_long, p_late_limit);
    is_full := cardinality(page.seqs) = v_long;
  end if;
end $body$`

/**
 * Answers the messages of one new claim; a single row without seq says: nothing yet, but call again. What most
 * messages have is left out, and what all of them share is in the first row only: half the cost of a claim is the
 * driver's, per value (measured in a loop of claim and settle: 8.0 µs of the client a message, so 4.8).
 */
const CLAIM = `
create function outbox_claim(p_lane text, p_target text, p_scopes text[], p_limit integer, p_lease_ms bigint,
  p_consumer text, p_token text, p_now bigint)
returns setof outbox_claimed language plpgsql as $body$
#variable_conflict use_column
declare
  v_now bigint := coalesce(p_now, floor(extract(epoch from clock_timestamp()) * 1000)::bigint);
  v_late_limit constant integer := 1000;
  v_ordering text;
  q outbox_queue;
  page outbox_page;
  v_next record;
  choice outbox_choice;
begin
  if not outbox_peek(p_lane, p_target, p_scopes, v_now) then
    return;
  end if;
  perform outbox_lock_queue(p_lane, p_target);
  v_ordering := coalesce((select ordering from outbox_lane where lane = p_lane), 'none');
  select * into q from outbox_queue where lane = p_lane and target = p_target;
  if not found then
    q := (p_lane, p_target, 0, '1:1:', '1', 0, '{}', '{}', null, null, null, 9223372036854775807, false);
  end if;
  v_next := outbox_next_page(p_scopes, v_ordering, p_limit, v_late_limit, q);
  q := v_next.q;
  page := v_next.page;
  -- From here on this transaction writes; see "Birth marks" for why not before.
  if page.late_seqs <> '{}' then
    perform outbox_divert(p_lane, p_target, page.late_seqs, v_ordering <> 'none', v_now);
  end if;
  if q.next_expiry <= v_now then
    q.next_expiry := outbox_expire(p_lane, p_target, v_ordering, v_now);
  end if;
  if cardinality(page.late_seqs) = v_late_limit then
    q.late_snap := page.snap;
    q.late_next_xid := page.next_xid;
    q.late_pos := page.late_seqs[v_late_limit];
    if v_ordering = 'none' then
      page.seqs := '{}';
      page.scopes := '{}';
      page.keys := '{}';
      page.times := '{}';
      choice := outbox_choose(p_lane, p_target, p_scopes, q, page, v_ordering, p_limit, false, v_now);
    end if;
    choice.more := true;
  elsif v_next.is_full and p_scopes is null and q.several_scopes then
    -- Nothing is taken until the log has been read to its end, so that a scope behind another's backlog has its turn.
    perform outbox_set_aside(p_lane, p_target, page.scopes,
      array_fill(''::text, array[cardinality(page.seqs)]), page.seqs);
    q := outbox_step(q, page, page.seqs[cardinality(page.seqs)]);
    choice.more := true;
  else
    if v_ordering = 'none' and p_scopes is null and not (q.several_scopes and (
        cardinality(page.seqs) > p_limit
        or exists (select from outbox_line where key = '' and lane = p_lane and target = p_target)))
      and not exists (select from outbox_due
        where not behind and lane = p_lane and target = p_target and available_at <= v_now) then
      choice.seqs := page.seqs;
      choice.attempts := array_fill(1, array[cardinality(page.seqs)]);
      choice.suspect := false;
      choice.pos := coalesce(page.seqs[cardinality(page.seqs)], q.pos);
    else
      choice := outbox_choose(p_lane, p_target, p_scopes, q, page, v_ordering, p_limit, v_next.is_full, v_now);
    end if;
    q := outbox_step(q, page, choice.pos);
  end if;
  if coalesce(cardinality(choice.seqs), 0) = 0 then
    perform outbox_save_queue(q);
    perform outbox_arrange(p_lane, p_target, choice.touched_scopes, choice.touched_keys);
    if choice.more then
      return next null::outbox_claimed;
    end if;
    return;
  end if;
  q.next_expiry := least(q.next_expiry, v_now + p_lease_ms);
  perform outbox_save_queue(q);
  delete from outbox_due where seq = any (choice.seqs);
  insert into outbox_claim values (p_token, p_lane, p_target, p_consumer, v_now, v_now + p_lease_ms,
    cardinality(choice.seqs), choice.suspect, choice.seqs, choice.attempts, choice.due_ats, choice.keys);
  perform outbox_arrange(p_lane, p_target, choice.touched_scopes, choice.touched_keys);
  return query select m.seq, nullif(m.scope, 'default'), m.type, m.key, m.payload,
    nullif(m.content_type, 'application/json'), nullif(m.headers, '{}'), m.dedupe_key, nullif(m.max_attempts, 20),
    nullif(coalesce(c.due_at, m.available_at), m.created_at), m.created_at,
    case when c.place = 1 then v_now end, nullif(c.attempt, 1),
    case when c.due_at is not null then
      (select f.error from outbox_failure f where f.seq = m.seq order by f.id desc limit 1) end,
    case when c.due_at is not null then (select r.redriven_at from outbox_redriven r where r.seq = m.seq) end,
    case when c.place = 1 then v_now + p_lease_ms end, case when c.place = 1 then choice.suspect end,
    case when c.place = 1 then v_ordering end
  from unnest(choice.seqs, choice.attempts, choice.due_ats) with ordinality c(seq, attempt, due_at, place)
  -- "offset 0" keeps this a lookup per message: a merge join reads the primary key from its beginning.
  cross join lateral (select * from outbox_message o where o.seq = c.seq offset 0) m
  order by c.place;
end $body$`

export const OUTBOX_CLAIM_FUNCTIONS = [PEEK, EXPIRE, CLAIMED_TYPE, DUE_VARIES, NEXT_PAGE, CLAIM] as const
