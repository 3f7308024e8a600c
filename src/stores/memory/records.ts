/** What the memory store keeps: messages, claims and dedupe identities, and how a message is shown. */
import type { FailedAttempt, LaneOrdering, NewPayload, PayloadEdit } from '../../outbox/contract.js'
import type { NewMessage, OutboxMessage, OutboxStatus } from '../../outbox/message.js'
import type { ScopeId } from '../../core/scope.js'
import type { HeapItem } from './heap.js'
import type { ScopedItem } from './scoped-heaps.js'
import type { MemoryTransaction } from './transaction.js'

export interface StoredMessage extends ScopedItem {
  readonly sequence: number
  readonly id: string
  /** The bytes are a copy of our own. */
  draft: NewMessage
  readonly createdAt: number
  readonly identity: Identity | undefined
  status: OutboxStatus
  availableAt: number
  attemptCount: number
  /** Was in a claim whose lease expired, and is claimed alone until an attempt ends otherwise. */
  suspect: boolean
  claim: Claim | undefined
  lastError: string | undefined
  readonly failures: FailedAttempt[]
  readonly edits: PayloadEdit[]
  redrivenAt: number | undefined
  updatedAt: number
}

export interface Claim extends HeapItem {
  readonly token: string
  readonly consumer: string
  readonly ordering: LaneOrdering
  /** How many messages it took, also after some of them were settled. */
  readonly size: number
  leaseExpiresAt: number
  readonly messages: Map<string, StoredMessage>
}

/** A dedupe key in its scope, lane and target: held by an open transaction first, then kept. */
export interface Identity extends ScopedItem {
  readonly name: string
  readonly digest: Uint8Array
  readonly scope: ScopeId
  readonly messageId: string
  holder: MemoryTransaction | undefined
  /** While the message is stored. */
  message: StoredMessage | undefined
  /** When the message was delivered or removed. */
  leftAt: number | undefined
}

/** Claim order. */
export function dueBefore(a: StoredMessage, b: StoredMessage): boolean {
  return a.availableAt < b.availableAt || (a.availableAt === b.availableAt && a.sequence < b.sequence)
}

/** Purge order; used for messages that do not change any more. */
export function endedBefore(a: StoredMessage, b: StoredMessage): boolean {
  return a.updatedAt < b.updatedAt || (a.updatedAt === b.updatedAt && a.sequence < b.sequence)
}

/** The bytes become copies of our own, and what was there is kept. */
export function editPayload(message: StoredMessage, { by, note, ...edit }: NewPayload, now: number): void {
  const { payload, contentType } = message.draft
  message.edits.push({ editedAt: now, by, note, payload, contentType })
  message.draft = { ...message.draft, payload: edit.payload.slice(), contentType: edit.contentType }
}

export function showMessage(message: StoredMessage): OutboxMessage {
  const { draft, claim } = message
  return {
    id: message.id,
    scope: draft.scope,
    lane: draft.lane,
    target: draft.target,
    type: draft.type,
    key: draft.key ?? undefined,
    payload: draft.payload.slice(),
    contentType: draft.contentType,
    headers: draft.headers,
    dedupeKey: draft.dedupe?.key,
    status: message.status,
    availableAt: message.availableAt,
    attemptCount: message.attemptCount,
    maxAttempts: draft.maxAttempts,
    claimedBy: claim?.consumer,
    claimToken: claim?.token,
    leaseExpiresAt: claim?.leaseExpiresAt,
    lastError: message.lastError,
    redrivenAt: message.redrivenAt,
    createdAt: message.createdAt,
    updatedAt: message.updatedAt,
  }
}
