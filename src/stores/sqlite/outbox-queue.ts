/** What a claim knows about its queue: how far the log was read, its lane's settings, and how many scopes it has. */
import type { ClaimRequest, LaneOrdering } from '../../outbox/contract.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import type { Tables } from './tables.js'

/** Rows of the log whose scopes are looked at in one transaction: 10 ms. */
const LOOKED_AT = 50_000

export interface QueueState {
  readonly pos: bigint
  readonly nextExpiry: number | null
  /** The only scope seen up to `seen`; null when there was none. */
  readonly scope: string | null
  readonly seen: bigint
  /** Several scopes were seen. */
  readonly lined: boolean
}

export interface ReadQueue {
  readonly state: QueueState
  readonly ordering: LaneOrdering
  readonly paused: boolean
}

export type QueueStatements = ReturnType<typeof queueStatements>

export function queueStatements(t: Tables) {
  const queue = 'lane = ?1 and target = ?2'
  const log = `${queue} and available_at is null`
  const timedScope = (direction: string): string => `(select scope from ${t.outbox_message}
where ${queue} and available_at is not null order by scope ${direction} limit 1)`
  return {
    queue: `select q.pos, q.next_expiry, q.scope, q.seen, q.lined, l.ordering,
  exists (select 1 from ${t.outbox_pause} where lane = ?1 and target in ('', ?2)) as paused
from (select 1) one left join ${t.outbox_queue} q on q.lane = ?1 and q.target = ?2
left join ${t.outbox_lane} l on l.lane = ?1`,
    saveQueue: `insert into ${t.outbox_queue} (lane, target, pos, next_expiry, scope, seen, lined)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7) on conflict (lane, target) do update set pos = excluded.pos,
next_expiry = excluded.next_expiry, scope = excluded.scope, seen = excluded.seen, lined = excluded.lined`,
    // The scheduled ones have their scopes in an index.
    newest: `select (select max(seq) from ${t.outbox_message} where ${log}) as last,
  (select scope from ${t.outbox_message} where ${log} and seq > ?3 order by seq limit 1) as first,
  ${timedScope('asc')} as first_timed, ${timedScope('desc')} as last_timed`,
    lookEnd: `select seq from ${t.outbox_message} where ${log} and seq > ?3 order by seq limit 1 offset ${LOOKED_AT}`,
    otherScope: `select 1 from ${t.outbox_message} where ${log} and seq > ?3 and seq <= ?4 and scope <> ?5 limit 1`,
  }
}

export function readQueue(query: SqliteQuery, sql: QueueStatements, { lane, target }: ClaimRequest): ReadQueue {
  const [row = {}] = query(sql.queue, lane, target)
  const ordering = (row['ordering'] ?? 'none') as LaneOrdering
  const paused = row['paused'] === 1n
  if (row['pos'] === null) {
    return { ordering, paused, state: { pos: 0n, nextExpiry: null, scope: null, seen: 0n, lined: false } }
  }
  return {
    ordering, paused,
    state: {
      pos: row['pos'] as bigint, nextExpiry: row['next_expiry'] === null ? null : Number(row['next_expiry']),
      scope: row['scope'] as string | null, seen: row['seen'] as bigint, lined: row['lined'] === 1n,
    },
  }
}

export function saveQueue(
  query: SqliteQuery, sql: QueueStatements, { lane, target }: ClaimRequest, before: QueueState, after: QueueState,
): void {
  const { pos, nextExpiry, scope, seen, lined } = after
  const isSame = pos === before.pos && nextExpiry === before.nextExpiry && scope === before.scope
    && seen === before.seen && lined === before.lined
  if (!isSame) query(sql.saveQueue, lane, target, pos, nextExpiry, scope, seen, lined)
}

/** The scopes of what came since the last look: each row of the log is looked at once. `more`: not all were. */
export function lookAtScopes(
  query: SqliteQuery, sql: QueueStatements, { lane, target, scopes }: ClaimRequest, state: QueueState,
): { readonly state: QueueState; readonly more: boolean } {
  if (state.lined) return { state, more: false }
  const [row = {}] = query(sql.newest, lane, target, state.seen)
  const found = [state.scope, row['first'], row['first_timed'], row['last_timed']]
    .filter((scope) => typeof scope === 'string')
  const [scope] = found
  if (scope === undefined) return { state, more: false }
  const last = (row['last'] ?? 0n) as bigint
  const isLong = last - state.seen > BigInt(LOOKED_AT)
  const end = isLong ? query(sql.lookEnd, lane, target, state.seen)[0]?.['seq'] as bigint | undefined : undefined
  const seen = end ?? (last > state.seen ? last : state.seen)
  // Who asks for other scopes only shall not read this one's log again and again.
  const isForeign = scopes !== undefined && !(scopes as readonly string[]).includes(scope)
  const lined = isForeign || found.some((other) => other !== scope)
    || (seen > state.seen && query(sql.otherScope, lane, target, state.seen, seen, scope).length > 0)
  return { state: { ...state, scope, seen, lined }, more: !lined && end !== undefined }
}
