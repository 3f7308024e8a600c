/** From rows to messages. */
import { NO_HEADERS } from '../../core/content.js'
import { DEFAULT_SCOPE, type ScopeId } from '../../core/scope.js'
import type { SqlRow } from '../../core/sql.js'
import type { ClaimRequest } from '../../outbox/contract.js'
import { formatMessageId } from '../../outbox/message-id.js'
import { DEFAULT_MAX_ATTEMPTS, type OutboxMessage, type OutboxStatus } from '../../outbox/message.js'
import { optionalText, toBytes } from './row-values.js'

export function toMessage(tag: string, row: SqlRow): OutboxMessage {
  return messageOf(tag, row, {
    lane: String(row['lane']),
    target: String(row['target']),
    status: row['status'] as OutboxStatus,
    claimedBy: optionalText(row['consumer']),
    claimToken: optionalText(row['token']),
    leaseExpiresAt: optionalNumber(row['lease_until']),
    updatedAt: Number(row['updated_at']),
  })
}

/** What the messages of one claim have in common; only the first row says it. */
export function claimState({ lane, target, consumer }: ClaimRequest, token: string, first: SqlRow): MessageState {
  return {
    lane,
    target,
    status: 'claimed',
    claimedBy: consumer,
    claimToken: token,
    leaseExpiresAt: Number(first['lease_until']),
    updatedAt: Number(first['claimed_at']),
  }
}

type MessageState = Pick<OutboxMessage,
  'lane' | 'target' | 'status' | 'claimedBy' | 'claimToken' | 'leaseExpiresAt' | 'updatedAt'>

/**
 * One literal, field by field, since a relay makes many of them. A column that is null has the value most messages
 * have: outbox_claim leaves those out.
 */
export function messageOf(tag: string, row: SqlRow, state: MessageState): OutboxMessage {
  const createdAt = Number(row['created_at'])
  return {
    id: formatMessageId(tag, String(row['seq'])),
    scope: (row['scope'] ?? DEFAULT_SCOPE) as ScopeId,
    lane: state.lane,
    target: state.target,
    type: String(row['type']),
    key: optionalText(row['key']),
    payload: toBytes(row['payload']),
    contentType: String(row['content_type'] ?? 'application/json'),
    headers: parseHeaders(row['headers']),
    dedupeKey: optionalText(row['dedupe_key']),
    status: state.status,
    availableAt: Number(row['available_at'] ?? createdAt),
    attemptCount: Number(row['attempts'] ?? 1),
    maxAttempts: Number(row['max_attempts'] ?? DEFAULT_MAX_ATTEMPTS),
    claimedBy: state.claimedBy,
    claimToken: state.claimToken,
    leaseExpiresAt: state.leaseExpiresAt,
    lastError: optionalText(row['last_error']),
    redrivenAt: optionalNumber(row['redriven_at']),
    createdAt,
    updatedAt: state.updatedAt,
  }
}

function parseHeaders(text: unknown): Readonly<Record<string, string>> {
  return text === null || text === '{}' ? NO_HEADERS : (JSON.parse(String(text)) as Record<string, string>)
}

const optionalNumber = (value: unknown): number | undefined => (value === null ? undefined : Number(value))
