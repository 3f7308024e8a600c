/**
 * Choosing without lines, when the lane has no order and one scope: from what is due and what lies ahead in the log,
 * merged. And suspects, which are chosen alike in every queue.
 */
import type { SqlRow } from '../../core/sql.js'
import type { ClaimRequest } from '../../outbox/contract.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import type { Tables } from './tables.js'

export interface Place {
  /** Its time, which with `seq` is its place in the queue. */
  readonly at: number
  readonly seq: bigint
}

export interface Candidate extends Place {
  readonly attempts: number
  readonly suspect: boolean
  readonly inLog: boolean
  /** That it is taken from. */
  readonly line: { readonly scope: string; readonly key: string } | undefined
}

export interface Choice {
  readonly taken: readonly Candidate[]
  /** How far the log has been handed on. */
  readonly pos: bigint
}

export type CandidateStatements = ReturnType<typeof candidateStatements>

export function candidateStatements(t: Tables) {
  const timed = `lane = ?1 and target = ?2 and timed = 1 and available_at <= ?3`
  return {
    // Each is one walk along an index, in order, without a sort.
    due: `select seq, available_at, attempts, suspect from ${t.outbox_due}
where ${timed} and suspect = 0 order by available_at, seq limit ?4`,
    suspect: `select seq, available_at, attempts, suspect, scope, key from ${t.outbox_due}
where ${timed} and suspect = 1 order by available_at, seq limit 1`,
    suspectOf: `select seq, available_at, attempts, suspect, scope, key from ${t.outbox_due}
where ${timed} and suspect = 1 and scope in (select value from json_each(?4)) order by available_at, seq limit 1`,
    log: `select seq, created_at from ${t.outbox_message}
where lane = ?1 and target = ?2 and available_at is null and seq > ?3 order by seq limit ?4`,
  }
}

/** The oldest. In a line, it is the front. */
export function readSuspect(
  query: SqliteQuery, sql: CandidateStatements, { lane, target, scopes }: ClaimRequest, now: number,
): Candidate | undefined {
  const [row] = scopes === undefined ? query(sql.suspect, lane, target, now)
    : query(sql.suspectOf, lane, target, now, JSON.stringify(scopes))
  if (row === undefined) return undefined
  const { scope, key } = row as { scope: string; key: string | null }
  return { ...dueCandidate(row), line: key === null ? undefined : { scope, key } }
}

/** Up to `limit`, oldest first. */
export function takeMerged(
  query: SqliteQuery, sql: CandidateStatements, { lane, target, limit }: ClaimRequest, from: bigint, now: number,
): Choice {
  const due = query(sql.due, lane, target, now, limit).map(dueCandidate)
  let at = 0
  const log = query(sql.log, lane, target, from, limit).map((row): Candidate => {
    // The running maximum: a clock that was set back must not let a row overtake the one before it.
    at = Math.max(at, Number(row['created_at']))
    return { seq: row['seq'] as bigint, at, attempts: 0, suspect: false, inLog: true, line: undefined }
  })
  const taken: Candidate[] = []
  let [nextDue, nextLog] = [0, 0]
  while (taken.length < limit) {
    const [a, b] = [due[nextDue], log[nextLog]]
    const next = a === undefined || (b !== undefined && isBefore(b, a)) ? b : a
    if (next === undefined) break
    taken.push(next)
    if (next.inLog) nextLog += 1
    else nextDue += 1
  }
  return { taken, pos: log[nextLog - 1]?.seq ?? from }
}

export function isBefore(a: Place, b: Place): boolean {
  return a.at < b.at || (a.at === b.at && a.seq < b.seq)
}

function dueCandidate(row: SqlRow): Candidate {
  return {
    seq: row['seq'] as bigint, at: Number(row['available_at']), attempts: Number(row['attempts']),
    suspect: row['suspect'] === 1n, inLog: false, line: undefined,
  }
}
