/**
 * Append in the caller's transaction.
 *
 * First all streams are moved on in one statement, which moves none unless each is where it is expected; then the
 * events are written with the numbers that it gave. No statement fails, and a refused append has written nothing.
 *
 * What can interleave: another transaction cannot, once this one has the write lock, which it gets at the first of
 * these writes at the latest; SQLite refuses it then if anybody has committed since this transaction first read, and
 * that is TRANSACTION_ABORTED. Other appends of the same transaction come before or after: `Journal` sees to that.
 *
 * Placeholders appear once each and in order, so that a driver may turn them into plain question marks.
 */
import type { SqlRow, SqlSteps, SqlValue } from '../../core/sql.js'
import { MAX_ASSIGNED } from '../../core/u64.js'
import { idempotencyConflict, sequenceConflict, streamExhausted } from '../../journal/conflicts.js'
import type { AppendResult, EventPlace, NewBatch } from '../../journal/event.js'
import { slotOf } from '../../journal/slots.js'
import { formatMessageId } from '../../outbox/message-id.js'
import type { WaybillError } from '../../core/errors.js'
import type { AssignedNumbers } from './outbox-insert.js'
import { toBytes } from './outbox-rows.js'
import { batchTexts, inBatches } from './row-batches.js'
import type { Tables } from './tables.js'

const COLUMNS = 12

export type AppendStatements = ReturnType<typeof appendStatements>

export function appendStatements(t: Tables) {
  return {
    findKey: `select digest, places from ${t.journal_key} where scope = ?1 and writer_id = ?2 and key = ?3`,
    // Of each stream: name, how many events, the number expected or null.
    moveStreams: `insert into ${t.journal_stream} (scope, stream, last, deleted_to)
select ?1, j.value ->> 0, j.value ->> 1, 0 from json_each(?2) j
where not exists (
  select 1 from json_each(?3) w left join ${t.journal_stream} s on s.scope = ?4 and s.stream = w.value ->> 0
  where coalesce(s.last, 0) <> coalesce(w.value ->> 2, s.last, 0)
    or coalesce(s.last, 0) > ${MAX_ASSIGNED} - (w.value ->> 1))
on conflict (scope, stream) do update set last = last + excluded.last
returning stream, last`,
    lasts: `select j.value as stream, s.last from json_each(?1) j
left join ${t.journal_stream} s on s.scope = ?2 and s.stream = j.value`,
    // The first row names its number, the others follow it.
    insertEvents: batchTexts((rows) => `insert into ${t.journal_event} (position, scope,
  stream, sequence, slot, created_at, writer_id, type, manifest, content_type, headers, tags, payload)
values (max(coalesce((select seq from sqlite_sequence where name = ?1), 0), ?2) + 1, ${placeholders(3)})
${Array.from({ length: rows - 1 }, (_, row) => `, (null, ${placeholders(3 + COLUMNS * (row + 1))})`).join('')}
returning position`),
    insertTags: `insert into ${t.journal_tag} (tag, position)
select j.value ->> 0, j.value ->> 1 from json_each(?1) j`,
    insertKey: `insert into ${t.journal_key} (scope, writer_id, key, digest, places, created_at)
values (?1, ?2, ?3, ?4, ?5, ?6)`,
  }
}

export interface AppendContext {
  readonly sql: AppendStatements
  readonly tag: string
  readonly now: number
  /** The unquoted name under which SQLite keeps the event table's last number. */
  readonly sequenceName: string
  readonly numbers: AssignedNumbers
}

export function* appendSteps(context: AppendContext, batch: NewBatch): SqlSteps<AppendResult> {
  const { sql, now } = context
  const { scope, idempotency } = batch
  if (idempotency !== null) {
    const [used] = yield { text: sql.findKey, params: [scope, batch.writerId ?? '', idempotency.key] }
    if (used !== undefined) return repeated(context, batch, used)
  }
  const next = yield* moveStreams(context, batch)
  const events: EventPlace[] = []
  for (const rows of inBatches(batch.events)) {
    const sequences = rows.map(({ stream }) => take(next, stream))
    const params = rows.flatMap((event, n): SqlValue[] => [
      scope, event.stream, sequences[n] ?? 0n, slotOf({ scope, stream: event.stream }), now, batch.writerId,
      event.type, event.manifest, event.contentType, JSON.stringify(event.headers), JSON.stringify(event.tags),
      event.payload,
    ])
    const answer = yield {
      text: sql.insertEvents.get(rows.length) ?? '',
      params: [context.sequenceName, context.numbers.highest, ...params],
    }
    // Positions ascend in the order of the tuples; the order of the answer is not promised.
    const positions = answer.map((row) => BigInt(row['position'] as bigint)).sort((a, b) => (a < b ? -1 : 1))
    rows.forEach(({ stream }, n) => events.push(placeOf(context, stream, sequences[n], positions[n])))
    context.numbers.highest = positions.at(-1) ?? context.numbers.highest
  }
  const tags = batch.events.flatMap((event, n) => event.tags.map((tag) => [tag, events[n]?.position]))
  if (tags.length > 0) yield { text: sql.insertTags, params: [json(tags)] }
  if (idempotency !== null) {
    const places = JSON.stringify(events.map(({ sequence, position }) => [String(sequence), String(position)]))
    yield {
      text: sql.insertKey,
      params: [scope, batch.writerId ?? '', idempotency.key, idempotency.digest, places, now],
    }
  }
  return { created: true, events }
}

/** Moves each stream on by its events, and answers the next number of each. @throws SEQUENCE_CONFLICT. */
function* moveStreams({ sql }: AppendContext, batch: NewBatch): SqlSteps<Map<string, bigint>> {
  const counts = new Map<string, bigint>()
  for (const { stream } of batch.events) counts.set(stream, (counts.get(stream) ?? 0n) + 1n)
  if ([...batch.expected.values()].every((expected) => expected <= MAX_ASSIGNED)) {
    const moves = json([...counts].map(([stream, count]) => [stream, count, batch.expected.get(stream) ?? null]))
    const rows = yield { text: sql.moveStreams, params: [batch.scope, moves, moves, batch.scope] }
    if (rows.length === counts.size) {
      return new Map(rows.map((row) => {
        const stream = String(row['stream'])
        return [stream, BigInt(row['last'] as bigint) - (counts.get(stream) ?? 0n) + 1n]
      }))
    }
  }
  const lasts = yield { text: sql.lasts, params: [JSON.stringify([...counts.keys()]), batch.scope] }
  throw refusal(batch, lasts)
}

function refusal({ expected }: NewBatch, lasts: readonly SqlRow[]): WaybillError {
  for (const row of lasts) {
    const [stream, last] = [String(row['stream']), BigInt((row['last'] ?? 0n) as bigint)]
    const wanted = expected.get(stream)
    if (wanted !== undefined && wanted !== last) return sequenceConflict(stream, wanted, last)
  }
  const fullest = lasts.toSorted((a, b) => (Number(b['last']) - Number(a['last'])))[0]
  return streamExhausted(String(fullest?.['stream']))
}

/** @throws CONFLICT. */
function repeated(context: AppendContext, batch: NewBatch, used: SqlRow): AppendResult {
  if (Buffer.compare(toBytes(used['digest']), batch.idempotency?.digest ?? new Uint8Array()) !== 0) {
    throw idempotencyConflict(batch)
  }
  const places = JSON.parse(String(used['places'])) as [string, string][]
  return {
    created: false,
    events: batch.events.map(({ stream }, n) => {
      const [sequence = '0', position = '0'] = places[n] ?? []
      return placeOf(context, stream, BigInt(sequence), BigInt(position))
    }),
  }
}

function placeOf({ tag }: AppendContext, stream: string, sequence = 0n, position = 0n): EventPlace {
  return { id: formatMessageId(tag, position), stream, sequence, position }
}

function take(next: Map<string, bigint>, stream: string): bigint {
  const sequence = next.get(stream) ?? 0n
  next.set(stream, sequence + 1n)
  return sequence
}

/** JSON whose integers are as exact as SQLite's. */
function json(rows: readonly (readonly (string | bigint | null | undefined)[])[]): string {
  const cell = (value: string | bigint | null | undefined): string =>
    (typeof value === 'bigint' ? String(value) : JSON.stringify(value ?? null))
  return `[${rows.map((row) => `[${row.map(cell).join(',')}]`).join(',')}]`
}

function placeholders(first: number): string {
  return Array.from({ length: COLUMNS }, (_, index) => `?${first + index}`).join(', ')
}
