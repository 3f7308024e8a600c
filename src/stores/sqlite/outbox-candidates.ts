/** Which messages the next claim takes: reading what is due and what lies ahead in the log, and choosing. */
import type { SqlRow } from '../../core/sql.js'
import type { ClaimRequest } from '../../outbox/contract.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import type { Tables } from './tables.js'

/** Rows of the log looked at before a scoped claim gives others their turn. */
const MAX_SCANNED = 20_000
const SCAN_PAGE = 1_000

export interface Candidate {
  readonly seq: bigint
  /** Its place in the queue, with `seq`. */
  readonly at: number
  readonly attempts: number
  readonly suspect: boolean
  readonly inLog: boolean
}

/** What a scan of the log found, up to and including `end`. */
export interface LogPage {
  readonly mine: readonly Candidate[]
  /** Of scopes that were not asked for. */
  readonly passed: readonly bigint[]
  readonly end: bigint
  readonly exhausted: boolean
}

export interface Choice {
  readonly taken: readonly Candidate[]
  /** The first of the log that was eligible and not taken. */
  readonly left: Candidate | undefined
}

export type CandidateStatements = ReturnType<typeof candidateStatements>

export function candidateStatements(t: Tables) {
  return {
    // Both are one walk along an index, in order, without a sort.
    due: `select seq, available_at, attempts, suspect from ${t.outbox_due}
where lane = ?1 and target = ?2 and available_at <= ?3 order by available_at, seq limit ?4`,
    dueOfScope: `select seq, available_at, attempts, suspect from ${t.outbox_due}
where lane = ?1 and target = ?2 and scope = ?5 and available_at <= ?3 order by available_at, seq limit ?4`,
    // Answered from the index alone: no message row is read for what is passed over.
    log: `select seq, scope, created_at from ${t.outbox_message}
where lane = ?1 and target = ?2 and available_at is null and seq > ?3 order by seq limit ?4`,
  }
}

/**
 * At most `limit`, oldest first. One statement per scope: a single one would sort the whole backlog of all
 * scopes.
 */
export function readDue(
  query: SqliteQuery, sql: CandidateStatements, request: ClaimRequest, now: number,
): readonly Candidate[] {
  const { lane, target, limit, scopes } = request
  if (scopes === undefined) return query(sql.due, lane, target, now, limit).map(dueCandidate)
  return [...new Set(scopes)]
    .flatMap((scope) => query(sql.dueOfScope, lane, target, now, limit, scope).map(dueCandidate))
    .sort((a, b) => (isBefore(a, b) ? -1 : 1)).slice(0, limit)
}

export function readLog(query: SqliteQuery, sql: CandidateStatements, request: ClaimRequest, from: bigint): LogPage {
  const { lane, target, limit, scopes } = request
  const wanted = scopes === undefined ? undefined : new Set<string>(scopes)
  const mine: Candidate[] = []
  const passed: bigint[] = []
  let [end, at] = [from, 0]
  for (;;) {
    const size = wanted === undefined ? limit : SCAN_PAGE
    const rows = query(sql.log, lane, target, end, size)
    for (const row of rows) {
      if (mine.length === limit) return { mine, passed, end, exhausted: false }
      end = row['seq'] as bigint
      // The running maximum: a clock that was set back must not let a row overtake the one before it.
      at = Math.max(at, Number(row['created_at']))
      if (wanted === undefined || wanted.has(row['scope'] as string)) {
        mine.push({ seq: end, at, attempts: 0, suspect: false, inLog: true })
      } else passed.push(end)
    }
    if (rows.length < size) return { mine, passed, end, exhausted: true }
    if (mine.length === limit || mine.length + passed.length >= MAX_SCANNED) {
      return { mine, passed, end, exhausted: false }
    }
  }
}

/**
 * Oldest first: one suspect when that is the oldest, otherwise everything up to `limit` or the first suspect.
 */
export function choose(due: readonly Candidate[], log: readonly Candidate[], limit: number): Choice {
  const taken: Candidate[] = []
  let [nextDue, nextLog] = [0, 0]
  while (taken.length < limit && taken[0]?.suspect !== true) {
    const [a, b] = [due[nextDue], log[nextLog]]
    const next = a === undefined || (b !== undefined && isBefore(b, a)) ? b : a
    if (next === undefined || (next.suspect && taken.length > 0)) break
    taken.push(next)
    if (next.inLog) nextLog += 1
    else nextDue += 1
  }
  return { taken, left: log[nextLog] }
}

function isBefore(a: Candidate, b: Candidate): boolean {
  return a.at < b.at || (a.at === b.at && a.seq < b.seq)
}

function dueCandidate(row: SqlRow): Candidate {
  return {
    seq: row['seq'] as bigint, at: Number(row['available_at']), attempts: Number(row['attempts']),
    suspect: row['suspect'] === 1n, inLog: false,
  }
}
