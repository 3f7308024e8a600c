/** The nouns of the outbox: what is written, what is stored, and what a message's states are. */
import type { ScopeId } from '../core/scope.js'

/** The wire values are part of the contract; SQL and other languages read them. */
export const OUTBOX_STATUSES = ['pending', 'claimed', 'delivered', 'dead_letter'] as const
export type OutboxStatus = (typeof OUTBOX_STATUSES)[number]

/** Attempts a message gets unless its draft says otherwise. */
export const DEFAULT_MAX_ATTEMPTS = 20
/** The number of the design this contract comes from, for those who want it. */
export const CLASSIC_MAX_ATTEMPTS = 5

/** Where a message goes unless its draft or its event definition says otherwise. */
export const DEFAULT_LANE = 'default'
export const DEFAULT_TARGET = 'default'

/** Conventional lane and target names of the design this contract comes from. They are plain strings. */
export const OUTBOX_LANE_CANONICAL = 'canonical'
export const OUTBOX_LANE_PROTOCOL_REPLAY = 'protocol_replay'
export const OUTBOX_TARGET_PROTOCOL_PROJECTOR = 'protocol_projector'
export const OUTBOX_TARGET_PROTOCOL_FANOUT = 'protocol_fanout'
export const OUTBOX_TARGET_A2A_WEBHOOK = 'a2a_webhook'

/** What a caller hands to `enqueue`. */
export interface OutboxMessageDraft {
  /** What happened or is to be done, e.g. `order.placed`. At most 255 bytes. */
  readonly type: string
  /** The logical stream. Default `default`. At most 255 bytes. */
  readonly lane?: string | undefined
  /** The consumer family that delivers it. Default `default`. At most 255 bytes. */
  readonly target?: string | undefined
  /**
   * Any value the codec can encode (JSON by default), or a `Uint8Array` that is stored as it is.
   * At most `maxPayloadBytes` (256 KiB by default) once encoded.
   */
  readonly payload: unknown
  /** The content type of a `Uint8Array` payload. Default `application/octet-stream`. */
  readonly contentType?: string | undefined
  /** Messages with one key are related; an ordered lane delivers them one after another. At most 1,024 bytes. */
  readonly key?: string | undefined
  /** Delivered with the message, never part of its identity. At most 64, 16 KiB together. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** A second enqueue with this key (per scope, lane and target) makes no second message. At most 1,024 bytes. */
  readonly dedupeKey?: string | undefined
  /** Not before this time, in ms since the epoch. Default: the time of enqueue by the store's clock; 0 stays 0. */
  readonly availableAt?: number | undefined
  /** Not before this many ms from now, by the store's clock. Excludes `availableAt`. */
  readonly delayMs?: number | undefined
  /** How often to try before it becomes a dead letter, 1…1,000,000. Default 20. */
  readonly maxAttempts?: number | undefined
  /** The tenant. Default `default`. Fixed by `waybill.scoped(id)`. */
  readonly scope?: string | undefined
}

/** A draft after validation and encoding: what stores receive. Absent means null. */
export interface NewMessage {
  readonly scope: ScopeId
  readonly lane: string
  readonly target: string
  readonly type: string
  readonly key: string | null
  readonly payload: Uint8Array
  readonly contentType: string
  readonly headers: Readonly<Record<string, string>>
  readonly dedupe: { readonly key: string; readonly digest: Uint8Array } | null
  readonly due: { readonly at: number } | { readonly inMs: number } | null
  readonly maxAttempts: number
}

/** A stored message. Absent optionals are undefined and are left out of JSON. */
export interface OutboxMessage {
  /** Unique across all stores; within one store, ids sort in insertion order. */
  readonly id: string
  readonly scope: ScopeId
  readonly lane: string
  readonly target: string
  readonly type: string
  readonly key: string | undefined
  readonly payload: Uint8Array
  readonly contentType: string
  readonly headers: Readonly<Record<string, string>>
  readonly dedupeKey: string | undefined
  readonly status: OutboxStatus
  readonly availableAt: number
  /** Claims so far, less those given back. */
  readonly attemptCount: number
  readonly maxAttempts: number
  /** Present while claimed, with the two below. */
  readonly claimedBy: string | undefined
  readonly claimToken: string | undefined
  readonly leaseExpiresAt: number | undefined
  /** Of the latest failed attempt; kept after a later success. */
  readonly lastError: string | undefined
  /** When it was last redriven; delivered with the header `waybill-redriven`. */
  readonly redrivenAt: number | undefined
  readonly createdAt: number
  readonly updatedAt: number
}

/** What `enqueue` answers. */
export interface EnqueueResult {
  readonly id: string
  /** False when a message with this dedupe key exists or existed. */
  readonly created: boolean
  /** The existing message of a repeated dedupe key, while it is still stored. */
  readonly message: OutboxMessage | undefined
}
