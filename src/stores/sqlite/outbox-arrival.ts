/**
 * Moving messages into lines: those of the log in the order of the log, those whose time has come. Each message is
 * moved once for each time that it becomes due, a bounded number in a transaction.
 */
import type { ClaimRequest, LaneOrdering } from '../../outbox/contract.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import { arrangeLines, lineStatements, type LineChange } from './outbox-lines.js'
import { jsonOf } from './outbox-rows.js'
import type { Tables } from './tables.js'

/** Of the log, and of what is timed. */
const MOVED = 2_000

export type ArrivalStatements = ReturnType<typeof arrivalStatements>

export function arrivalStatements(t: Tables) {
  const log = 'm.lane = ?1 and m.target = ?2 and m.available_at is null and m.seq > ?3'
  const lineUp = (place: string, key: string): string => `insert into ${t.outbox_due} (seq, scope, lane, target,
  available_at, attempts, suspect, updated_at, timed, place, key)
select m.seq, m.scope, m.lane, m.target, min(m.created_at, ?5), 0, 0, m.created_at, 0, ${place}, ${key}
from ${t.outbox_message} m where ${log} and m.seq <= ?4 returning scope, key`
  return {
    ...lineStatements(t),
    logPage: `select count(*) as n, max(seq) as last from (
  select m.seq from ${t.outbox_message} m where ${log} order by m.seq limit ${MOVED}) page`,
    // Answered from the index alone.
    lineUp: lineUp('min(m.created_at, ?5)', `''`),
    lineUpByKey: lineUp(`case when m.key is null then min(m.created_at, ?5) else 0 end`, `coalesce(m.key, '')`),
    timedPage: `select seq, scope, key from ${t.outbox_due}
where lane = ?1 and target = ?2 and timed = 1 and suspect = 0 and available_at <= ?3
order by available_at, seq limit ${MOVED}`,
    lineUpTimed: `update ${t.outbox_due} set timed = 0, key = coalesce(key, ''),
  place = case when key > '' then 0 else available_at end where seq in (select value from json_each(?1))`,
  }
}

export interface Arrival {
  /** The log was read up to here. */
  readonly pos: bigint
  /** Nothing lies behind it. */
  readonly isLogRead: boolean
  readonly isComplete: boolean
}

export function arrive(
  query: SqliteQuery, sql: ArrivalStatements, request: ClaimRequest, ordering: LaneOrdering, from: bigint, now: number,
): Arrival {
  const { lane, target } = request
  const [page = {}] = query(sql.logPage, lane, target, from)
  const pos = (page['last'] ?? from) as bigint
  const rows = pos === from ? []
    : query(ordering === 'none' ? sql.lineUp : sql.lineUpByKey, lane, target, from, pos, now)
  const timed = query(sql.timedPage, lane, target, now)
  if (timed.length > 0) query(sql.lineUpTimed, jsonOf(timed.map(({ seq }) => seq as bigint)))
  const changes = [...rows, ...timed].map(({ scope, key }): LineChange => (
    { scope: scope as string, key: (key ?? '') as string, held: 0 }))
  arrangeLines(query, sql, request, changes, now)
  const isLogRead = Number(page['n']) < MOVED
  return { pos, isLogRead, isComplete: isLogRead && timed.length < MOVED }
}
