/** From what a caller appends to what stores receive: validated, bounded, encoded, with the digest that is compared. */
import {
  canonicalPayload, checkHeaders, contentDigest, encodePayload, NO_HEADERS, type Content, type EncodeOptions,
} from '../core/content.js'
import { validationError } from '../core/errors.js'
import { MAX_APPEND_BATCH, MAX_KEY_BYTES, MAX_NAME_BYTES, MAX_TAGS } from '../core/limits.js'
import { DEFAULT_SCOPE, scopeId } from '../core/scope.js'
import { assertU64, type U64 } from '../core/u64.js'
import { assertInteger, assertName } from '../core/validate.js'
import type { JournalEventDraft, NewBatch, NewEvent } from './event.js'

export interface AppendOptions {
  /**
   * The highest sequence number the stream must have, 0 for a new one; by stream when the events are of several.
   * Default: any.
   */
  readonly expectedSequence?: U64 | Readonly<Record<string, U64>> | undefined
  /** A second append with this key (per scope and writer) appends nothing. At most 1,024 bytes. */
  readonly idempotencyKey?: string | undefined
  /** Who writes; stored with each event. At most 255 bytes. */
  readonly writerId?: string | undefined
  /** The tenant. Default `default`. Fixed by `waybill.scoped(id)`. */
  readonly scope?: string | undefined
}

/** @throws VALIDATION, PAYLOAD_TOO_LARGE. */
export function encodeAppend(
  drafts: readonly JournalEventDraft[], append: AppendOptions, options: EncodeOptions,
): NewBatch {
  assertInteger('events.length', drafts.length, 0, MAX_APPEND_BATCH)
  const events = drafts.map((draft) => encodeEvent(draft, options))
  const { idempotencyKey, writerId, scope } = append
  return {
    events,
    scope: scope === undefined ? DEFAULT_SCOPE : scopeId(scope),
    writerId: writerId === undefined ? null : assertName('writerId', writerId, MAX_NAME_BYTES),
    expected: expectations(events, append.expectedSequence),
    idempotency: idempotencyKey === undefined ? null : {
      key: assertName('idempotencyKey', idempotencyKey, MAX_KEY_BYTES),
      digest: contentDigest(events.map((event, n) => contentOf(event, drafts[n]?.payload, options))),
    },
  }
}

function encodeEvent(draft: JournalEventDraft, options: EncodeOptions): NewEvent {
  const tags = [...new Set(draft.tags ?? [])]
  if (tags.length > MAX_TAGS) throw validationError('tags', `must be at most ${MAX_TAGS}`)
  return {
    stream: assertStream(draft.stream),
    type: assertName('type', draft.type, MAX_NAME_BYTES),
    ...encodePayload(draft, options),
    manifest: draft.manifest === undefined ? null : assertName('manifest', draft.manifest, MAX_NAME_BYTES),
    tags: tags.map((tag) => assertName('tags', tag, MAX_NAME_BYTES)),
    headers: checkHeaders(draft.headers ?? NO_HEADERS),
  }
}

export function assertStream(stream: unknown): string {
  return assertName('stream', stream, MAX_KEY_BYTES)
}

/** What happened, and to what: a repetition may come from a newer version of the writer, or with another trace. */
function contentOf(event: NewEvent, payload: unknown, { codec }: EncodeOptions): Content {
  const { stream, type, tags, contentType } = event
  return {
    parts: [stream, type, contentType, JSON.stringify(tags.toSorted())],
    body: canonicalPayload(payload, event, codec),
  }
}

function expectations(events: readonly NewEvent[], expected: AppendOptions['expectedSequence']): Map<string, bigint> {
  if (expected === undefined) return new Map()
  const streams = new Set(events.map(({ stream }) => stream))
  if (typeof expected === 'object') {
    return new Map(Object.entries(expected).map(([stream, sequence]) => {
      if (!streams.has(stream)) throw validationError('expectedSequence', 'names a stream that no event is of')
      return [stream, assertU64('expectedSequence', sequence)]
    }))
  }
  const sequence = assertU64('expectedSequence', expected)
  if (streams.size > 1) throw validationError('expectedSequence', 'must be given by stream: the events are of several')
  return new Map([...streams].map((stream) => [stream, sequence]))
}
