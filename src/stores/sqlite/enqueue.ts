/**
 * Enqueue in the caller's transaction.
 *
 * Without a dedupe key it is one INSERT for every 64 messages (outbox-insert.ts), and one more when some are
 * scheduled; in an ordered lane these also open their lines.
 * With keys, existing ones are read first, and nothing is written when one of them holds other content, so a
 * CONFLICT leaves the transaction as it was.
 *
 * What can interleave:
 * - Another transaction, of whatever process: not between the read and the writes. Either this transaction
 *   has the write lock already, or it gets it at its first INSERT and SQLite then refuses, with
 *   SQLITE_BUSY_SNAPSHOT, if anybody has committed since the read. That is TRANSACTION_ABORTED; BEGIN
 *   IMMEDIATE avoids it.
 * - Another enqueue in the same transaction, when the driver is asynchronous and the caller awaits neither.
 *   Both may read before either writes. The key's insert then does nothing for the second, which takes its
 *   own rows back and begins again.
 */
import { WaybillError } from '../../core/errors.js'
import type { SqlSteps } from '../../core/sql.js'
import { formatMessageId } from '../../outbox/message-id.js'
import type { EnqueueResult, NewMessage, OutboxMessage } from '../../outbox/message.js'
import {
  bySize, insertMessages, insertStatements, placeholders, seqOf, sizeFor, type InsertContext,
} from './outbox-insert.js'
import { jsonOf, lastErrorOf, MESSAGE_COLUMNS, STATE_COLUMNS, stateJoins, toBytes, toMessage } from './outbox-rows.js'
import type { Tables } from './tables.js'

const MAX_ROUNDS = 5

export type EnqueueStatements = ReturnType<typeof enqueueStatements>

export function enqueueStatements(t: Tables) {
  return {
    ...insertStatements(t),
    insertKeys: bySize((rows) => `insert into ${t.outbox_dedupe} (scope, lane, target, dedupe_key, digest, seq)
values ${Array.from({ length: rows }, (_, row) => `(${placeholders(1 + 6 * row, 6)})`).join(', ')}
on conflict do nothing returning seq`),
    insertDue: `insert into ${t.outbox_due} (seq, scope, lane, target, available_at, attempts, suspect, updated_at,
  timed, place, key)
select m.seq, m.scope, m.lane, m.target, m.available_at, 0, 0, m.created_at, 1, 0,
  case when l.ordering <> 'none' then m.key end
from json_each(?1) j cross join ${t.outbox_message} m on m.seq = j.value
left join ${t.outbox_lane} l on l.lane = m.lane returning key`,
    // Closed: a claim opens it after it has read what came before.
    insertLines: `insert into ${t.outbox_key} (lane, target, scope, key, held)
select d.lane, d.target, d.scope, d.key, 0
from json_each(?1) j cross join ${t.outbox_due} d on d.seq = j.value where d.key is not null on conflict do nothing`,
    // cross join: keys first, each looked up by the primary key.
    findKeys: `select j.key as place, e.digest, e.seq from json_each(?1) j cross join ${t.outbox_dedupe} e
on e.scope = j.value ->> 0 and e.lane = j.value ->> 1 and e.target = j.value ->> 2 and e.dedupe_key = j.value ->> 3`,
    get: `select ${MESSAGE_COLUMNS}, ${STATE_COLUMNS}, ${lastErrorOf(t)}
from json_each(?1) j cross join ${t.outbox_message} m on m.seq = j.value ${stateJoins(t)}`,
    undoMessages: `delete from ${t.outbox_message} where seq in (select value from json_each(?1))`,
    undoKeys: `delete from ${t.outbox_dedupe} where (scope, lane, target, dedupe_key) in (
select m.scope, m.lane, m.target, m.dedupe_key
from json_each(?1) j cross join ${t.outbox_message} m on m.seq = j.value
where m.dedupe_key is not null) and seq in (select value from json_each(?2))`,
  }
}

export interface EnqueueContext extends InsertContext {
  readonly sql: EnqueueStatements
  readonly tag: string
}

/** A message by its number when it is stored, by its place in `fresh` when this call writes it. */
interface Target {
  readonly seq?: bigint
  readonly place?: number
}

/** Who has a dedupe key: a stored message, or an earlier one of the same call. */
interface Owner extends Target {
  readonly digest: Uint8Array
}

interface Result extends Target {
  readonly created: boolean
}

export function* enqueueSteps(
  context: EnqueueContext, messages: readonly NewMessage[],
): SqlSteps<readonly EnqueueResult[]> {
  if (messages.every(({ dedupe }) => dedupe === null)) {
    const written = yield* insertMessages(context, messages)
    yield* schedule(context, messages, written)
    return written.map((seq) => ({ id: formatMessageId(context.tag, seq), created: true, message: undefined }))
  }
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const owners = yield* storedOwners(context, messages)
    const fresh: NewMessage[] = []
    const results = messages.map((message): Result => {
      const identity = identityOf(message)
      const owner = identity === undefined ? undefined : owners.get(identity)
      if (owner !== undefined) {
        assertSameContent(context, message, owner)
        return { ...owner, created: false }
      }
      const place = fresh.push(message) - 1
      if (identity !== undefined) owners.set(identity, { digest: message.dedupe?.digest ?? new Uint8Array(), place })
      return { created: true, place }
    })
    const written = yield* write(context, fresh)
    if (written === undefined) continue
    return yield* withExisting(context, results.map(({ created, seq, place }) => (
      { created, seq: seq ?? written[place ?? -1] ?? 0n })))
  }
  throw new WaybillError('TRANSACTION_ABORTED',
    'enqueues with the same dedupe key ran at once in one transaction; await each', { retryable: true })
}

function* storedOwners({ sql }: EnqueueContext, messages: readonly NewMessage[]): SqlSteps<Map<string, Owner>> {
  const identities = messages.map(identityOf).filter((identity) => identity !== undefined)
  if (identities.length === 0) return new Map()
  const rows = yield { text: sql.findKeys, params: [`[${identities.join(',')}]`] }
  return new Map(rows.map((row) => [
    identities[Number(row['place'])] ?? '', { digest: toBytes(row['digest']), seq: seqOf(row) },
  ]))
}

/**
 * The sequence numbers, in order. Undefined when another call took one of the keys; then nothing is left
 * written.
 */
function* write(context: EnqueueContext, fresh: readonly NewMessage[]): SqlSteps<readonly bigint[] | undefined> {
  const { sql } = context
  const written = yield* insertMessages(context, fresh)
  const keys = fresh.flatMap(({ scope, lane, target, dedupe }, place) => (
    dedupe === null ? [] : [[scope, lane, target, dedupe.key, dedupe.digest, written[place] ?? 0n]]))
  let taken = 0
  for (let from = 0; from < keys.length;) {
    const size = sizeFor(keys.length - from)
    taken += (yield { text: sql.insertKeys.get(size) ?? '', params: keys.slice(from, from + size).flat() }).length
    from += size
  }
  if (taken < keys.length) {
    yield { text: sql.undoKeys, params: [jsonOf(written), jsonOf(written)] }
    yield { text: sql.undoMessages, params: [jsonOf(written)] }
    return undefined
  }
  yield* schedule(context, fresh, written)
  return written
}

/** Messages with a time of their own do not wait in the log. */
function* schedule(
  { sql }: EnqueueContext, messages: readonly NewMessage[], written: readonly bigint[],
): SqlSteps<void> {
  const scheduled = written.filter((_, place) => messages[place]?.due !== null)
  if (scheduled.length === 0) return
  const rows = yield { text: sql.insertDue, params: [jsonOf(scheduled)] }
  if (rows.some(({ key }) => key !== null)) yield { text: sql.insertLines, params: [jsonOf(scheduled)] }
}

/** Adds the stored message to answers that were not created, read in the same transaction. */
function* withExisting(
  { sql, tag }: EnqueueContext, results: readonly { readonly created: boolean; readonly seq: bigint }[],
): SqlSteps<readonly EnqueueResult[]> {
  const repeated = results.filter(({ created }) => !created).map(({ seq }) => seq)
  const rows = repeated.length === 0 ? [] : yield { text: sql.get, params: [jsonOf(repeated)] }
  const existing = new Map(rows.map((row): [string, OutboxMessage] => {
    const message = toMessage(tag, row)
    return [message.id, message]
  }))
  return results.map(({ created, seq }) => {
    const id = formatMessageId(tag, seq)
    return { id, created, message: created ? undefined : existing.get(id) }
  })
}

/** @throws CONFLICT. */
function assertSameContent({ tag }: EnqueueContext, message: NewMessage, owner: Owner): void {
  if (message.dedupe !== null && Buffer.compare(owner.digest, message.dedupe.digest) === 0) return
  throw new WaybillError('CONFLICT', 'this dedupe key belongs to a message with other content', {
    details: {
      lane: message.lane, target: message.target, dedupeKey: message.dedupe?.key ?? null,
      existingId: owner.seq === undefined ? null : formatMessageId(tag, owner.seq),
    },
  })
}

/** Also the key's form as a parameter of `findKeys`. */
function identityOf({ scope, lane, target, dedupe }: NewMessage): string | undefined {
  return dedupe === null ? undefined : JSON.stringify([scope, lane, target, dedupe.key])
}
