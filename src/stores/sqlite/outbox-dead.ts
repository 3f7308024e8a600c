/** Dead letters: redriven, discarded, purged. And the history of failures, which lives as long as its message. */
import type {
  DeadAnswer, FailedAttempt, NewPayload, PayloadEdit, ResolveDeadRequest,
} from '../../outbox/contract.js'
import { parseMessageId } from '../../outbox/message-id.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import { arrangeLinesOf, lineStatements } from './outbox-lines.js'
import { jsonOf, leaveKeysSql, MAX_FAILURES, pruneFailuresSql, toBytes } from './outbox-rows.js'
import type { Tables } from './tables.js'

export type RemovalStatements = ReturnType<typeof removalStatements>
export type DeadStatements = ReturnType<typeof deadStatements>

export function removalStatements(t: Tables) {
  const remove = (table: string): string => `delete from ${table} where seq in (select value from json_each(?1))`
  return {
    ...lineStatements(t),
    // A dead letter leaves here; a delivered message's key left at its ack.
    leaveDeadKeys: leaveKeysSql(t),
    dropDead: `${remove(t.outbox_dead)} returning lane, target, scope, key`,
    dropFailures: remove(t.outbox_failure),
    dropRedriven: remove(t.outbox_redriven),
    dropEdits: remove(t.outbox_edit),
    dropMessages: remove(t.outbox_message),
  }
}

export function deadStatements(t: Tables) {
  return {
    ...removalStatements(t),
    deadOf: `select x.seq from json_each(?1) j cross join ${t.outbox_dead} x on x.seq = j.value
join ${t.outbox_message} m on m.seq = x.seq where ?2 is null or m.scope = ?2`,
    // In a `block` lane at its place in the line; in a `skip` lane outside of the order, for good.
    redrive: `insert into ${t.outbox_due} (seq, scope, lane, target, available_at, attempts, suspect, updated_at,
  timed, place, key)
select m.seq, m.scope, m.lane, m.target, ?2, 0, 0, ?2, b.lane is null or m.key is null, 0,
  case when b.lane is not null then m.key end
from json_each(?1) j cross join ${t.outbox_message} m on m.seq = j.value
left join ${t.outbox_lane} b on b.lane = m.lane and b.ordering = 'block' returning lane, target, scope, key`,
    noteRedriven: `insert into ${t.outbox_redriven} (seq, redriven_at) select value, ?2 from json_each(?1) where true
on conflict (seq) do update set redriven_at = excluded.redriven_at`,
    pruneFailures: pruneFailuresSql(t),
    keepPayload: `insert into ${t.outbox_edit} (seq, edited_at, by, note, content_type, payload)
select seq, ?2, ?3, ?4, content_type, payload from ${t.outbox_message} where seq = ?1`,
    changePayload: `update ${t.outbox_message} set content_type = ?2, payload = ?3 where seq = ?1`,
    edits: `select e.edited_at, e.by, e.note, e.content_type, e.payload from ${t.outbox_edit} e where e.seq = ?1
and exists (select 1 from ${t.outbox_message} m where m.seq = ?1 and (?2 is null or m.scope = ?2)) order by e.id`,
    failures: `select f.attempt, f.at, f.consumer, f.error from ${t.outbox_failure} f where f.seq = ?1
and exists (select 1 from ${t.outbox_message} m where m.seq = ?1 and (?2 is null or m.scope = ?2))
order by f.id desc limit ${MAX_FAILURES}`,
  }
}

/** An answer for each id; a second one for the same message finds no dead letter. */
export function resolveDead(
  query: SqliteQuery, sql: DeadStatements, tag: string, request: ResolveDeadRequest, now: number,
): readonly DeadAnswer[] {
  const { ids, action, scope, edit } = request
  const places = new Map<bigint, number>()
  ids.forEach((id, place) => {
    const seq = parseMessageId(tag, id)
    if (seq !== undefined && !places.has(seq)) places.set(seq, place)
  })
  const dead = query(sql.deadOf, jsonOf([...places.keys()]), scope ?? null).map(({ seq }) => seq as bigint)
  const answers = ids.map((): DeadAnswer => 'not_dead')
  for (const seq of dead) answers[places.get(seq) ?? -1] = action === 'redrive' ? 'redriven' : 'discarded'
  if (dead.length === 0) return answers
  if (edit !== undefined) for (const seq of dead) changePayload(query, sql, seq, edit, now)
  if (action === 'redrive') redrive(query, sql, dead, now)
  else removeDead(query, sql, dead, now)
  return answers
}

export function removeDead(
  query: SqliteQuery, sql: RemovalStatements, sequences: readonly bigint[], now: number,
): void {
  query(sql.leaveDeadKeys, jsonOf(sequences), now)
  const lines = query(sql.dropDead, jsonOf(sequences)).filter(({ key }) => key !== null)
  removeMessages(query, sql, sequences)
  arrangeLinesOf(query, sql, lines, now)
}

/** With what belongs to them in whatever state. */
export function removeMessages(query: SqliteQuery, sql: RemovalStatements, sequences: readonly bigint[]): void {
  query(sql.dropFailures, jsonOf(sequences))
  query(sql.dropRedriven, jsonOf(sequences))
  query(sql.dropEdits, jsonOf(sequences))
  query(sql.dropMessages, jsonOf(sequences))
}

/** Oldest first; of many the latest. */
export function failures(
  query: SqliteQuery, sql: DeadStatements, seq: bigint, scope: string | undefined,
): readonly FailedAttempt[] {
  return query(sql.failures, seq, scope ?? null).map((row) => ({
    attempt: Number(row['attempt']), failedAt: Number(row['at']), consumer: row['consumer'] as string,
    error: row['error'] as string,
  })).toReversed()
}

/** Oldest first. */
export function edits(
  query: SqliteQuery, sql: DeadStatements, seq: bigint, scope: string | undefined,
): readonly PayloadEdit[] {
  return query(sql.edits, seq, scope ?? null).map((row) => ({
    editedAt: Number(row['edited_at']), by: row['by'] as string, note: row['note'] as string,
    contentType: row['content_type'] as string, payload: toBytes(row['payload']),
  }))
}

function changePayload(
  query: SqliteQuery, sql: DeadStatements, seq: bigint, { payload, contentType, by, note }: NewPayload, now: number,
): void {
  query(sql.keepPayload, seq, now, by, note)
  query(sql.changePayload, seq, contentType, payload)
}

function redrive(query: SqliteQuery, sql: DeadStatements, sequences: readonly bigint[], now: number): void {
  const lines = query(sql.redrive, jsonOf(sequences), now).filter(({ key }) => key !== null)
  query(sql.dropDead, jsonOf(sequences))
  query(sql.noteRedriven, jsonOf(sequences), now)
  // Attempts begin again at 0, so their number does not say how many failures there are.
  for (const seq of sequences) query(sql.pruneFailures, seq)
  arrangeLinesOf(query, sql, lines, now)
}
