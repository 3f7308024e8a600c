/**
 * The settle, as a function: it locks the claim's row, so two settles of one claim take turns and the second
 * sees what the first left open. In an ordered lane it takes the queue's lock first, as claims do: a claim that
 * finds a key held and sets a message aside, and the settle that frees the key, must not miss each other. The
 * arguments are parallel arrays, without kinds when all are acked. An answer per element, with its place; or one
 * without a place, when the claim is delivered as a whole.
 */

/**
 * Which of the asked outcomes concern an open message of this claim: the first for each. A function of its own
 * because two unnested arrays must be hash-joined, and everything else must look up by index.
 */
const MATCH = `
create function outbox_match(c outbox_claim, p_seqs bigint[], p_kinds text[], p_errors text[], p_delays bigint[],
  p_ats bigint[])
returns table (place bigint, seq bigint, attempt integer, due_at bigint, hash bigint, kind text, error text,
  delay bigint, at bigint)
language plpgsql set enable_nestloop = off as $body$
#variable_conflict use_column
begin
  return query select distinct on (a.seq) a.place, a.seq, o.attempt, o.due_at, o.hash, a.kind, a.error,
    a.delay, a.at
  from unnest(p_seqs, p_kinds, p_errors, p_delays, p_ats) with ordinality a(seq, kind, error, delay, at, place)
  join unnest(c.seqs, c.attempts, c.due_ats, c.keys) o(seq, attempt, due_at, hash) on o.seq = a.seq
  order by a.seq, a.place;
end $body$`

/** Everything the claim holds, delivered: what a healthy relay does, in as few statements as it takes. */
const SETTLE_ALL = `
create function outbox_settle_all(c outbox_claim, p_retain boolean, p_now bigint) returns void
language plpgsql as $body$
#variable_conflict use_column
begin
  if p_retain then
    insert into outbox_delivered (seq, delivered_at, attempts, available_at)
    select seq, p_now, attempt, due_at from unnest(c.seqs, c.attempts, c.due_ats) o(seq, attempt, due_at);
  else
    delete from outbox_message where seq = any (c.seqs);
    if 1 < any (c.attempts) then
      delete from outbox_failure where seq = any (c.seqs);
    end if;
    if exists (select from outbox_redriven) then
      delete from outbox_redriven where seq = any (c.seqs);
      delete from outbox_edit where seq = any (c.seqs);
      delete from outbox_failure where seq = any (c.seqs);
    end if;
  end if;
  if exists (select from outbox_dedupe) then
    update outbox_dedupe set left_at = p_now where seq = any (c.seqs);
  end if;
  delete from outbox_claim where token = c.token;
end $body$`

const SETTLE_SOME = `
create function outbox_settle_some(c outbox_claim, p_seqs bigint[], p_kinds text[], p_errors text[],
  p_delays bigint[], p_ats bigint[], p_scope text, p_ordering text, p_retain boolean, p_now bigint)
returns table (place bigint, answer text) language plpgsql as $body$
#variable_conflict use_column
begin
  return query with open as materialized (
    select a.*, m.scope, m.lane, m.target, m.dedupe_key, case when a.hash is not null then m.key end as key,
      coalesce(a.due_at, m.available_at, m.created_at) as place_at,
      case
      when a.kind = 'ack' then 'delivered'
      when a.kind = 'release' then 'released'
      when a.kind = 'dead' or a.attempt >= m.max_attempts then 'dead_lettered'
      else 'requeued' end as answer
    from outbox_match(c, p_seqs, p_kinds, p_errors, p_delays, p_ats) a join outbox_message m on m.seq = a.seq
    where p_scope is null or m.scope = p_scope
  ), delivered as (
    insert into outbox_delivered (seq, delivered_at, attempts, available_at)
    select o.seq, p_now, o.attempt, o.due_at from open o where o.answer = 'delivered' and p_retain
  ), removed as (
    delete from outbox_message m using open o where m.seq = o.seq and o.answer = 'delivered' and not p_retain
  ), forgotten as (
    delete from outbox_failure f using open o
    where f.seq = o.seq and o.answer = 'delivered' and not p_retain
  ), unmarked as (
    delete from outbox_redriven r using open o where r.seq = o.seq and o.answer = 'delivered' and not p_retain
  ), unedited as (
    delete from outbox_edit e using open o where e.seq = o.seq and o.answer = 'delivered' and not p_retain
  ), departed as (
    update outbox_dedupe d set left_at = p_now from open o
    where d.seq = o.seq and o.answer = 'delivered' and o.dedupe_key is not null
  ), failed as (
    insert into outbox_failure (seq, attempt, failed_at, consumer, error)
    select o.seq, o.attempt, p_now, c.consumer, o.error from open o
    where o.answer in ('requeued', 'dead_lettered') order by o.place
  ), dead as (
    insert into outbox_dead (seq, dead_at, attempts, available_at, lane, target, scope, key)
    select o.seq, p_now, o.attempt, o.due_at, o.lane, o.target, o.scope, case when p_ordering = 'block' then o.key end
    from open o where o.answer = 'dead_lettered'
  ), closed as (
    insert into outbox_key (lane, target, scope, key)
    select distinct o.lane, o.target, o.scope, o.key from open o
    where o.answer = 'dead_lettered' and p_ordering = 'block' and o.key is not null
    on conflict ((array[lane, target, scope, key])) do nothing
  ), due as (
    insert into outbox_due (seq, scope, lane, target, key, available_at, attempts, suspect, updated_at)
    select o.seq, o.scope, o.lane, o.target, o.key, coalesce(o.at, p_now + o.delay, least(o.place_at, p_now)),
      o.attempt - (o.answer = 'released')::integer, c.suspect and o.answer = 'released', p_now
    from open o where o.answer in ('requeued', 'released')
  ), left_open as (
    select coalesce(array_agg(o.seq order by o.place), '{}') as seqs,
      coalesce(array_agg(o.attempt order by o.place), '{}') as attempts,
      array_agg(o.due_at order by o.place) as due_ats,
      case when c.keys is not null then array_agg(o.hash order by o.place) end as keys
    from unnest(c.seqs, c.attempts, c.due_ats, c.keys) with ordinality o(seq, attempt, due_at, hash, place)
    where o.seq not in (select seq from open)
  ), ended as (
    delete from outbox_claim where token = c.token and (select seqs from left_open) = '{}'
  ), shrunk as (
    update outbox_claim k set seqs = l.seqs, attempts = l.attempts, due_ats = l.due_ats, keys = l.keys
    from left_open l
    where k.token = c.token and l.seqs <> '{}' and l.seqs <> c.seqs
  )
  select o.place, o.answer from open o;
end $body$`

const SETTLE = `
create function outbox_settle(p_token text, p_seqs bigint[], p_kinds text[], p_errors text[], p_delays bigint[],
  p_ats bigint[], p_scope text, p_retain boolean, p_now bigint)
returns table (place bigint, answer text) language plpgsql as $body$
#variable_conflict use_column
declare
  v_now bigint := coalesce(p_now, floor(extract(epoch from clock_timestamp()) * 1000)::bigint);
  c outbox_claim;
  v_ordering text := 'none';
  v_scopes text[];
  v_keys text[];
begin
  select * into c from outbox_claim where token = p_token;
  if not found then
    return;
  end if;
  if c.keys is not null then
    perform outbox_lock_queue(c.lane, c.target);
    v_ordering := (select ordering from outbox_lane where lane = c.lane);
    if exists (select from outbox_key where lane = c.lane and target = c.target) then
      select array_agg(m.scope), array_agg(m.key) into v_scopes, v_keys
      from outbox_message m where m.seq = any (p_seqs) and m.key is not null;
    end if;
  end if;
  select * into c from outbox_claim where token = p_token for update;
  if not found then
    return;
  end if;
  if p_scope is null and p_kinds is null and cardinality(p_seqs) = cardinality(c.seqs) and (p_seqs = c.seqs
     or array(select s from unnest(p_seqs) s order by s) = array(select s from unnest(c.seqs) s order by s)) then
    perform outbox_settle_all(c, p_retain, v_now);
    return query select null::bigint, 'delivered';
  else
    return query select * from outbox_settle_some(c, p_seqs,
      coalesce(p_kinds, array_fill('ack'::text, array[cardinality(p_seqs)])), p_errors, p_delays, p_ats, p_scope,
      v_ordering, p_retain, v_now);
  end if;
  perform outbox_arrange(c.lane, c.target, v_scopes, v_keys);
end $body$`

/** The new expiry; null when the claim is gone or holds no message of the scope. */
const EXTEND = `
create function outbox_extend(p_token text, p_lease_ms bigint, p_scope text, p_now bigint)
returns bigint language plpgsql as $body$
#variable_conflict use_column
declare
  v_until bigint := coalesce(p_now, floor(extract(epoch from clock_timestamp()) * 1000)::bigint) + p_lease_ms;
  c outbox_claim;
begin
  update outbox_claim k set lease_until = v_until
  where k.token = p_token and (p_scope is null or exists (
    select from outbox_message m where m.seq = any (k.seqs) and m.scope = p_scope))
  returning k.* into c;
  if not found then
    return null;
  end if;
  -- The queue's next_expiry is a lower bound of its leases. Only a shorter lease can pass it.
  update outbox_queue q set next_expiry = v_until
  where q.lane = c.lane and q.target = c.target and q.next_expiry > v_until;
  return v_until;
end $body$`

export const OUTBOX_SETTLE_FUNCTIONS = [MATCH, SETTLE_ALL, SETTLE_SOME, SETTLE, EXTEND] as const
