/**
 * Messages that wait become dead letters.
 *
 * One write transaction: claims, settles and enqueues come before it or after it. A message that a claim took before
 * is in `outbox_claimed` and is skipped, whatever its lease; one that is moved here is in no place from which a claim
 * takes. So a message is moved or claimed, never both, and the call is undone as a whole when its process dies.
 *
 * What waits is in `outbox_due`, or in the log. From `due` its row goes, with its line arranged as after a settle.
 * In the log it has no row but the message itself, so that gets the time of its enqueue for its own: what has a time
 * is not in the log. A redrive finds the dead letter in either case, and puts it into `due`.
 */
import {
  QUARANTINE_CONSUMER, quarantineNote, type QuarantineAnswer, type QuarantineRequest,
} from '../../outbox/contract.js'
import { parseMessageId } from '../../outbox/message-id.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import { arrangeLinesOf, lineStatements } from './outbox-lines.js'
import { jsonOf, pruneFailuresSql } from './outbox-rows.js'
import type { Tables } from './tables.js'

export type QuarantineStatements = ReturnType<typeof quarantineStatements>

export function quarantineStatements(t: Tables) {
  const isIn = (table: string): string => `exists (select 1 from ${table} o where o.seq = m.seq)`
  return {
    ...lineStatements(t),
    waiting: `select m.seq, m.lane, m.target, m.scope, d.key as line, d.seq is null as in_log
from json_each(?1) j cross join ${t.outbox_message} m on m.seq = j.value left join ${t.outbox_due} d on d.seq = m.seq
where (?2 is null or m.scope = ?2)
and not (${isIn(t.outbox_claimed)} or ${isIn(t.outbox_delivered)} or ${isIn(t.outbox_dead)})`,
    // [seq, note]
    note: `insert into ${t.outbox_failure} (seq, attempt, at, consumer, error)
select j.value ->> 0, coalesce(d.attempts, 0), ?2, ?3, j.value ->> 1
from json_each(?1) j left join ${t.outbox_due} d on d.seq = j.value ->> 0`,
    pruneFailures: pruneFailuresSql(t),
    // Answers the lines that it closes.
    buryWaiting: `insert into ${t.outbox_dead} (seq, dead_at, attempts, available_at, lane, target, scope, key)
select m.seq, ?2, coalesce(d.attempts, 0), d.available_at, b.lane, iif(b.lane is null, null, m.target),
  iif(b.lane is null, null, m.scope), iif(b.lane is null, null, m.key)
from json_each(?1) j cross join ${t.outbox_message} m on m.seq = j.value left join ${t.outbox_due} d on d.seq = m.seq
left join ${t.outbox_lane} b on m.key is not null and b.lane = m.lane and b.ordering = 'block'
returning lane, target, scope, key`,
    leaveDue: `delete from ${t.outbox_due} where seq in (select value from json_each(?1))`,
    leaveLog: `update ${t.outbox_message} set available_at = created_at where seq in (select value from json_each(?1))`,
  }
}

/** An answer for each entry; a second one for the same message finds it moved. */
export function quarantine(
  query: SqliteQuery, sql: QuarantineStatements, tag: string, { entries, scope }: QuarantineRequest, now: number,
): readonly QuarantineAnswer[] {
  const answers = entries.map((): QuarantineAnswer => 'skipped')
  const places = new Map<bigint, number>()
  entries.forEach(({ id }, place) => {
    const seq = parseMessageId(tag, id)
    if (seq !== undefined && !places.has(seq)) places.set(seq, place)
  })
  const waiting = query(sql.waiting, jsonOf([...places.keys()]), scope ?? null)
  if (waiting.length === 0) return answers
  const sequences = waiting.map(({ seq }) => seq as bigint)
  const notes = sequences.flatMap((seq) => {
    const place = places.get(seq) ?? -1
    const entry = entries[place]
    if (entry === undefined) return []
    answers[place] = 'dead_lettered'
    return [`[${seq},${JSON.stringify(quarantineNote(entry))}]`]
  })
  query(sql.note, `[${notes.join(',')}]`, now, QUARANTINE_CONSUMER)
  for (const seq of sequences) query(sql.pruneFailures, seq)
  const closed = query(sql.buryWaiting, jsonOf(sequences), now).filter(({ key }) => key !== null)
  query(sql.leaveDue, jsonOf(sequences))
  const inLog = waiting.filter(({ in_log: isInLog }) => isInLog === 1n).map(({ seq }) => seq as bigint)
  if (inLog.length > 0) query(sql.leaveLog, jsonOf(inLog))
  const left = waiting.filter(({ line }) => line !== null).map(({ line, ...row }) => ({ ...row, key: line }))
  arrangeLinesOf(query, sql, [...left, ...closed], now)
  return answers
}
