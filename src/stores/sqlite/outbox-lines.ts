/**
 * The lines of a queue, which has some when its lane is ordered or when it has messages of several scopes.
 *
 * A line is (scope, key): the messages of an ordered lane with that key, or, as key '', all of the scope that have
 * no order. Its members are rows of `outbox_due` with the key. They stand in the order of `seq`, in a '' line in the
 * order of (available_at, seq); `place` makes both one index. With them count the claimed ones
 * (`outbox_key.held`) and, in `block` lanes, the dead letters that carry the key.
 *
 * The row of `outbox_key` exists as long as the line has anybody. `open_at` is set if and only if nobody of the
 * line is claimed, no dead letter stands before the front, and the front is due and not a suspect. Nothing else
 * decides what a claim may take from a line, so neither a long line nor a closed one is read by a claim.
 * A front that is to be waited for, or a suspect, is `timed`: claims meet it when its time comes.
 *
 * `arrangeLines` restores all that after a change, in the same transaction, for the lines that changed.
 */
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import type { Tables } from './tables.js'

export interface Queue {
  readonly lane: string
  readonly target: string
}

/** One line, and by how many the number of its claimed messages changes. */
export interface LineChange {
  readonly scope: string
  readonly key: string
  readonly held: number
}

export type LineStatements = ReturnType<typeof lineStatements>

export function lineStatements(t: Tables) {
  const changed = `(k.lane, k.target, k.scope, k.key) in (
select ?1, ?2, j.value ->> 0, j.value ->> 1 from json_each(?3) j) and k.held = 0`
  const inLine = (row: string): string =>
    `${row}.lane = k.lane and ${row}.target = k.target and ${row}.scope = k.scope and ${row}.key = k.key`
  const front = (columns: string): string => `(select ${columns} from ${t.outbox_due} f
  where ${inLine('f')} order by f.place, f.seq limit 1)`
  const noDeadBefore = `not exists (select 1 from ${t.outbox_dead} x where ${inLine('x')} and x.seq < f.seq)`
  return {
    // [scope, key, change of held]
    countHeld: `insert into ${t.outbox_key} (lane, target, scope, key, held)
select ?1, ?2, j.value ->> 0, j.value ->> 1, j.value ->> 2 from json_each(?3) j where true
on conflict (lane, target, scope, key) do update set held = held + excluded.held, open_at = null`,
    openLines: `update ${t.outbox_key} as k set (open_at, open_seq) = ${front(
      `case when f.suspect = 0 and f.available_at <= ?4 and ${noDeadBefore} then f.available_at end, f.seq`)}
where ${changed}`,
    watchFronts: `update ${t.outbox_due} set timed = 1 where timed = 0 and seq in (
select ${front(`case when ${noDeadBefore} then f.seq end`)} from ${t.outbox_key} k
where ${changed} and k.open_at is null)`,
    dropLines: `delete from ${t.outbox_key} as k where ${changed}
and not exists (select 1 from ${t.outbox_due} d where ${inLine('d')})
and not exists (select 1 from ${t.outbox_dead} x where ${inLine('x')})`,
  }
}

/** Several changes of one line add up. */
export function arrangeLines(
  query: SqliteQuery, sql: LineStatements, { lane, target }: Queue, changes: readonly LineChange[], now: number,
): void {
  if (changes.length === 0) return
  const lines = new Map<string, LineChange>()
  for (const { scope, key, held } of changes) {
    const name = JSON.stringify([scope, key])
    lines.set(name, { scope, key, held: held + (lines.get(name)?.held ?? 0) })
  }
  query(sql.countHeld, lane, target, jsonOfLines([...lines.values()]))
  // A line that a claim takes from is closed by that alone.
  const others = [...lines.values()].filter(({ held }) => held <= 0)
  if (others.length === 0) return
  const json = jsonOfLines(others)
  query(sql.dropLines, lane, target, json)
  query(sql.openLines, lane, target, json, now)
  query(sql.watchFronts, lane, target, json)
}

/** A row of (lane, target, scope, key), of whatever queues. */
export function arrangeLinesOf(
  query: SqliteQuery, sql: LineStatements, rows: readonly Readonly<Record<string, unknown>>[], now: number,
): void {
  const queues = new Map<string, { readonly queue: Queue; readonly changes: LineChange[] }>()
  for (const row of rows) {
    const [lane, target] = [row['lane'] as string, row['target'] as string]
    const name = JSON.stringify([lane, target])
    const known = queues.get(name) ?? { queue: { lane, target }, changes: [] }
    queues.set(name, known)
    known.changes.push({ scope: row['scope'] as string, key: row['key'] as string, held: 0 })
  }
  for (const { queue, changes } of queues.values()) arrangeLines(query, sql, queue, changes, now)
}

function jsonOfLines(lines: readonly LineChange[]): string {
  return JSON.stringify(lines.map(({ scope, key, held }) => [scope, key, held]))
}
