/**
 * Reading a queue's log: what one page found, and the state of the queue after it. Why this finds every row once:
 * schema-outbox-claim.ts, "Birth marks".
 */

/** What one page found, before anything is written: the late rows, the rows ahead, and the new marks. */
const PAGE_TYPE = `
create type outbox_page as (
  snap pg_snapshot, next_xid xid8,
  late_seqs bigint[], seqs bigint[], scopes text[], keys text[], times bigint[]
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
    select seq, scope, key, created_at from outbox_message
    where lane = q.lane and target = q.target and available_at is null and seq + 0 > q.pos
    order by seq + 0 limit p_limit
  )
  select now.snap,
    (pg_snapshot_xmax(now.snap)::text::bigint + age(pg_snapshot_xmax(now.snap)::xid))::text::xid8,
    array(select seq from outbox_message
      where lane = q.lane and target = q.target and available_at is null
      and seq + 0 > (select mark from low) and seq + 0 <= q.pos and not pg_visible_in_snapshot(xid, q.snap)
      order by seq + 0 limit p_late_limit),
    a.seqs, a.scopes, a.keys, a.times
  into page
  from now, (select coalesce(array_agg(o.seq), '{}') as seqs, array_agg(o.scope) as scopes, array_agg(o.key) as keys,
      array_agg(o.created_at) as times from (select * from ahead order by seq) o) a;
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
    late_next_xid = excluded.late_next_xid, late_pos = excluded.late_pos, next_expiry = excluded.next_expiry,
    several_scopes = excluded.several_scopes
$body$`

/** Rows of the log that come late get a due row, in their order. */
const DIVERT = `
create function outbox_divert(p_lane text, p_target text, p_seqs bigint[], p_ordered boolean, p_now bigint)
returns void language plpgsql as $body$
#variable_conflict use_column
declare
  v_scopes text[];
  v_keys text[];
begin
  with late as (
    insert into outbox_due (seq, scope, lane, target, key, available_at, updated_at)
    select seq, scope, lane, target, case when p_ordered then key end, created_at, p_now
    from outbox_message where seq = any (p_seqs)
    returning scope, key
  ) select array_agg(scope), array_agg(key) into v_scopes, v_keys from late;
  perform outbox_arrange(p_lane, p_target, v_scopes, v_keys);
end $body$`

export const OUTBOX_PAGE_FUNCTIONS = [PAGE_TYPE, PAGE, STEP, SAVE_QUEUE, DIVERT] as const
