/**
 * How events that everybody has passed are removed.
 *
 * Which may go: those at or below a position that were committed when the caller began to ask the followers. Both are
 * needed. What a follower may still be given lies above the low water of its cursor, whatever transaction it is of: a
 * transaction that was open when the cursor was made has a mark in it, and took all its positions after that mark; one
 * that began later took them after `pos` (journal-marks.ts). A follower by offsets has no marks; but it was
 * asked about every event that was committed by then, and what commits later is not in the snapshot `p_as_of`.
 *
 * A step is a transaction of its own, so a crash leaves whole steps, each without events that have tags, or tags
 * without their events. The first step of a leaf truncates it if nothing in it has to stay. What can interleave:
 *
 * - A transaction that has added to the leaf holds its lock to the end. So the lock against writers waits for all of
 *   them, and what is counted under it, in a snapshot taken after it was granted, is all there is. Where somebody is
 *   in the way for longer than the lock_timeout nothing is removed and the answer is "busy"; others wait for this step
 *   no longer than that and the count.
 * - A transaction that has taken a position, and not yet added its row, adds it after the truncation.
 * - A reader that took its snapshot before and comes to the leaf after it finds it empty, as it would after the delete
 *   of rows that it has passed. One that is reading it holds a lock, and this step is busy.
 * - Two prunes take turns by an advisory lock, so that what each has removed is what it says.
 *
 * A role that may not truncate deletes row by row. A batch goes on behind the one before it: looking from the leaf's
 * beginning again would walk over the rows that are dead, once for each batch.
 */
import { leafOf } from './schema-journal-ring.js'

/** Also what a restore brought: ids of another cluster, which this one has yet to give, as nothing visible here has. */
const MAY_GO = `(pg_visible_in_snapshot(xid, p_as_of)
      or xid >= (select pg_snapshot_xmax(pg_current_snapshot())))`
const IN_LEAF = `${leafOf('position')} = p_leaf`

/** The leaf is locked against writers, then counted, then against readers; 55P03 where it cannot be. */
const EMPTY = `
create function journal_empty_leaf(p_leaf bigint, p_up_to bigint, p_as_of pg_snapshot) returns bigint
language plpgsql as $body$
declare
  v_event text := format('journal_event_%s', p_leaf);
  v_tag text := format('journal_tag_%s', p_leaf);
  v_count bigint;
  v_stays bigint;
begin
  if exists (select from journal_event where ${IN_LEAF} and position > p_up_to)
    or not has_table_privilege(v_event, 'truncate') or not has_table_privilege(v_tag, 'truncate') then
    return null;
  end if;
  execute format('lock table %I, %I in share row exclusive mode', v_event, v_tag);
  select count(*), count(*) filter (where position > p_up_to or not ${MAY_GO}) into v_count, v_stays
    from journal_event where ${IN_LEAF};
  if v_stays > 0 then
    return null;
  end if;
  execute format('lock table %I, %I in access exclusive mode', v_event, v_tag);
  execute format('truncate %I, %I', v_event, v_tag);
  return v_count;
end $body$`

/** One step in a leaf, behind p_after. reached: where the next one goes on; null when the leaf is done. */
const PRUNE = `
create function journal_prune(p_leaf bigint, p_after bigint, p_up_to bigint, p_as_of pg_snapshot, p_limit integer,
  out removed bigint, out reached bigint, out is_busy boolean)
language plpgsql as $body$
declare
  v_position bigint;
  v_tags text;
begin
  removed := 0;
  is_busy := false;
  perform pg_advisory_xact_lock(hashtext('waybill.prune.' || 'journal_event'::regclass::oid), 0);
  select position into reached from journal_event
    where ${IN_LEAF} and position > p_after and position <= p_up_to order by position offset p_limit - 1 limit 1;
  if reached is not null and p_after < 0 then
    removed := journal_empty_leaf(p_leaf, p_up_to, p_as_of);
    if removed is not null then
      reached := null;
      return;
    end if;
  end if;
  removed := 0;
  for v_position, v_tags in
    delete from journal_event where ${IN_LEAF} and position > p_after and position <= coalesce(reached, p_up_to)
      and ${MAY_GO}
    returning position, tags
  loop
    perform journal_untag(v_position, v_tags);
    removed := removed + 1;
  end loop;
exception when lock_not_available then
  removed := 0;
  reached := null;
  is_busy := true;
end $body$`

/**
 * Up to where events are so old: by halving, since positions and times ascend together but for what was written at
 * once. The snapshot is the caller's, and everything that is looked at is visible in it.
 */
const AGED = `
create function journal_aged(p_cut bigint, out up_to bigint, out as_of text)
language plpgsql stable as $body$
declare
  v_low bigint := (select min(position) from journal_event);
  v_high bigint := (select max(position) from journal_event);
  v_position bigint;
  v_at bigint;
begin
  as_of := pg_current_snapshot()::text;
  up_to := 0;
  while v_low <= v_high loop
    select e.position, e.created_at into v_position, v_at from journal_event e
      where e.position >= v_low + (v_high - v_low) / 2 and e.position <= v_high order by e.position limit 1;
    if v_position is not null and v_at <= p_cut then
      up_to := v_position;
      v_low := v_position + 1;
    else
      v_high := v_low + (v_high - v_low) / 2 - 1;
    end if;
  end loop;
end $body$`

export const JOURNAL_PRUNE_FUNCTIONS = [EMPTY, PRUNE, AGED] as const

/** See ENTRY_FUNCTIONS in schema.ts. */
export const JOURNAL_PRUNE_ENTRY_FUNCTIONS = [
  'journal_prune(bigint, bigint, bigint, pg_snapshot, integer)', 'journal_aged(bigint)',
] as const
