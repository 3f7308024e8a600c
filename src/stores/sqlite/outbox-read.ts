/** Looking: get, list and stats. Each call reads one state of the database and takes no lock. */
import type { SqlRow } from '../../core/sql.js'
import type { ListFilter, OutboxStats, StatsFilter } from '../../outbox/contract.js'
import type { OutboxMessage, OutboxStatus } from '../../outbox/message.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import { jsonOf, lastErrorOf, MESSAGE_COLUMNS, STATE_COLUMNS, stateJoins, toMessage } from './outbox-rows.js'
import type { Tables } from './tables.js'

export type ReadStatements = ReturnType<typeof readStatements>

export function readStatements(t: Tables) {
  const message = `select ${MESSAGE_COLUMNS}, ${STATE_COLUMNS}, ${lastErrorOf(t)}`
  const wanted = `(?3 is null or m.lane = ?3) and (?4 is null or m.target = ?4) and (?5 is null or m.key = ?5)
and (?6 is null or m.scope = ?6)`
  // The side table is walked in the order of seq, which is its own; delivered history is not read for the
  // dead.
  const listFrom = (table: string): string => `${message} from ${table} s
cross join ${t.outbox_message} m on m.seq = s.seq ${stateJoins(t)}
where s.seq > ?1 and ${wanted} order by s.seq limit ?2`
  const count = (table: string): string => `select m.lane, m.target, count(*) as n from ${table} s
cross join ${t.outbox_message} m on m.seq = s.seq where ?1 is null or m.scope = ?1 group by m.lane, m.target`
  return {
    get: `${message} from json_each(?1) j cross join ${t.outbox_message} m on m.seq = j.value ${stateJoins(t)}
where ?2 is null or m.scope = ?2`,
    list: listFrom(t.outbox_message),
    listClaimed: listFrom(t.outbox_claimed),
    listDelivered: listFrom(t.outbox_delivered),
    listDead: listFrom(t.outbox_dead),
    dueSequences: `select s.seq from ${t.outbox_due} s cross join ${t.outbox_message} m on m.seq = s.seq
where s.seq > ?1 and ${wanted} order by s.seq limit ?2`,
    logSequences: `select m.seq from ${t.outbox_message} m where m.lane = ?3 and m.target = ?4
and m.available_at is null and m.seq > max(?1, coalesce((select pos from ${t.outbox_queue}
  where lane = ?3 and target = ?4), 0))
and (?5 is null or m.key = ?5) and (?6 is null or m.scope = ?6) order by m.seq limit ?2`,
    // Two steps along the index per queue, however long the queues are. A comparison of the pair (lane,
    // target) would walk the whole of one: 36 ms over 250,000 messages.
    nextTarget: `select lane, target from ${t.outbox_message} where available_at is null and lane = ?1 and target > ?2
order by target limit 1`,
    nextLane: `select lane, target from ${t.outbox_message} where available_at is null and lane > ?1
order by lane, target limit 1`,
    countLog: `select lane, target, count(*) as n from ${t.outbox_message}
where available_at is null and (?1 is null or scope = ?1) group by lane, target`,
    countScheduled: `select lane, target, count(*) as n from ${t.outbox_message}
where available_at is not null and (?1 is null or scope = ?1) group by lane, target`,
    countAhead: `select count(*) as n, min(created_at) as oldest from ${t.outbox_message}
where lane = ?2 and target = ?3 and available_at is null and (?1 is null or scope = ?1)
and seq > coalesce((select pos from ${t.outbox_queue} where lane = ?2 and target = ?3), 0)`,
    countDue: `select lane, target, count(*) as n, count(*) filter (where available_at <= ?2) as ready,
  min(available_at) as oldest from ${t.outbox_due} where ?1 is null or scope = ?1 group by lane, target`,
    countClaimed: count(t.outbox_claimed),
    countDead: count(t.outbox_dead),
  }
}

const LIST_BY_STATUS = { claimed: 'listClaimed', delivered: 'listDelivered', dead_letter: 'listDead' } as const

export interface ReadContext {
  readonly sql: ReadStatements
  readonly tag: string
  readonly now: number
}

export function get(
  query: SqliteQuery, { sql, tag }: ReadContext, sequences: readonly bigint[], scope: string | undefined,
): readonly OutboxMessage[] {
  return query(sql.get, jsonOf([...new Set(sequences)]), scope ?? null).map((row) => toMessage(tag, row))
}

export function list(
  query: SqliteQuery, context: ReadContext, filter: ListFilter, after: bigint,
): readonly OutboxMessage[] {
  const { sql, tag } = context
  const { status, lane = null, target = null, key = null, scope = null, limit } = filter
  if (status === 'pending') {
    return get(query, context, pendingSequences(query, sql, filter, after), undefined)
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
  }
  const text = status === undefined ? sql.list : sql[LIST_BY_STATUS[status satisfies Exclude<OutboxStatus, 'pending'>]]
  return query(text, after, limit, lane, target, key, scope).map((row) => toMessage(tag, row))
}

/** Pending is what is due or lies ahead in a log; the delivered need not be looked at to find it. */
function pendingSequences(
  query: SqliteQuery, sql: ReadStatements, filter: ListFilter, after: bigint,
): readonly bigint[] {
  const { lane = null, target = null, key = null, scope = null, limit } = filter
  const rows = [...query(sql.dueSequences, after, limit, lane, target, key, scope)]
  for (const queue of logQueues(query, sql)) {
    if ((lane ?? queue.lane) !== queue.lane || (target ?? queue.target) !== queue.target) continue
    rows.push(...query(sql.logSequences, after, limit, queue.lane, queue.target, key, scope))
  }
  return rows.map((row) => row['seq'] as bigint).sort((a, b) => (a < b ? -1 : 1)).slice(0, limit)
}

function* logQueues(query: SqliteQuery, sql: ReadStatements): Generator<{ lane: string; target: string }> {
  let [row] = query(sql.nextLane, '')
  while (row !== undefined) {
    const queue = { lane: row['lane'] as string, target: row['target'] as string }
    yield queue
    row = query(sql.nextTarget, queue.lane, queue.target)[0] ?? query(sql.nextLane, queue.lane)[0]
  }
}

interface Counts {
  readonly lane: string
  readonly target: string
  total: number
  ready: number
  scheduled: number
  claimed: number
  dead: number
  oldest: number
}

/**
 * The delivered are counted as what is left: all messages, from an index, less those in every other state.
 */
export function stats(query: SqliteQuery, { sql, now }: ReadContext, filter: StatsFilter): readonly OutboxStats[] {
  const scope = filter.scope ?? null
  const queues = new Map<string, Counts>()
  const of = (row: SqlRow): Counts => {
    const [lane, target] = [row['lane'] as string, row['target'] as string]
    const name = JSON.stringify([lane, target])
    const known = queues.get(name)
      ?? { lane, target, total: 0, ready: 0, scheduled: 0, claimed: 0, dead: 0, oldest: Infinity }
    queues.set(name, known)
    return known
  }
  for (const row of query(sql.countLog, scope)) of(row).total += Number(row['n'])
  for (const row of query(sql.countScheduled, scope)) of(row).total += Number(row['n'])
  for (const row of query(sql.countClaimed, scope)) of(row).claimed = Number(row['n'])
  for (const row of query(sql.countDead, scope)) of(row).dead = Number(row['n'])
  for (const row of query(sql.countDue, scope, now)) {
    const counts = of(row)
    counts.ready += Number(row['ready'])
    counts.scheduled += Number(row['n']) - Number(row['ready'])
    counts.oldest = Number(row['oldest'])
  }
  const wanted = [...queues.values()].filter(({ lane, target }) =>
    (filter.lane ?? lane) === lane && (filter.target ?? target) === target)
  return wanted.map((counts) => {
    const [ahead] = query(sql.countAhead, scope, counts.lane, counts.target)
    counts.ready += Number(ahead?.['n'])
    if (ahead?.['oldest'] != null) counts.oldest = Math.min(counts.oldest, Number(ahead['oldest']))
    return statsOf(counts, now)
  })
}

function statsOf({ lane, target, total, ready, scheduled, claimed, dead, oldest }: Counts, now: number): OutboxStats {
  return {
    lane, target, ready, scheduled, claimed,
    delivered: total - ready - scheduled - claimed - dead,
    deadLetter: dead,
    oldestReadyAgeMs: ready === 0 ? undefined : Math.max(now - oldest, 0),
  }
}
