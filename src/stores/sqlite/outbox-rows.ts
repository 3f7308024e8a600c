/** From rows to messages. The caller's driver may be an ORM, so numbers and bytes come in several types. */
import type { ScopeId } from '../../core/scope.js'
import type { SqlRow } from '../../core/sql.js'
import { WaybillError } from '../../core/errors.js'
import { formatMessageId } from '../../outbox/message-id.js'
import type { OutboxMessage, OutboxStatus } from '../../outbox/message.js'
import type { Tables } from './tables.js'

/** What a message says about itself, whatever its state. */
export const MESSAGE_COLUMNS = `m.seq, m.scope, m.lane, m.target, m.type, m.key, m.payload, m.content_type, m.headers,
  m.dedupe_key, m.max_attempts, m.created_at`

/** Of the message `m`, from the side table that names it. */
export const STATE_COLUMNS = `case when c.seq is not null then 'claimed' when v.seq is not null then 'delivered'
  when x.seq is not null then 'dead_letter' else 'pending' end as status,
  coalesce(d.available_at, c.available_at, v.available_at, x.available_at, m.available_at, m.created_at)
    as available_at,
  coalesce(d.attempts, c.attempts, v.attempts, x.attempts, 0) as attempts,
  coalesce(d.updated_at, k.claimed_at, v.delivered_at, x.dead_at, m.created_at) as updated_at,
  k.token, k.consumer, k.lease_until, r.redriven_at`

export function stateJoins(t: Tables): string {
  return `left join ${t.outbox_due} d on d.seq = m.seq left join ${t.outbox_claimed} c on c.seq = m.seq
  left join ${t.outbox_claim} k on k.id = c.claim left join ${t.outbox_delivered} v on v.seq = m.seq
  left join ${t.outbox_dead} x on x.seq = m.seq left join ${t.outbox_redriven} r on r.seq = m.seq`
}

export function lastErrorOf(t: Tables): string {
  return `(select f.error from ${t.outbox_failure} f where f.seq = m.seq order by f.id desc limit 1) as last_error`
}

/**
 * The messages ?1 have left at ?2. Their keys are found through the messages and looked up by the primary
 * key; an index on seq would have to be written at every enqueue, and UPDATE FROM scans all keys (5 ms a
 * message at 20,000).
 */
export function leaveKeysSql(t: Tables): string {
  return `update ${t.outbox_dedupe} set left_at = ?2 where (scope, lane, target, dedupe_key) in (
select m.scope, m.lane, m.target, m.dedupe_key
from json_each(?1) j cross join ${t.outbox_message} m on m.seq = j.value
where m.dedupe_key is not null) and seq in (select value from json_each(?1))`
}

/** Claimed messages become dead letters at `at`; those of a `block` lane's lines stay in their lines. */
export function burySql(t: Tables, fromClaimed: string, at: string): string {
  return `insert into ${t.outbox_dead} (seq, dead_at, attempts, available_at, lane, target, scope, key)
select c.seq, ${at}, c.attempts, c.available_at, b.lane, iif(b.lane is null, null, o.target),
  iif(b.lane is null, null, o.scope), iif(b.lane is null, null, c.key)
${fromClaimed} left join ${t.outbox_message} o on c.key is not null and o.seq = c.seq
left join ${t.outbox_lane} b on b.lane = o.lane and b.ordering = 'block'`
}

/** Failures kept per message, the newest: a message may be given a million attempts. */
export const MAX_FAILURES = 1_000

/** Of message ?1. */
export function pruneFailuresSql(t: Tables): string {
  return `delete from ${t.outbox_failure} where seq = ?1 and id <= (select id from ${t.outbox_failure}
where seq = ?1 order by id desc limit 1 offset ${MAX_FAILURES})`
}

/** A row of MESSAGE_COLUMNS, STATE_COLUMNS and `last_error`. */
export function toMessage(tag: string, row: SqlRow): OutboxMessage {
  return {
    id: formatMessageId(tag, BigInt(row['seq'] as bigint)),
    scope: row['scope'] as ScopeId,
    lane: row['lane'] as string,
    target: row['target'] as string,
    type: row['type'] as string,
    key: optional(row['key'] as string | null),
    payload: toBytes(row['payload']),
    contentType: row['content_type'] as string,
    headers: JSON.parse(row['headers'] as string) as Record<string, string>,
    dedupeKey: optional(row['dedupe_key'] as string | null),
    status: row['status'] as OutboxStatus,
    availableAt: Number(row['available_at']),
    attemptCount: Number(row['attempts']),
    maxAttempts: Number(row['max_attempts']),
    claimedBy: optional(row['consumer'] as string | null),
    claimToken: optional(row['token'] as string | null),
    leaseExpiresAt: row['lease_until'] === null ? undefined : Number(row['lease_until']),
    lastError: optional(row['last_error'] as string | null),
    redrivenAt: row['redriven_at'] === null ? undefined : Number(row['redriven_at']),
    createdAt: Number(row['created_at']),
    updatedAt: Number(row['updated_at']),
  }
}

/** libsql answers an ArrayBuffer, better-sqlite3 a Buffer, node:sqlite a Uint8Array. */
export function toBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  throw new WaybillError('CORRUPT', 'a stored payload or digest is not bytes')
}

/** Sequence numbers as the JSON array that statements unfold with json_each, which keeps all 64 bits. */
export function jsonOf(sequences: readonly bigint[]): string {
  return `[${sequences.join(',')}]`
}

function optional<T>(value: T | null): T | undefined {
  return value ?? undefined
}
