/**
 * Ending claims whose lease is over. Their messages keep their place in the queue, as suspects. Only a
 * message that its claim held alone is dead-lettered here: of several, nobody knows which one was at fault.
 */
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import { arrangeLines, lineStatements } from './outbox-lines.js'
import { burySql } from './outbox-rows.js'
import type { Tables } from './tables.js'

/** Claims ended in one transaction, at most 20,000 messages; the next claim goes on. */
const MAX_ENDED = 20

export type ExpiryStatements = ReturnType<typeof expiryStatements>

export function expiryStatements(t: Tables) {
  // The claims of a store are few, and their open messages lie together; neither needs an index more.
  const open = `c.seq between ?2 and ?3 and c.claim = ?1`
  return {
    ...lineStatements(t),
    expired: `select id, consumer, size, first_seq, last_seq from ${t.outbox_claim}
where lane = ?1 and target = ?2 and lease_until <= ?3 order by lease_until, id limit ${MAX_ENDED}`,
    next: `select min(lease_until) as at from ${t.outbox_claim} where lane = ?1 and target = ?2`,
    fail: `insert into ${t.outbox_failure} (seq, attempt, at, consumer, error)
select c.seq, c.attempts, ?4, ?5, 'lease expired' from ${t.outbox_claimed} c where ${open}`,
    heldLines: `select m.scope, c.key, count(*) as n from ${t.outbox_claimed} c
join ${t.outbox_message} m on m.seq = c.seq where ${open} and c.key is not null group by m.scope, c.key`,
    buryExpired: `${burySql(t, `from ${t.outbox_claimed} c join ${t.outbox_message} m on m.seq = c.seq`, '?4')}
where ${open} and c.attempts >= m.max_attempts`,
    distrust: `insert into ${t.outbox_due} (seq, scope, lane, target, available_at, attempts, suspect, updated_at,
  timed, place, key)
select m.seq, m.scope, m.lane, m.target, min(coalesce(c.available_at, m.available_at, m.created_at), ?4),
  c.attempts, 1, ?4, c.key is null, 0, c.key
from ${t.outbox_claimed} c join ${t.outbox_message} m on m.seq = c.seq
where ${open} and not (?5 = 1 and c.attempts >= m.max_attempts)`,
    forgetExpired: `delete from ${t.outbox_claimed} as c where ${open}`,
    end: `delete from ${t.outbox_claim} where id = ?1`,
  }
}

/** When the next of the remaining leases ends, or null when none is left. */
export function endExpiredClaims(
  query: SqliteQuery, sql: ExpiryStatements, lane: string, target: string, now: number,
): number | null {
  for (const claim of query(sql.expired, lane, target, now)) {
    const { id, first_seq: first, last_seq: last, size } = claim as Record<string, bigint>
    if (id === undefined || first === undefined || last === undefined || size === undefined) continue
    query(sql.fail, id, first, last, now, claim['consumer'] as string)
    const lines = query(sql.heldLines, id, first, last).map(({ scope, key, n }) => (
      { scope: scope as string, key: key as string, held: -Number(n) }))
    if (size === 1n) query(sql.buryExpired, id, first, last, now)
    query(sql.distrust, id, first, last, now, size)
    query(sql.forgetExpired, id, first, last)
    query(sql.end, id)
    arrangeLines(query, sql, { lane, target }, lines, now)
  }
  const at = query(sql.next, lane, target)[0]?.['at']
  return at === null || at === undefined ? null : Number(at)
}
