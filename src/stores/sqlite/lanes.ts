/** What `migrate` and `setPaused` store: how lanes are ordered, and what is paused. */
import { WaybillError } from '../../core/errors.js'
import {
  orderingHeld, type LaneOrdering, type LaneOrderings, type OutboxSettings, type PauseRequest,
} from '../../outbox/contract.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import { arrangeLinesOf, lineStatements } from './outbox-lines.js'
import type { Tables } from './tables.js'

export type LaneStatements = ReturnType<typeof laneStatements>

export function laneStatements(t: Tables) {
  return {
    ...lineStatements(t),
    lanes: `select lane, ordering from ${t.outbox_lane} order by lane`,
    paused: `select lane, target from ${t.outbox_pause} order by lane, target`,
    pause: `insert or ignore into ${t.outbox_pause} (lane, target) values (?1, ?2)`,
    resume: `delete from ${t.outbox_pause} where lane = ?1 and target = ?2`,
    saveLane: `insert into ${t.outbox_lane} (lane, ordering) values (?1, ?2)
on conflict (lane) do update set ordering = excluded.ordering`,
    isClaimed: `select 1 from ${t.outbox_claim} where lane = ?1 limit 1`,
    isWaitedFor: `select 1 where exists (select 1 from ${t.outbox_due} d where d.lane = ?1 and (d.attempts > 0
  or (d.key > '' and exists (select 1 from ${t.outbox_due} f where f.lane = d.lane and f.target = d.target
    and f.scope = d.scope and f.key = d.key and f.seq < d.seq))))
or exists (select 1 from ${t.outbox_dead} x join ${t.outbox_message} m on m.seq = x.seq where m.lane = ?1)`,
    // Those in a '' line are due; whatever they come to be in, claims will meet them as due.
    leaveLines: `update ${t.outbox_due} set key = null, place = 0, timed = 1 where lane = ?1`,
    dropLanesLines: `delete from ${t.outbox_key} where lane = ?1`,
    enterLines: `update ${t.outbox_due} as d set timed = 1 - suspect,
  key = (select m.key from ${t.outbox_message} m where m.seq = d.seq)
where d.lane = ?1 and exists (select 1 from ${t.outbox_message} m where m.seq = d.seq and m.key is not null)
and not (?2 = 'skip' and exists (select 1 from ${t.outbox_redriven} r where r.seq = d.seq))
returning lane, target, scope, key`,
  }
}

/** @throws CONFIG_INVALID; the caller's transaction is to be rolled back then. */
export function declareLanes(query: SqliteQuery, sql: LaneStatements, lanes: LaneOrderings, now: number): void {
  const stored = readLanes(query, sql)
  for (const [lane, ordering] of Object.entries(lanes)) {
    const before = stored.get(lane) ?? 'none'
    if (ordering !== before) reorder(query, sql, lane, before, ordering, now)
    query(sql.saveLane, lane, ordering)
  }
}

export function setPaused(query: SqliteQuery, sql: LaneStatements, { lane, target, paused }: PauseRequest): void {
  query(paused ? sql.pause : sql.resume, lane, target ?? '')
}

export function readSettings(query: SqliteQuery, sql: LaneStatements): OutboxSettings {
  return {
    lanes: Object.fromEntries(readLanes(query, sql)),
    paused: query(sql.paused).map(({ lane, target }) => (
      { lane: lane as string, target: target === '' ? undefined : target as string })),
  }
}

function readLanes(query: SqliteQuery, sql: LaneStatements): ReadonlyMap<string, LaneOrdering> {
  return new Map(query(sql.lanes).map(({ lane, ordering }) => [lane as string, ordering as LaneOrdering]))
}

function reorder(
  query: SqliteQuery, sql: LaneStatements, lane: string, before: LaneOrdering, ordering: LaneOrdering, now: number,
): void {
  const isHeld = query(sql.isClaimed, lane).length > 0
    || (before !== 'none' && query(sql.isWaitedFor, lane).length > 0)
  if (isHeld) throw new WaybillError('CONFIG_INVALID', orderingHeld(lane), { details: { lane } })
  query(sql.leaveLines, lane)
  query(sql.dropLanesLines, lane)
  if (ordering !== 'none') arrangeLinesOf(query, sql, query(sql.enterLines, lane, ordering), now)
}
