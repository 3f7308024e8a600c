/**
 * What a claim takes, where more than the log is in question: due rows, several scopes, keys. Everything runs in the
 * claim's transaction under the queue's lock. Lines and keys: schema-outbox-order.ts.
 */

/** One that may be taken. source: `due`, `log` (the page), `scope` (a scope's line) or `line` (a key's). */
const CANDIDATE_TYPE = `
create type outbox_candidate as (
  seq bigint, scope text, key text, due_at bigint, attempts integer, suspect boolean, source text
)`

/**
 * The scopes that have due rows: the first 64 by name, one index probe each, and those of the oldest rows, so that
 * no scope waits for its name.
 */
const DUE_SCOPES = `
create function outbox_due_scopes(p_lane text, p_target text, p_limit integer, p_now bigint)
returns text[] language sql stable as $body$
  with recursive next(lane, target, scope, n) as (
    (select d.lane, d.target, d.scope, 1 from outbox_due d
     where not d.behind and array[d.lane, d.target, d.scope] > array[p_lane, p_target]
     order by array[d.lane, d.target, d.scope] limit 1)
    union all
    select d.* from next cross join lateral (
      select d.lane, d.target, d.scope, next.n + 1 from outbox_due d
      where not d.behind and array[d.lane, d.target, d.scope] > array[p_lane, p_target, next.scope]
      order by array[d.lane, d.target, d.scope] limit 1) d
    where next.lane = p_lane and next.target = p_target and next.n < 64
  ), oldest as (
    select d.scope from outbox_due d
    where not d.behind and d.lane = p_lane and d.target = p_target and d.available_at <= p_now
    order by d.available_at, d.seq + 0 limit p_limit
  )
  select array(select scope from next where lane = p_lane and target = p_target union select scope from oldest)
$body$`

/** The oldest due rows; where scopes take turns, some of each. */
const DUE_CANDIDATES = `
create function outbox_due_candidates(p_lane text, p_target text, p_scopes text[], p_fair boolean, p_ordered boolean,
  p_limit integer, p_now bigint)
returns outbox_candidate[] language plpgsql stable as $body$
#variable_conflict use_column
declare
  v_scopes text[];
  v_share integer;
begin
  if not exists (select from outbox_due d where not d.behind
     and d.lane = p_lane and d.target = p_target and d.available_at <= p_now) then
    return '{}';
  end if;
  if not p_fair then
    return array(select row(d.seq, d.scope, case when p_ordered then d.key end, d.available_at, d.attempts, d.suspect,
        'due')::outbox_candidate
      from outbox_due d where not d.behind and d.lane = p_lane and d.target = p_target and d.available_at <= p_now
      order by d.available_at, d.seq + 0 limit p_limit);
  end if;
  v_scopes := coalesce(p_scopes, outbox_due_scopes(p_lane, p_target, p_limit, p_now));
  v_share := least(p_limit, greatest(2, 4 * p_limit / greatest(1, cardinality(v_scopes))));
  return array(select row(f.seq, f.scope, case when p_ordered then f.key end, f.available_at, f.attempts, f.suspect,
      'due')::outbox_candidate
    from (select distinct u.scope from unnest(v_scopes) u(scope)) s cross join lateral (
      select d.* from outbox_due d where not d.behind
      and array[d.lane, d.target, d.scope] = array[p_lane, p_target, s.scope] and d.available_at + 0 <= p_now
      order by d.available_at + 0, d.seq + 0 limit v_share) f);
end $body$`

/** The time of a row that waits in order is the running maximum, so that what is taken is a prefix. */
const LOG_CANDIDATES = `
create function outbox_log_candidates(page outbox_page, p_ordered boolean)
returns outbox_candidate[] language sql stable as $body$
  select array(select row(a.seq, a.scope, case when p_ordered then a.key end,
      max(a.created_at) over (order by a.seq), 0, false, 'log')::outbox_candidate
    from unnest(page.seqs, page.scopes, page.keys, page.times) a(seq, scope, key, created_at))
$body$`

/** From the lines of scopes: the front of each, those with the oldest front first. */
const SCOPE_CANDIDATES = `
create function outbox_scope_candidates(p_lane text, p_target text, p_scopes text[], p_ordered boolean,
  p_limit integer)
returns outbox_candidate[] language plpgsql stable as $body$
#variable_conflict use_column
declare
  v_scopes text[] := case when p_scopes is null then array(
      select f.scope from (
        select l.scope, min(l.first_seq) as first_seq from outbox_line l
        where l.key = '' and l.lane = p_lane and l.target = p_target
        group by l.scope) f
      order by f.first_seq limit p_limit)
    else array(select distinct u.scope from unnest(p_scopes) u(scope)
      where exists (select from outbox_line l
        where l.key = '' and l.lane = p_lane and l.target = p_target and l.scope = u.scope)
      limit p_limit) end;
  -- In an ordered lane, many may be set aside for their keys.
  v_share integer := greatest(2, least(p_limit + case when p_ordered then 1000 else 0 end,
    (4 * p_limit + case when p_ordered then 1000 else 0 end) / greatest(1, cardinality(v_scopes))));
begin
  return array(select row(m.seq, m.scope, case when p_ordered then m.key end,
      max(m.created_at) over (partition by m.scope order by m.seq), 0, false, 'scope')::outbox_candidate
    from unnest(v_scopes) s(scope) cross join lateral (
      select unnest(l.seqs) as seq from (
        select l.seqs from outbox_line l
        where array[l.lane, l.target, l.scope, l.key] = array[p_lane, p_target, s.scope, '']
        order by l.first_seq + 0 limit v_share / 100 + 2) l
      limit v_share) f
    join outbox_message m on m.seq = f.seq);
end $body$`

/** From the lines of open keys, at most a run of each. */
const LINE_CANDIDATES = `
create function outbox_line_candidates(p_lane text, p_target text, p_scopes text[], p_limit integer, p_now bigint)
returns outbox_candidate[] language plpgsql stable as $body$
#variable_conflict use_column
declare
  v_keys outbox_key[] := case when p_scopes is null then array(
      select k from outbox_key k
      where k.lane = p_lane and k.target = p_target and k.open_at <= p_now
      order by k.open_at limit least(p_limit, 100))
    else array(
      select f.k from (select distinct u.scope from unnest(p_scopes) u(scope)) s cross join lateral (
        select k from outbox_key k
        where array[k.lane, k.target, k.scope] = array[p_lane, p_target, s.scope] and k.open_at + 0 <= p_now
        order by k.open_at + 0 limit least(p_limit, 100)) f
      order by (f.k).open_at limit least(p_limit, 100)) end;
  v_share integer := least(100, p_limit, greatest(2, 2 * p_limit / greatest(1, cardinality(v_keys))));
begin
  return array(select row(m.seq, m.scope, m.key,
      max(m.created_at) over (partition by m.scope, m.key order by m.seq), 0, false, 'line')::outbox_candidate
    from unnest(v_keys) k cross join lateral (
      select s.seq from (
        select l.seqs from outbox_line l
        where array[l.lane, l.target, l.scope, l.key] = array[p_lane, p_target, k.scope, k.key]
        -- Of a key that is busy, each claim may have set aside one message, in a row of its own.
        order by l.first_seq + 0 limit v_share) l
      cross join unnest(l.seqs) s(seq)
      -- Up to the next of the key that waits elsewhere.
      where not exists (select from outbox_due d where d.key is not null and d.seq + 0 < s.seq
          and array[d.lane, d.target, d.scope, d.key] = array[p_lane, p_target, k.scope, k.key])
        and not exists (select from outbox_dead x where x.key is not null and x.seq + 0 < s.seq
          and array[x.lane, x.target, x.scope, x.key] = array[p_lane, p_target, k.scope, k.key])
      limit v_share) f
    join outbox_message m on m.seq = f.seq);
end $body$`

/** Scheduled messages that waited until the log, or the line of their scope, was read up to them. */
const RECALL = `
create function outbox_recall(p_lane text, p_target text, p_read_to bigint)
returns void language sql as $body$
  update outbox_due set behind = false, unread = false where seq in (
    select d.seq from outbox_due d
    where d.unread and d.lane = p_lane and d.target = p_target and d.seq + 0 <= p_read_to
      and not exists (select from outbox_line l where l.first_seq + 0 < d.seq
        and array[l.lane, l.target, l.scope, l.key] = array[p_lane, p_target, d.scope, ''])
    order by d.seq + 0 limit 100)
$body$`

/**
 * Of the due rows, those that are the front of their key. The others wait behind it from now on; or for the log,
 * when it has not been read up to them: a scheduled message has not passed through it. p_read_to: how far it has
 * been read, null for all of it.
 */
const CHECK_DUE = `
create function outbox_check_due(p_lane text, p_target text, p_due outbox_candidate[], p_log outbox_candidate[],
  p_snap pg_snapshot, p_read_to bigint, out kept outbox_candidate[], out refused outbox_candidate[], out waits boolean)
language plpgsql as $body$
#variable_conflict use_column
declare
  v_busy bigint[];
  v_unread bigint[];
begin
  v_busy := outbox_busy(p_lane, p_target, array(
    select outbox_key_hash(d.scope, d.key) from unnest(p_due) d where d.key is not null));
  with judged as (
    select d, d.key is not null and (outbox_key_hash(d.scope, d.key) = any (v_busy)
        or exists (select from outbox_due o where o.key is not null and o.seq + 0 < d.seq
          and array[o.lane, o.target, o.scope, o.key] = array[p_lane, p_target, d.scope, d.key])
        or exists (select from outbox_line l where l.first_seq + 0 < d.seq
          and array[l.lane, l.target, l.scope, l.key] = array[p_lane, p_target, d.scope, d.key])
        or exists (select from outbox_dead x where x.key is not null and x.seq + 0 < d.seq
          and array[x.lane, x.target, x.scope, x.key] = array[p_lane, p_target, d.scope, d.key])) as behind,
      d.key is not null and (coalesce(d.seq > p_read_to, false)
        or not pg_visible_in_snapshot(m.xid, p_snap)
        or exists (select from unnest(p_log) a where a.scope = d.scope and a.key = d.key and a.seq < d.seq)
        or exists (select from outbox_line l where l.first_seq + 0 < d.seq
          and array[l.lane, l.target, l.scope, l.key] = array[p_lane, p_target, d.scope, ''])) as unread
    from unnest(p_due) d join outbox_message m on m.seq = d.seq
  )
  select coalesce(array_agg(j.d) filter (where not j.behind and not j.unread), '{}'),
         coalesce(array_agg(j.d) filter (where j.behind), '{}'),
         array_agg((j.d).seq) filter (where j.unread and not j.behind)
  into kept, refused, v_unread from judged j;
  update outbox_due set behind = true, unread = true where seq = any (v_unread);
  waits := v_unread is not null;
  if refused <> '{}' then
    update outbox_due set behind = true where seq in (select r.seq from unnest(refused) r);
    perform outbox_close_keys(p_lane, p_target, array_agg(r.scope), array_agg(r.key)) from unnest(refused) r;
  end if;
end $body$`

/** Of the rows that come in order, those whose key is free, at most a run of each; the others are set aside. */
const CHECK_LOG = `
create function outbox_check_log(p_lane text, p_target text, p_log outbox_candidate[],
  out free outbox_candidate[], out passed outbox_candidate[])
language plpgsql stable as $body$
#variable_conflict use_column
declare
  v_busy bigint[];
begin
  v_busy := outbox_busy(p_lane, p_target, array(
    select outbox_key_hash(a.scope, a.key) from unnest(p_log) a where a.key is not null));
  with judged as (
    select a, a.key is not null and (outbox_key_hash(a.scope, a.key) = any (v_busy)
      or row_number() over (partition by a.scope, a.key order by a.seq) > 100
      or (exists (select from outbox_key k
          where array[k.lane, k.target, k.scope, k.key] = array[p_lane, p_target, a.scope, a.key])
        and (exists (select from outbox_line l
            where array[l.lane, l.target, l.scope, l.key] = array[p_lane, p_target, a.scope, a.key])
          or exists (select from outbox_dead x where x.key is not null and x.seq + 0 < a.seq
            and array[x.lane, x.target, x.scope, x.key] = array[p_lane, p_target, a.scope, a.key])))
      or exists (select from outbox_due o where o.key is not null and o.seq + 0 < a.seq
        and array[o.lane, o.target, o.scope, o.key] = array[p_lane, p_target, a.scope, a.key])) as closed
    from unnest(p_log) a
  )
  select coalesce(array_agg(j.a) filter (where not j.closed), '{}'),
         coalesce(array_agg(j.a) filter (where j.closed), '{}')
  into free, passed from judged j;
end $body$`

const CHOICE_TYPE = `
create type outbox_choice as (
  seqs bigint[], attempts integer[], due_ats bigint[], keys bigint[], suspect boolean, pos bigint, more boolean,
  touched_scopes text[], touched_keys text[]
)`

/**
 * Oldest first, or one of each scope and then the second of each: a suspect alone, otherwise everything before the
 * first suspect. Of the log, and of each scope's line, what is taken or set aside for its key is a prefix: the
 * position moves behind it, or it is taken off the line.
 */
const CHOOSE = `
create function outbox_choose(p_lane text, p_target text, p_scopes text[], q outbox_queue, page outbox_page,
  p_ordering text, p_limit integer, p_full boolean, p_now bigint)
returns outbox_choice language plpgsql as $body$
#variable_conflict use_column
declare
  choice outbox_choice;
  v_ordered constant boolean := p_ordering <> 'none';
  v_fair constant boolean := p_scopes is not null or q.several_scopes;
  v_last constant bigint := coalesce(page.seqs[cardinality(page.seqs)], q.pos);
  v_by_scope boolean;
  v_due outbox_candidate[];
  v_log outbox_candidate[];
  v_line outbox_candidate[] := '{}';
  v_passed outbox_candidate[] := '{}';
  v_refused outbox_candidate[] := '{}';
  v_waits boolean := false;
  v_stops jsonb;
begin
  if v_ordered then
    perform outbox_recall(p_lane, p_target, case when p_full then q.pos else 9223372036854775807 end);
    v_line := outbox_line_candidates(p_lane, p_target, p_scopes, p_limit, p_now);
  end if;
  -- More than are taken, because some may prove not to be the front of their key.
  v_due := outbox_due_candidates(p_lane, p_target, p_scopes, v_fair, v_ordered,
    case when v_ordered then p_limit + 100 else p_limit end, p_now);
  -- What is taken in turns is no prefix of the log, so unless all of the page is taken it goes by scopes.
  v_by_scope := v_fair and (p_full
    or cardinality(page.seqs) + cardinality(v_due) + cardinality(v_line) > p_limit
    or exists (select from unnest(v_due) d where d.suspect)
    or exists (select from unnest(page.scopes) a(scope) where a.scope <> all (p_scopes))
    or exists (select from outbox_line where key = '' and lane = p_lane and target = p_target and p_scopes is null)
    or exists (select from unnest(p_scopes) s(scope) join outbox_line l
      on l.key = '' and l.lane = p_lane and l.target = p_target and l.scope = s.scope));
  if v_by_scope then
    perform outbox_set_aside(p_lane, p_target, page.scopes,
      array_fill(''::text, array[cardinality(page.seqs)]), page.seqs);
    v_log := outbox_scope_candidates(p_lane, p_target, p_scopes, v_ordered, p_limit);
  else
    v_log := outbox_log_candidates(page, v_ordered);
  end if;
  if v_ordered then
    select * into v_due, v_refused, v_waits
    from outbox_check_due(p_lane, p_target, v_due, v_log, page.snap, case when p_full then v_last end);
    select * into v_log, v_passed from outbox_check_log(p_lane, p_target, v_log);
  end if;
  with ranked as (
    select c.*, case when v_fair then row_number() over (partition by c.scope order by c.due_at, c.seq) end as turn
    from unnest(v_due || v_line || v_log) c
  ), placed as (
    select r.*, row_number() over (order by r.turn, r.due_at, r.seq) as place from ranked r
  ), verdict as (
    select p.*, p.place <= p_limit
      and p.place < greatest(2, coalesce((select min(place) from placed f where f.suspect), p_limit + 1)) as taken
    from placed p
  )
  select coalesce(array_agg(v.seq order by v.due_at, v.seq) filter (where v.taken), '{}'),
    coalesce(array_agg(v.attempts + 1 order by v.due_at, v.seq) filter (where v.taken), '{}'),
    array_agg(case when v.source = 'due' then v.due_at end order by v.due_at, v.seq) filter (where v.taken),
    case when v_ordered then
      array_agg(outbox_key_hash(v.scope, v.key) order by v.due_at, v.seq) filter (where v.taken) end,
    coalesce(bool_or(v.suspect) filter (where v.taken), false),
    coalesce(min(v.seq) filter (where v.source = 'log' and not v.taken) - 1, v_last)
  into choice.seqs, choice.attempts, choice.due_ats, choice.keys, choice.suspect, choice.pos
  from verdict v;
  perform outbox_take_off(p_lane, p_target, array_agg(e.scope), array_agg(e.key), array_agg(e.upto))
  from (select l.scope, l.key, max(l.seq) as upto from unnest(v_line) l where l.seq = any (choice.seqs)
        group by l.scope, l.key) e;
  update outbox_key k set open_at = null
  from (select distinct l.scope, l.key from unnest(v_line || v_due) l
        where l.key is not null and l.seq = any (choice.seqs)) e
  where array[k.lane, k.target, k.scope, k.key] = array[p_lane, p_target, e.scope, e.key];
  if v_by_scope then
    choice.pos := v_last;
    select coalesce(jsonb_object_agg(e.scope, e.upto), '{}') into v_stops from (
      select a.scope, coalesce(min(a.seq) filter (where a.free and a.seq <> all (choice.seqs)) - 1, max(a.seq)) as upto
      from (select l.scope, l.seq, true as free from unnest(v_log) l
            union all select p.scope, p.seq, false from unnest(v_passed) p) a
      group by a.scope) e;
    perform outbox_take_off(p_lane, p_target, array_agg(e.key), array_agg(''::text), array_agg(e.value::bigint))
    from jsonb_each_text(v_stops) e;
  end if;
  v_passed := array(select p from unnest(v_passed) p
    where p.seq <= case when v_by_scope then (v_stops ->> p.scope)::bigint else choice.pos end);
  if v_passed <> '{}' then
    perform outbox_set_aside(p_lane, p_target, array_agg(p.scope), array_agg(p.key), array_agg(p.seq)),
      outbox_close_keys(p_lane, p_target, array_agg(p.scope), array_agg(p.key)) from unnest(v_passed) p;
  end if;
  select array_agg(t.scope), array_agg(t.key) into choice.touched_scopes, choice.touched_keys
  from unnest(v_passed || v_refused) t;
  choice.more := choice.seqs = '{}'
    and (p_full or v_waits or v_refused <> '{}' or (v_by_scope and v_log || v_passed <> '{}'));
  return choice;
end $body$`

export const OUTBOX_CHOOSE_FUNCTIONS = [
  CANDIDATE_TYPE, DUE_SCOPES, DUE_CANDIDATES, LOG_CANDIDATES, SCOPE_CANDIDATES, LINE_CANDIDATES, RECALL, CHECK_DUE,
  CHECK_LOG, CHOICE_TYPE, CHOOSE,
] as const
