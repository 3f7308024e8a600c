/** From rows to messages. Drivers give bigints as text or number; both are read. */
import { WaybillError } from '../../core/errors.js'
import type { ScopeId } from '../../core/scope.js'
import type { SqlRow } from '../../core/sql.js'
import { formatMessageId } from '../../outbox/message-id.js'
import type { OutboxMessage, OutboxStatus } from '../../outbox/message.js'

export function toMessage(tag: string, row: SqlRow): OutboxMessage {
  return {
    ...content(tag, row),
    lane: String(row['lane']),
    target: String(row['target']),
    status: row['status'] as OutboxStatus,
    claimedBy: optionalText(row['consumer']),
    claimToken: optionalText(row['token']),
    leaseExpiresAt: row['lease_until'] === null ? undefined : Number(row['lease_until']),
    updatedAt: Number(row['updated_at']),
  }
}

export interface ClaimedAs {
  readonly lane: string
  readonly target: string
  readonly consumer: string
  readonly token: string
}

export function toClaimedMessage(tag: string, row: SqlRow, claim: ClaimedAs): OutboxMessage {
  return {
    ...content(tag, row),
    lane: claim.lane,
    target: claim.target,
    status: 'claimed',
    claimedBy: claim.consumer,
    claimToken: claim.token,
    leaseExpiresAt: Number(row['lease_until']),
    updatedAt: Number(row['claimed_at']),
  }
}

type Content = Omit<OutboxMessage,
  'lane' | 'target' | 'status' | 'claimedBy' | 'claimToken' | 'leaseExpiresAt' | 'updatedAt'>

function content(tag: string, row: SqlRow): Content {
  return {
    id: formatMessageId(tag, BigInt(String(row['seq']))),
    scope: row['scope'] as ScopeId,
    type: String(row['type']),
    key: optionalText(row['key']),
    payload: bytes(row['payload']),
    contentType: String(row['content_type']),
    headers: parseHeaders(row['headers']),
    dedupeKey: optionalText(row['dedupe_key']),
    availableAt: Number(row['available_at']),
    attemptCount: Number(row['attempts']),
    maxAttempts: Number(row['max_attempts']),
    lastError: optionalText(row['last_error']),
    redrivenAt: row['redriven_at'] === null ? undefined : Number(row['redriven_at']),
    createdAt: Number(row['created_at']),
  }
}

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({})

function parseHeaders(text: unknown): Readonly<Record<string, string>> {
  return text === '{}' ? NO_HEADERS : (JSON.parse(String(text)) as Record<string, string>)
}

const optionalText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

function bytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw new WaybillError('CORRUPT', 'the driver did not return the payload as bytes')
}
