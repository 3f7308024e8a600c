/**
 * Choosing from lines: the oldest of each scope, then the second of each, and so on. Only open lines are read, and of
 * each about as many messages as are taken.
 */
import type { ClaimRequest } from '../../outbox/contract.js'
import type { SqlRow } from '../../core/sql.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import { isBefore, type Candidate } from './outbox-candidates.js'
import { LineReader, ScopeLines, type Head, type LineReaderStatements } from './outbox-line-reader.js'
import type { Tables } from './tables.js'

export type TurnStatements = ReturnType<typeof turnStatements>

export function turnStatements(t: Tables) {
  const open = (scope: string): string => `k.lane = ?1 and k.target = ?2 and k.open_at is not null ${scope}`
  const firstOf = (column: string): string => `(select k.${column} from ${t.outbox_key} k
  where ${open('and k.scope = s.scope')} order by k.open_at, k.open_seq limit 1) as ${column}`
  const nextScope = (after: string): string =>
    `(select k.scope from ${t.outbox_key} k where ${open(after)} order by k.scope limit 1)`
  return {
    oldestLines: `select k.scope, k.key, k.open_at, k.open_seq from ${t.outbox_key} k where ${open('')}
order by k.open_at, k.open_seq limit ?3`,
    firstOfEach: `with recursive scopes (scope) as (select ${nextScope('')}
  union all select ${nextScope('and k.scope > scopes.scope')} from scopes where scopes.scope is not null)
select s.scope, ${firstOf('key')}, ${firstOf('open_at')}, ${firstOf('open_seq')}
from scopes s where s.scope is not null`,
    firstOfThese: `select s.scope, ${firstOf('key')}, ${firstOf('open_at')}, ${firstOf('open_seq')}
from (select value as scope from json_each(?3)) s`,
  }
}

export interface Turn {
  readonly request: ClaimRequest
  readonly isOrdered: boolean
  /** The queue has messages of several scopes. */
  readonly lined: boolean
  /** Of ordered lines, nothing behind this may be taken: what lies before it in the log was not read yet. */
  readonly end: bigint | undefined
  readonly now: number
}

export function takeInTurns(
  query: SqliteQuery, sql: TurnStatements & LineReaderStatements, turn: Turn,
): readonly Candidate[] {
  const { limit } = turn.request
  const { heads, isAll } = readHeads(query, sql, turn)
  const scopes = new Set([...new Set(heads.map(({ scope }) => scope))].slice(0, limit))
  const first = heads.filter(({ scope }) => scopes.has(scope))
  const reader = new LineReader(query, sql, turn.request, turn.now, turn.end)
  const byScope = new Map([...scopes].map((scope) => [scope, new ScopeLines(reader, !isAll && turn.isOrdered)]))
  for (const line of reader.open(first, Math.ceil(limit / Math.max(1, first.length)) + 1)) {
    byScope.get(line.head.scope)?.add(line)
  }
  const taken: { readonly at: number; readonly seq: bigint; readonly candidate: Candidate }[] = []
  let waiting = [...byScope.values()]
  while (waiting.length > 0 && taken.length < limit) {
    waiting = waiting.filter((scope) => {
      const next = taken.length < limit ? scope.next() : undefined
      if (next !== undefined) taken.push({ ...next, seq: next.candidate.seq })
      return next !== undefined
    })
  }
  return taken.sort((a, b) => (isBefore(a, b) ? -1 : 1)).map(({ candidate }) => candidate)
}

/** The open lines to begin with, oldest first: at least one of each scope whose turn it is. */
function readHeads(
  query: SqliteQuery, sql: TurnStatements, { request, lined }: Turn,
): { readonly heads: readonly Head[]; readonly isAll: boolean } {
  const { lane, target, scopes, limit } = request
  if (scopes !== undefined) {
    const rows = query(sql.firstOfThese, lane, target, JSON.stringify([...new Set(scopes)]))
    return { heads: oldestFirst(rows), isAll: false }
  }
  const heads = query(sql.oldestLines, lane, target, limit).map(head)
  const isAll = heads.length < limit
  if (isAll || !lined || new Set(heads.map(({ scope }) => scope)).size === limit) return { heads, isAll }
  // One scope has many lines, all older than those of others.
  return { heads: oldestFirst(query(sql.firstOfEach, lane, target)), isAll: false }
}

function oldestFirst(rows: readonly SqlRow[]): readonly Head[] {
  return rows.filter((row) => row['open_at'] !== null).map(head).sort((a, b) => (isBefore(a, b) ? -1 : 1))
}

function head(row: SqlRow): Head {
  return {
    scope: row['scope'] as string, key: row['key'] as string, at: Number(row['open_at']),
    seq: row['open_seq'] as bigint,
  }
}
