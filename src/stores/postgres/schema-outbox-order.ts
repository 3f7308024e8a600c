/**
 * Order per key, and what waits outside the log.
 *
 * ## Lines
 * A claim that passes a row of the log without taking it sets it aside in `outbox_line`, up to a hundred
 * sequence numbers a row: in the line of its key, when that is closed, or, for fairness, in the line of its
 * scope (key ''), which later claims read as they read the log. So a row is passed once, whatever the backlog,
 * and a key or a tenant with 50,000 messages costs 500 rows.
 *
 * ## Keys
 * In an ordered lane the messages of one (scope, target, key) may be in the log, in its line, in `outbox_due`, in a
 * claim, or dead. Its *front* is the first of them by seq, dead ones counted only where the lane blocks. A
 * row of `outbox_key` exists if some of them wait in the line, wait in `outbox_due` behind the front
 * (`behind`), or are dead and block. Its `open_at` is set exactly while the front is in the line and no claim
 * holds the key: then claims find it by that. A front in `outbox_due` is found there. Everything else of the key
 * is passed over.
 *
 * `outbox_arrange` brings keys into that state and is called whenever one may have changed: after a settle, an
 * expired lease, a late row, a redrive, a discard. It runs under the queue's lock, as claims do, so no key is
 * judged by two at a time; that is why, in an ordered lane, settle takes the lock too.
 *
 * Which keys claims hold is said by hashes in `outbox_claim.keys`. Two keys with one hash (of 2^64) wait for each
 * other's claims, and nothing worse.
 *
 * ## Why nothing is overtaken
 * Let A be committed before the transaction of B began, both of one key. Whatever snapshot shows B shows A. If
 * both are in the log, A has the lower seq and comes first in the page, in its line or in the late rows,
 * which are set aside before anything is taken. If A is in `outbox_due`, B finds it there by key and is
 * passed over. If B is scheduled, and so due without having passed through the log, it is taken only when the log
 * has been read up to it, and when the snapshot of that reading shows it.
 */

/** Of these hashes, those of keys that a claim holds. Both sides are unnested arrays: hash them, never loop. */
const BUSY = `
create function outbox_busy(p_lane text, p_target text, p_hashes bigint[])
returns bigint[] language plpgsql stable set enable_nestloop = off as $body$
begin
  return array(select distinct asked.hash from unnest(p_hashes) asked(hash)
    join (select unnest(c.keys) as hash from outbox_claim c where c.lane = p_lane and c.target = p_target) held
    on held.hash = asked.hash);
end $body$`

const HASH = `
create function outbox_key_hash(p_scope text, p_key text) returns bigint
language sql immutable strict parallel safe as $body$ select hashtextextended(p_scope || chr(1) || p_key, 0) $body$`

/** Finds the front of each key that no claim holds, and opens, closes or forgets the key. */
const ARRANGE = `
create function outbox_arrange(p_lane text, p_target text, p_scopes text[], p_keys text[])
returns void language plpgsql as $body$
#variable_conflict use_column
declare
  v_busy bigint[];
begin
  if p_keys is null or not exists (select from outbox_key where lane = p_lane and target = p_target) then
    return;
  end if;
  v_busy := outbox_busy(p_lane, p_target, array(
    select distinct outbox_key_hash(u.scope, u.key) from unnest(p_scopes, p_keys) u(scope, key)
    where u.key is not null));
  with asked as materialized (
    select distinct u.scope, u.key, array[p_lane, p_target, u.scope, u.key] as name
    from unnest(p_scopes, p_keys) u(scope, key)
    where u.key is not null and outbox_key_hash(u.scope, u.key) <> all (v_busy)
  ), fronts as materialized (
    select a.name, due.seq as due, line.seq as line, line.created_at, least(due.seq, line.seq, dead.seq) as front
    from asked a
    join outbox_key k on array[k.lane, k.target, k.scope, k.key] = a.name
    left join lateral (select d.seq from outbox_due d where d.key is not null
      and array[d.lane, d.target, d.scope, d.key] = a.name order by d.seq + 0 limit 1) due on true
    left join lateral (select m.seq, m.created_at from (select l.first_seq from outbox_line l
      where array[l.lane, l.target, l.scope, l.key] = a.name order by l.first_seq + 0 limit 1) l
      join outbox_message m on m.seq = l.first_seq) line on true
    left join lateral (select x.seq from outbox_dead x where x.key is not null
      and array[x.lane, x.target, x.scope, x.key] = a.name order by x.seq + 0 limit 1) dead on true
  ), forgotten as (
    delete from outbox_key k using fronts f
    where array[k.lane, k.target, k.scope, k.key] = f.name and f.front is null
  ), changed as (
    update outbox_key k set open_at = case when f.line = f.front then f.created_at end from fronts f
    where array[k.lane, k.target, k.scope, k.key] = f.name and f.front is not null
      and k.open_at is distinct from case when f.line = f.front then f.created_at end
  )
  update outbox_due d set behind = false from fronts f where d.seq = f.due and f.due = f.front and d.behind;
end $body$`

/** Closed until arranged. */
const CLOSE_KEYS = `
create function outbox_close_keys(p_lane text, p_target text, p_scopes text[], p_keys text[])
returns void language sql as $body$
  insert into outbox_key (lane, target, scope, key)
  select distinct p_lane, p_target, u.scope, u.key from unnest(p_scopes, p_keys) u(scope, key) where u.key is not null
  on conflict ((array[lane, target, scope, key])) do nothing
$body$`

/** To the end of their lines, in rows of a hundred. */
const SET_ASIDE = `
create function outbox_set_aside(p_lane text, p_target text, p_scopes text[], p_keys text[], p_seqs bigint[])
returns void language sql as $body$
  insert into outbox_line (lane, target, scope, key, first_seq, seqs)
  select p_lane, p_target, g.scope, g.key, min(g.seq), array_agg(g.seq order by g.seq)
  from (select u.scope, u.key, u.seq,
          (row_number() over (partition by u.scope, u.key order by u.seq) - 1) / 100 as part
        from unnest(p_scopes, p_keys, p_seqs) u(scope, key, seq)) g
  group by g.scope, g.key, g.part
$body$`

/** Takes everything up to a seq off the front of each line. */
const TAKE_OFF = `
create function outbox_take_off(p_lane text, p_target text, p_scopes text[], p_keys text[], p_upto bigint[])
returns void language sql as $body$
  with gone as (
    delete from outbox_line l using unnest(p_scopes, p_keys, p_upto) u(scope, key, upto)
    where array[l.lane, l.target, l.scope, l.key] = array[p_lane, p_target, u.scope, u.key]
      and l.first_seq + 0 <= u.upto
    returning l.scope, l.key, l.seqs, u.upto
  )
  insert into outbox_line (lane, target, scope, key, first_seq, seqs)
  select p_lane, p_target, g.scope, g.key, min(s.seq), array_agg(s.seq order by s.seq)
  from gone g cross join unnest(g.seqs) s(seq) where s.seq > g.upto
  group by g.scope, g.key
$body$`

/** The lock of one queue, as claims take it. */
const LOCK_QUEUE = `
create function outbox_lock_queue(p_lane text, p_target text) returns void language plpgsql as $body$
begin
  -- At a stricter isolation, what others did before the lock was granted would not be seen.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'the outbox needs READ COMMITTED here' using errcode = 'WB001';
  end if;
  perform pg_advisory_xact_lock(hashtext('waybill.outbox.' || current_schema()),
                                hashtext(p_lane || chr(1) || p_target));
end $body$`

/** False, and nothing stored, while something in the lane depends on its present ordering. */
const ORDER_LANE = `
create function outbox_order_lane(p_lane text, p_ordering text) returns boolean language plpgsql as $body$
#variable_conflict use_column
begin
  if p_ordering = coalesce((select ordering from outbox_lane where lane = p_lane), 'none') then
    insert into outbox_lane (lane, ordering) values (p_lane, p_ordering) on conflict do nothing;
    return true;
  end if;
  perform outbox_lock_queue(lane, target) from outbox_queue where lane = p_lane order by target;
  if exists (select from outbox_claim where lane = p_lane) or exists (select from outbox_key where lane = p_lane) then
    return false;
  end if;
  insert into outbox_lane (lane, ordering) values (p_lane, p_ordering)
  on conflict (lane) do update set ordering = excluded.ordering;
  return true;
end $body$`

export const OUTBOX_ORDER_FUNCTIONS = [
  HASH, BUSY, ARRANGE, CLOSE_KEYS, SET_ASIDE, TAKE_OFF, LOCK_QUEUE, ORDER_LANE,
] as const
