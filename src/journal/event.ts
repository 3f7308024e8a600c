/** The nouns of the journal: what is appended, what is stored, and what an append answers. */
import type { ScopeId } from '../core/scope.js'

/** What a caller hands to `append`. */
export interface JournalEventDraft {
  /** What the event is part of, e.g. `order-7`. Its events are numbered from 1, without holes. At most 1,024 bytes. */
  readonly stream: string
  /** What happened, e.g. `order.placed`. At most 255 bytes. */
  readonly type: string
  /**
   * Any value the codec can encode (JSON by default), or a `Uint8Array` that is stored as it is.
   * At most `maxPayloadBytes` (256 KiB by default) once encoded.
   */
  readonly payload: unknown
  /** The content type of a `Uint8Array` payload. Default `application/octet-stream`. */
  readonly contentType?: string | undefined
  /** Which shape the payload has, e.g. `order.placed/2`, for those who decode it. At most 255 bytes. */
  readonly manifest?: string | undefined
  /** Events are also read by tag, across streams. At most 64 of 255 bytes each; a repeated one counts once. */
  readonly tags?: readonly string[] | undefined
  /** Stored and delivered with the event, never part of its identity. At most 64, 16 KiB together. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** A draft after validation and encoding: what stores receive. Absent means null. */
export interface NewEvent {
  readonly stream: string
  readonly type: string
  readonly payload: Uint8Array
  readonly contentType: string
  readonly manifest: string | null
  /** Without repetition. */
  readonly tags: readonly string[]
  readonly headers: Readonly<Record<string, string>>
}

/** What one append writes: all of it or nothing. */
export interface NewBatch {
  readonly scope: ScopeId
  readonly writerId: string | null
  /** At least one. */
  readonly events: readonly NewEvent[]
  /** By stream, each of which is one of the events'. May exceed what is ever assigned. */
  readonly expected: ReadonlyMap<string, bigint>
  readonly idempotency: { readonly key: string; readonly digest: Uint8Array } | null
}

/** Where an event is. */
export interface EventPlace {
  /** Unique across all stores and all that they store. */
  readonly id: string
  readonly stream: string
  /** In its stream, from 1, dense. */
  readonly sequence: bigint
  /** In the journal. It orders the events of one read, and is no place to resume from: cursors are. */
  readonly position: bigint
}

/** A stored event. Absent optionals are undefined. */
export interface JournalEvent extends EventPlace {
  readonly scope: ScopeId
  readonly type: string
  readonly payload: Uint8Array
  readonly contentType: string
  readonly manifest: string | undefined
  readonly tags: readonly string[]
  readonly headers: Readonly<Record<string, string>>
  readonly writerId: string | undefined
  /** When it was appended, by the store's clock. */
  readonly createdAt: number
}

export const NO_TAGS: readonly string[] = Object.freeze([])

/** What `append` answers. */
export interface AppendResult {
  /** False when this idempotency key was used before for the same content; then these are its events. */
  readonly created: boolean
  /** In the order of the drafts. */
  readonly events: readonly EventPlace[]
}

export interface StreamName {
  readonly scope: ScopeId
  readonly stream: string
}

export interface StreamSummary extends StreamName {
  /** The last number given, also when its event is deleted. */
  readonly highestSequence: bigint
  /** Events up to this one are deleted; 0 when none is. */
  readonly deletedTo: bigint
}
