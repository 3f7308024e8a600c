/**
 * Enqueue in the caller's transaction.
 *
 * Without a dedupe key it is one INSERT: no trigger, no function, no second statement. With keys, the keys
 * are reserved first (`on conflict do nothing`, in sorted order) and messages are written only when no key
 * turned out to hold other content, so a CONFLICT leaves nothing of the batch behind and no statement ever
 * fails in the caller's transaction.
 *
 * What can interleave: another open transaction that holds a key makes the reservation wait. If it rolls
 * back, the key is ours. If it commits, READ COMMITTED reserves nothing and the next statement sees its key;
 * under REPEATABLE READ the database refuses with 40001, which becomes TRANSACTION_ABORTED. Two
 * batches take keys in the same order, so they cannot wait for each other.
 */
import { WaybillError } from '../../core/errors.js'
import type { SqlRow, SqlSteps } from '../../core/sql.js'
import { formatMessageId } from '../../outbox/message-id.js'
import type { EnqueueResult, NewMessage } from '../../outbox/message.js'
import { arrayLiteral, byteaArrayLiteral } from './array-literal.js'
import { toMessage } from './outbox-rows.js'
import type { OutboxStatements } from './outbox-statements.js'

export interface EnqueueContext {
  readonly sql: OutboxStatements
  readonly tag: string
  /** The injected clock's time, or null for the database's. */
  readonly now: number | null
}

export function* enqueueSteps(
  context: EnqueueContext, messages: readonly NewMessage[],
): SqlSteps<readonly EnqueueResult[]> {
  const [only] = messages
  if (messages.length === 1 && only !== undefined && only.dedupe === null && only.due === null) {
    const rows = yield insertOne(context, only)
    return rows.map((row) => ({ id: idOf(context, row), created: true, message: undefined }))
  }
  if (messages.every((message) => message.dedupe === null)) {
    const rows = yield insertMany(context, messages, messages.map(() => null))
    return rows.map((row) => ({ id: idOf(context, row), created: true, message: undefined }))
  }
  return yield* enqueueKeyed(context, messages)
}

function* enqueueKeyed(
  context: EnqueueContext, messages: readonly NewMessage[],
): SqlSteps<readonly EnqueueResult[]> {
  const keys = keyColumns(messages)
  const digests = byteaArrayLiteral(messages.map((message) => message.dedupe?.digest ?? null))
  const reserved = yield context.sql.reserveKeys([...keys, digests])
  const mine = (index: number): boolean => messages[index]?.dedupe === null || reserved[index]?.['reserved'] === true
  const owners = new Map<string, SqlRow>()
  if (!messages.every((_, index) => mine(index))) {
    for (const row of yield context.sql.findKeys(keys)) owners.set(identityOfRow(row), row)
  }
  const conflict = messages.findIndex((message, index) =>
    !mine(index) && !sameContent(owners.get(identityOf(message)), message))
  if (conflict >= 0) {
    const taken = reserved.filter((row) => row['reserved'] === true)
    if (taken.length > 0) yield context.sql.unreserveKeys([arrayLiteral(taken.map((row) => String(row['seq'])))])
    throw conflictError(messages[conflict], context, owners)
  }
  const fresh = messages.filter((_, index) => mine(index))
  if (fresh.length > 0) {
    const sequences = reserved.filter((_, index) => mine(index)).map((row) => String(row['seq']))
    yield insertMany(context, fresh, sequences)
  }
  const answers = messages.map((message, index) => {
    const row = mine(index) ? reserved[index] : owners.get(identityOf(message))
    return { id: idOf(context, row), created: mine(index), seq: String(row?.['seq']) }
  })
  return yield* withExisting(context, answers)
}

/** Adds the stored message to answers that were not created, read in the same transaction. */
function* withExisting(
  context: EnqueueContext, answers: readonly { id: string; created: boolean; seq: string }[],
): SqlSteps<readonly EnqueueResult[]> {
  const repeated = answers.filter((answer) => !answer.created).map((answer) => answer.seq)
  const rows = repeated.length === 0 ? [] : yield context.sql.get([arrayLiteral(repeated), null])
  const existing = new Map(rows.map((row) => [String(row['seq']), toMessage(context.tag, row)]))
  return answers.map(({ id, created, seq }) => ({
    id, created, message: created ? undefined : existing.get(seq),
  }))
}

function insertOne({ sql, now }: EnqueueContext, message: NewMessage): ReturnType<OutboxStatements['insertOne']> {
  return sql.insertOne([
    message.scope, message.lane, message.target, message.type, message.key, message.payload,
    message.contentType, JSON.stringify(message.headers), message.maxAttempts, now,
  ])
}

/** `sequences`: the numbers that were reserved with the dedupe keys, or nulls. */
function insertMany(
  { sql, now }: EnqueueContext, messages: readonly NewMessage[], sequences: readonly (string | null)[],
): ReturnType<OutboxStatements['insertMany']> {
  const columns = [
    arrayLiteral(messages.map((m) => m.scope)), arrayLiteral(messages.map((m) => m.lane)),
    arrayLiteral(messages.map((m) => m.target)), arrayLiteral(messages.map((m) => m.type)),
    arrayLiteral(messages.map((m) => m.key)), byteaArrayLiteral(messages.map((m) => m.payload)),
    arrayLiteral(messages.map((m) => m.contentType)),
    arrayLiteral(messages.map((m) => JSON.stringify(m.headers))),
    arrayLiteral(messages.map((m) => String(m.maxAttempts))), now,
  ]
  const isNumbered = sequences.some((sequence) => sequence !== null)
  if (!isNumbered && messages.every((m) => m.due === null)) return sql.insertMany(columns)
  return sql.insertManyDue([
    ...columns, arrayLiteral(sequences), arrayLiteral(messages.map((m) => m.dedupe?.key ?? null)),
    arrayLiteral(messages.map((m) => (m.due !== null && 'at' in m.due ? String(m.due.at) : null))),
    arrayLiteral(messages.map((m) => (m.due !== null && 'inMs' in m.due ? String(m.due.inMs) : null))),
  ])
}

function keyColumns(messages: readonly NewMessage[]): string[] {
  return [
    arrayLiteral(messages.map((m) => m.scope)), arrayLiteral(messages.map((m) => m.lane)),
    arrayLiteral(messages.map((m) => m.target)), arrayLiteral(messages.map((m) => m.dedupe?.key ?? null)),
  ]
}

function idOf({ tag }: EnqueueContext, row: SqlRow | undefined): string {
  return formatMessageId(tag, String(row?.['seq']))
}

const identityOf = (message: NewMessage): string =>
  JSON.stringify([message.scope, message.lane, message.target, message.dedupe?.key])

const identityOfRow = (row: SqlRow): string =>
  JSON.stringify([row['scope'], row['lane'], row['target'], row['dedupe_key']])

function sameContent(owner: SqlRow | undefined, message: NewMessage): boolean {
  const digest = owner?.['digest']
  return digest instanceof Uint8Array && message.dedupe !== null && Buffer.compare(digest, message.dedupe.digest) === 0
}

function conflictError(
  message: NewMessage | undefined, context: EnqueueContext, owners: ReadonlyMap<string, SqlRow>,
): WaybillError {
  const owner = message === undefined ? undefined : owners.get(identityOf(message))
  return new WaybillError('CONFLICT', 'this dedupe key belongs to a message with other content', {
    details: {
      lane: message?.lane ?? null, target: message?.target ?? null, dedupeKey: message?.dedupe?.key ?? null,
      existingId: owner === undefined ? null : idOf(context, owner),
    },
  })
}
