/**
 * Messages that wait become dead letters.
 *
 * ## Where they wait
 * In `outbox_due`, in a line, or in the log. From `due` and from lines they are taken. A message in the log has no
 * row but itself, so it gets the time of its enqueue for its own: what has a time is not in the log. A redrive
 * finds the dead letter in either case, and puts it into `due`.
 *
 * ## What can interleave
 * - A claim in the same moment: both take the queue's lock first, so one sees what the other has done. If the claim
 *   came first, the message is in `outbox_claim` and is skipped; if this did, it is in no place where claims look.
 *   Like a claim, this looks by statements begun after the locks were granted, and refuses a stricter isolation.
 * - A settle, which takes the lock only in ordered lanes: nothing comes into a claim meanwhile, so a message that is
 *   in none at the first look stays out of all. One that a settle takes out of its claim between two looks was
 *   claimed at the first one, and is skipped.
 * - Another quarantine, a redrive, a discard: all take the locks of several queues in one order. Of two quarantines
 *   the second finds a dead letter. A redrive of a message without a key takes no lock; whether it is seen or not,
 *   its message is then either waiting or dead, and the primary key of `outbox_dead` is never met twice, because the
 *   redrive deletes that row in the same transaction in which it makes the message wait.
 * - A kill at any point: the function is one transaction.
 */

/** Those that no claim holds. A function of its own, as two unnested arrays must be hashed, never looped. */
const UNCLAIMED = `
create function outbox_unclaimed(p_seqs bigint[])
returns bigint[] language plpgsql stable set enable_nestloop = off as $body$
begin
  return array(select a.seq from unnest(p_seqs) a(seq)
    left join (select unnest(c.seqs) as seq from outbox_claim c) held on held.seq = a.seq
    where held.seq is null);
end $body$`

/** Takes these off the lines of their scopes and keys, wherever in the line they are. */
const PICK_OFF = `
create function outbox_pick_off(p_seqs bigint[])
returns void language sql as $body$
  with gone as (
    delete from outbox_line l using outbox_message m
    where m.seq = any (p_seqs) and m.seq = any (l.seqs) and l.first_seq + 0 <= m.seq
      and (array[l.lane, l.target, l.scope, l.key] = array[m.lane, m.target, m.scope, '']
        or array[l.lane, l.target, l.scope, l.key] = array[m.lane, m.target, m.scope, m.key])
    returning l.lane, l.target, l.scope, l.key, l.first_seq, l.seqs
  )
  insert into outbox_line (lane, target, scope, key, first_seq, seqs)
  select g.lane, g.target, g.scope, g.key, min(s.seq), array_agg(s.seq order by s.seq)
  from gone g cross join unnest(g.seqs) s(seq) where s.seq <> all (p_seqs)
  group by g.lane, g.target, g.scope, g.key, g.first_seq
$body$`

/** Answers the sequence numbers that waited and are dead letters now. Each is named once. */
const QUARANTINE = `
create function outbox_quarantine(p_seqs bigint[], p_notes text[], p_consumer text, p_scope text, p_now bigint)
returns table (seq bigint) language plpgsql as $body$
#variable_conflict use_column
declare
  v_now bigint := coalesce(p_now, floor(extract(epoch from clock_timestamp()) * 1000)::bigint);
  v_seqs bigint[];
  v_due bigint[];
  v_queue record;
begin
  for v_queue in select distinct m.lane, m.target from outbox_message m
      where m.seq = any (p_seqs) and (p_scope is null or m.scope = p_scope) order by m.lane, m.target loop
    perform outbox_lock_queue(v_queue.lane, v_queue.target);
  end loop;
  v_seqs := outbox_unclaimed(p_seqs);
  v_seqs := array(select m.seq from outbox_message m
    where m.seq = any (v_seqs) and (p_scope is null or m.scope = p_scope)
      and not exists (select from outbox_delivered v where v.seq = m.seq)
      and not exists (select from outbox_dead x where x.seq = m.seq));
  if v_seqs = '{}' then
    return;
  end if;
  insert into outbox_failure (seq, attempt, failed_at, consumer, error)
  select a.seq, coalesce(d.attempts, 0), v_now, p_consumer, a.note
  from unnest(p_seqs, p_notes) a(seq, note) left join outbox_due d on d.seq = a.seq where a.seq = any (v_seqs);
  insert into outbox_dead (seq, dead_at, attempts, available_at, lane, target, scope, key)
  select m.seq, v_now, coalesce(d.attempts, 0), d.available_at, m.lane, m.target, m.scope,
    case when o.ordering = 'block' then m.key end
  from outbox_message m left join outbox_due d on d.seq = m.seq left join outbox_lane o on o.lane = m.lane
  where m.seq = any (v_seqs);
  with gone as (delete from outbox_due d where d.seq = any (v_seqs) returning d.seq)
  select array_agg(g.seq) into v_due from gone g;
  perform outbox_pick_off(v_seqs);
  update outbox_message m set available_at = m.created_at
  where m.seq = any (v_seqs) and m.seq <> all (coalesce(v_due, '{}')) and m.available_at is null;
  for v_queue in select m.lane, m.target, array_agg(m.scope) as scopes, array_agg(m.key) as keys,
        array_agg(m.scope) filter (where x.key is not null) as dead_scopes,
        array_agg(x.key) filter (where x.key is not null) as dead_keys
      from outbox_message m join outbox_dead x on x.seq = m.seq
      where m.seq = any (v_seqs) and m.key is not null group by m.lane, m.target loop
    perform outbox_close_keys(v_queue.lane, v_queue.target, v_queue.dead_scopes, v_queue.dead_keys);
    perform outbox_arrange(v_queue.lane, v_queue.target, v_queue.scopes, v_queue.keys);
  end loop;
  return query select s.seq from unnest(v_seqs) s(seq);
end $body$`

export const OUTBOX_QUARANTINE_FUNCTIONS = [UNCLAIMED, PICK_OFF, QUARANTINE] as const
