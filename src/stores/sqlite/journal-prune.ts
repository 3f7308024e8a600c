/**
 * Prunes in batches, each a write transaction, so that other writers get their turns in between and a crash leaves
 * whole batches. With one writer at a time positions ascend with the commits: what was committed when `aged` was asked
 * is all that is at or below the head of that moment, and nothing ever appears there.
 *
 * The head itself is no row but a number of SQLite's (sqlite_sequence), so an empty journal goes on where it was.
 */
import type { AgedEvents, PruneRequest, PruneResult } from '../../journal/contract.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import type { SqliteDatabase } from './database.js'
import type { Tables } from './tables.js'

/** Events per transaction: some milliseconds. */
const BATCH = 1_000

export type PruneStatements = ReturnType<typeof pruneStatements>

export function pruneStatements(t: Tables) {
  return {
    ends: `select min(position) as low, (select max(position) from ${t.journal_event}) as high
from ${t.journal_event}`,
    next: `select position, created_at from ${t.journal_event}
where position >= ?1 and position <= ?2 order by position limit 1`,
    batch: `select count(*) as count, max(position) as last from (
  select position from ${t.journal_event} where position <= ?1 order by position limit ?2)`,
    removeTags: `delete from ${t.journal_tag} where (tag, position) in (
  select j.value, e.position from ${t.journal_event} e cross join json_each(e.tags) j where e.position <= ?1)`,
    removeEvents: `delete from ${t.journal_event} where position <= ?1`,
    count: `select count(*) as count from ${t.journal_event} where position <= ?1`,
  }
}

/** By halving: positions and times ascend together, but for clocks that step. */
export function agedEvents(query: SqliteQuery, sql: PruneStatements, cut: number, head: bigint): AgedEvents {
  const [ends] = query(sql.ends)
  let low = BigInt((ends?.['low'] ?? 1n) as bigint)
  let high = BigInt((ends?.['high'] ?? 0n) as bigint)
  let upTo = 0n
  while (low <= high) {
    const middle = low + (high - low) / 2n
    const [row] = query(sql.next, middle, high)
    if (row !== undefined && Number(row['created_at']) <= cut) {
      upTo = BigInt(row['position'] as bigint)
      low = upTo + 1n
    } else {
      high = middle - 1n
    }
  }
  return { upTo, asOf: String(head) }
}

export async function pruneEvents(
  database: SqliteDatabase, sql: PruneStatements, request: PruneRequest,
): Promise<PruneResult> {
  const { dryRun, signal, onProgress } = request
  const asOf = BigInt(request.asOf)
  const upTo = request.upTo < asOf ? request.upTo : asOf
  let removed = 0
  let isDone = false
  while (!isDone && !dryRun && signal?.aborted !== true) {
    const count = await database.write((query) => removeBatch(query, sql, upTo))
    removed += count
    isDone = count < BATCH
    if (count > 0) onProgress?.(removed)
  }
  if (isDone) return { removed, remaining: 0, isBusy: false }
  const [left] = await database.read((query) => query(sql.count, upTo))
  return { removed, remaining: Number(left?.['count'] ?? 0), isBusy: false }
}

function removeBatch(query: SqliteQuery, sql: PruneStatements, upTo: bigint): number {
  const [batch] = query(sql.batch, upTo, BATCH)
  const count = Number(batch?.['count'] ?? 0)
  if (count === 0) return 0
  const last = BigInt(batch?.['last'] as bigint)
  query(sql.removeTags, last)
  query(sql.removeEvents, last)
  return count
}
