/** Removing what is old, a bounded number at a time, so that nobody waits long for the write lock. */
import type { PurgeRequest, PurgeResult } from '../../outbox/contract.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import { removalStatements, removeDead, removeMessages } from './outbox-dead.js'
import { jsonOf } from './outbox-rows.js'
import type { Tables } from './tables.js'

export type PurgeStatements = ReturnType<typeof purgeStatements>

export function purgeStatements(t: Tables) {
  const inScope = `(?3 is null or exists (select 1 from ${t.outbox_message} m where m.seq = s.seq and m.scope = ?3))`
  const oldKeys = `select scope, lane, target, dedupe_key from ${t.outbox_dedupe}
where left_at is not null and left_at <= ?1 and (?3 is null or scope = ?3) order by left_at limit ?2`
  return {
    oldDelivered: `select s.seq from ${t.outbox_delivered} s where s.delivered_at <= ?1 and ${inScope}
order by s.delivered_at limit ?2`,
    oldDead: `select s.seq from ${t.outbox_dead} s where s.dead_at <= ?1 and ${inScope} order by s.dead_at limit ?2`,
    removeDelivered: `delete from ${t.outbox_delivered} where seq in (select value from json_each(?1))`,
    ...removalStatements(t),
    forgetKeys: `delete from ${t.outbox_dedupe} where (scope, lane, target, dedupe_key) in (${oldKeys})
returning 1 as gone`,
    countOldKeys: `select 1 as found from (${oldKeys})`,
  }
}

export function purge(query: SqliteQuery, sql: PurgeStatements, request: PurgeRequest, now: number): PurgeResult {
  const { limit, scope = null, dryRun, dedupeOlderThanMs } = request
  const olderThan = (text: string, ageMs: number | undefined): readonly bigint[] =>
    ageMs === undefined ? [] : query(text, now - ageMs, limit, scope).map((row) => row['seq'] as bigint)
  const delivered = olderThan(sql.oldDelivered, request.deliveredOlderThanMs)
  const dead = olderThan(sql.oldDead, request.deadOlderThanMs)
  if (!dryRun && delivered.length > 0) {
    query(sql.removeDelivered, jsonOf(delivered))
    removeMessages(query, sql, delivered)
  }
  if (!dryRun && dead.length > 0) removeDead(query, sql, dead, now)
  const keys = dedupeOlderThanMs === undefined ? []
    : query(dryRun ? sql.countOldKeys : sql.forgetKeys, now - dedupeOlderThanMs, limit, scope)
  return { delivered: delivered.length, deadLetters: dead.length, dedupeKeys: keys.length }
}
