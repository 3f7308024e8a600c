/** What becomes of dead letters: redriven, discarded, purged. In a lane that blocks each of these may open a key. */

/** Answers the sequence numbers that were dead letters and are none any more. */
const RESOLVE_DEAD = `
create function outbox_resolve_dead(p_seqs bigint[], p_scope text, p_redrive boolean, p_now bigint)
returns table (seq bigint) language plpgsql as $body$
#variable_conflict use_column
declare
  v_now bigint := coalesce(p_now, floor(extract(epoch from clock_timestamp()) * 1000)::bigint);
  v_seqs bigint[];
  v_gone outbox_dead[];
  v_queue record;
begin
  v_seqs := array(select x.seq from outbox_dead x
    where x.seq = any (p_seqs) and (p_scope is null or x.scope = p_scope));
  -- In one order, so that two of these cannot wait for each other.
  for v_queue in select distinct x.lane, x.target from outbox_dead x
      where x.seq = any (v_seqs) and x.key is not null order by x.lane, x.target loop
    perform outbox_lock_queue(v_queue.lane, v_queue.target);
  end loop;
  with gone as (delete from outbox_dead x where x.seq = any (v_seqs) returning x.*)
  select array_agg(row(g.*)::outbox_dead) into v_gone from gone g;
  v_seqs := array(select g.seq from unnest(v_gone) g);
  if p_redrive then
    insert into outbox_redriven as r (seq, redriven_at) select s.seq, v_now from unnest(v_seqs) s(seq)
    on conflict (seq) do update set redriven_at = excluded.redriven_at;
    insert into outbox_due (seq, scope, lane, target, key, available_at, updated_at)
    select g.seq, g.scope, g.lane, g.target, g.key, v_now, v_now from unnest(v_gone) g;
  else
    delete from outbox_message m where m.seq = any (v_seqs);
    delete from outbox_failure f where f.seq = any (v_seqs);
    delete from outbox_redriven r where r.seq = any (v_seqs);
    delete from outbox_edit e where e.seq = any (v_seqs);
    update outbox_dedupe d set left_at = v_now where d.seq = any (v_seqs);
  end if;
  for v_queue in select g.lane, g.target, array_agg(g.scope) as scopes, array_agg(g.key) as keys
      from unnest(v_gone) g where g.key is not null group by g.lane, g.target loop
    perform outbox_arrange(v_queue.lane, v_queue.target, v_queue.scopes, v_queue.keys);
  end loop;
  return query select s.seq from unnest(v_seqs) s(seq);
end $body$`

const PURGE_DEAD = `
create function outbox_purge_dead(p_older_ms bigint, p_limit bigint, p_scope text, p_now bigint)
returns bigint language plpgsql as $body$
#variable_conflict use_column
declare
  v_now bigint := coalesce(p_now, floor(extract(epoch from clock_timestamp()) * 1000)::bigint);
  v_seqs bigint[] := array(
    select x.seq from outbox_dead x where x.dead_at <= v_now - p_older_ms and (p_scope is null or x.scope = p_scope)
    order by x.dead_at limit p_limit);
begin
  return (select count(*) from outbox_resolve_dead(v_seqs, null, false, v_now));
end $body$`

export const OUTBOX_DEAD_FUNCTIONS = [RESOLVE_DEAD, PURGE_DEAD] as const
