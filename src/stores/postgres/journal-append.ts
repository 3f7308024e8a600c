/**
 * Append in the caller's transaction.
 *
 * One event without tags is one INSERT behind the INSERT that moves its stream on, in one statement; so are many, of
 * any number of streams. Only where several streams have expectations are their rows locked first, in a statement of
 * its own, so that all expectations are judged before anything is written. A key is reserved before all that. No
 * statement fails, and a refused append has changed nothing but locks.
 *
 * What can interleave: another transaction that appends to a stream holds its row until it ends. When that commits,
 * READ COMMITTED goes on from the new number, and an expectation is judged on that; under REPEATABLE READ the database
 * refuses with 40001, which becomes TRANSACTION_ABORTED. A statement takes the rows in sorted order, so two appends
 * cannot wait for each other. A position is taken after the row of its stream is locked, and the id of the transaction
 * before that: journal-marks.ts rests on it.
 */
import { WaybillError } from '../../core/errors.js'
import type { SqlRow, SqlSteps, SqlValue } from '../../core/sql.js'
import { MAX_ASSIGNED } from '../../core/u64.js'
import { idempotencyConflict, sequenceConflict, streamExhausted } from '../../journal/conflicts.js'
import type { AppendResult, EventPlace, NewBatch } from '../../journal/event.js'
import { slotOf } from '../../journal/slots.js'
import { formatMessageId } from '../../outbox/message-id.js'
import { arrayLiteral, byteaArrayLiteral } from './array-literal.js'
import type { JournalStatements } from './journal-statements.js'

export interface AppendContext {
  readonly sql: JournalStatements
  readonly tag: string
  /** The injected clock's time, or null for the database's. */
  readonly now: number | null
}

/** A stream that is made and moved on while a statement waits looks as it was expected afterwards; then again. */
const MAX_ROUNDS = 5

export function* appendSteps(context: AppendContext, batch: NewBatch): SqlSteps<AppendResult> {
  const { sql, now } = context
  const { idempotency } = batch
  if (idempotency === null) return { created: true, events: yield* writeEvents(context, batch) }
  const key = [batch.scope, batch.writerId ?? '', idempotency.key]
  const [reserved] = yield sql.reserveKey([...key, idempotency.digest, now])
  if (reserved === undefined) return yield* repeat(context, batch, key)
  let events: readonly EventPlace[]
  try {
    events = yield* writeEvents(context, batch)
  } catch (error) {
    if (error instanceof WaybillError && REFUSALS.has(error.code)) yield sql.freeKey(key)
    throw error
  }
  yield sql.fillKey([
    ...key, arrayLiteral(events.map(({ sequence }) => String(sequence))),
    arrayLiteral(events.map(({ position }) => String(position))),
  ])
  return { created: true, events }
}

/** After these the transaction goes on. */
const REFUSALS: ReadonlySet<string> = new Set(['SEQUENCE_CONFLICT', 'RANGE_EXHAUSTED'])

/** @throws CONFLICT. */
function* repeat({ sql, tag }: AppendContext, batch: NewBatch, key: readonly string[]): SqlSteps<AppendResult> {
  const [used] = yield sql.findKey(key)
  const digest = used?.['digest']
  if (!(digest instanceof Uint8Array) || typeof used?.['positions'] !== 'string') {
    throw new WaybillError('TRANSACTION_ABORTED',
      'another append with this idempotency key is under way in this transaction', { retryable: true })
  }
  if (Buffer.compare(digest, batch.idempotency?.digest ?? new Uint8Array()) !== 0) throw idempotencyConflict(batch)
  const [sequences, positions] = [String(used['sequences']).split(','), used['positions'].split(',')]
  return {
    created: false,
    events: batch.events.map(({ stream }, n) => placeOf(tag, stream, sequences[n], positions[n])),
  }
}

/** @throws SEQUENCE_CONFLICT, RANGE_EXHAUSTED. */
function* writeEvents(context: AppendContext, batch: NewBatch): SqlSteps<readonly EventPlace[]> {
  const { sql, tag } = context
  const streams = [...new Set(batch.events.map(({ stream }) => stream))]
  const isPossible = [...batch.expected.values()].every((expected) => expected <= MAX_ASSIGNED)
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    if (isPossible) {
      if (streams.length > 1 && batch.expected.size > 0) yield sql.lockStreams([batch.scope, arrayLiteral(streams)])
      const rows = yield insert(context, batch, streams)
      if (rows.length === batch.events.length) {
        return rows.map((row, n) => placeOf(tag, batch.events[n]?.stream, row['sequence'], row['position']))
      }
    }
    const lasts = yield sql.lasts([batch.scope, arrayLiteral(streams)])
    const refusal = refusalOf(batch, lasts)
    if (refusal !== undefined) throw refusal
  }
  throw new WaybillError('TRANSACTION_ABORTED', 'a stream changed while it was appended to', { retryable: true })
}

function insert(
  { sql, now }: AppendContext, batch: NewBatch, streams: readonly string[],
): ReturnType<JournalStatements['appendMany']> {
  const { scope, writerId, events, expected } = batch
  const [only] = events
  const alone = streams.length === 1 ? expected.get(streams[0] ?? '')?.toString() ?? null : null
  if (events.length === 1 && only !== undefined && only.tags.length === 0) {
    return sql.appendOne([
      scope, only.stream, alone, only.type, only.payload, only.contentType, only.manifest, JSON.stringify(only.headers),
      writerId, now, slotOf({ scope, stream: only.stream }),
    ])
  }
  const columns = [
    scope, ...streamColumns(batch, streams, alone), ...eventColumns(batch, streams), writerId, now,
    numberColumn(streams.map((stream) => slotOf({ scope, stream }))),
  ]
  const isTagged = events.some(({ tags }) => tags.length > 0)
  return isTagged ? sql.appendTagged([...columns, ...tagColumns(batch)]) : sql.appendMany(columns)
}

function streamColumns({ events, expected }: NewBatch, streams: readonly string[], alone: string | null): SqlValue[] {
  const counts = new Map<string, number>()
  for (const { stream } of events) counts.set(stream, (counts.get(stream) ?? 0) + 1)
  return [
    arrayLiteral(streams), arrayLiteral(streams.map((stream) => String(counts.get(stream)))), alone,
    arrayLiteral(streams.map((stream) => (streams.length > 1 ? expected.get(stream)?.toString() ?? null : null))),
  ]
}

function eventColumns({ events }: NewBatch, streams: readonly string[]): SqlValue[] {
  const places = new Map(streams.map((stream, n) => [stream, n + 1]))
  const ranks = new Map<string, number>()
  const rankOf = (stream: string): number => {
    const rank = (ranks.get(stream) ?? 0) + 1
    ranks.set(stream, rank)
    return rank
  }
  return [
    numberColumn(events.map(({ stream }) => places.get(stream) ?? 0)),
    numberColumn(events.map(({ stream }) => rankOf(stream))),
    textColumn(events.map(({ type }) => type)), byteaArrayLiteral(events.map(({ payload }) => payload)),
    textColumn(events.map(({ contentType }) => contentType)), textColumn(events.map(({ manifest }) => manifest)),
    textColumn(events.map(({ headers }) => JSON.stringify(headers))),
    textColumn(events.map(({ tags }) => (tags.length === 0 ? '[]' : JSON.stringify(tags)))),
  ]
}

function numberColumn(values: readonly number[]): string {
  return `{${values.join(',')}}`
}

/** Most columns of a batch hold few different texts, each of which is quoted once. */
function textColumn(values: readonly (string | null)[]): string {
  const quoted = new Map<string | null, string>()
  const quote = (value: string | null): string => {
    const literal = arrayLiteral([value]).slice(1, -1)
    quoted.set(value, literal)
    return literal
  }
  return `{${values.map((value) => quoted.get(value) ?? quote(value)).join(',')}}`
}

function tagColumns({ events }: NewBatch): SqlValue[] {
  const tags = events.flatMap((event, n) => event.tags.map((tag) => ({ place: n + 1, tag })))
  return [numberColumn(tags.map(({ place }) => place)), textColumn(tags.map(({ tag }) => tag))]
}

function refusalOf({ expected, events }: NewBatch, lasts: readonly SqlRow[]): WaybillError | undefined {
  for (const row of lasts) {
    const [stream, last] = [String(row['stream']), BigInt(String(row['last']))]
    const wanted = expected.get(stream)
    if (wanted !== undefined && wanted !== last) return sequenceConflict(stream, wanted, last)
    if (last > MAX_ASSIGNED - BigInt(events.length)) return streamExhausted(stream)
  }
  return undefined
}

function placeOf(tag: string, stream = '', sequence: unknown = '0', position: unknown = '0'): EventPlace {
  const number = BigInt(String(position))
  return { id: formatMessageId(tag, number), stream, sequence: BigInt(String(sequence)), position: number }
}
