/** From a caller's draft to what stores receive: validated, bounded, encoded, with the digest that dedupe compares. */
import { createHash } from 'node:crypto'
import type { Codec } from '../core/codec.js'
import { validationError, WaybillError } from '../core/errors.js'
import { MAX_ATTEMPTS, MAX_HEADERS, MAX_HEADERS_BYTES, MAX_KEY_BYTES, MAX_NAME_BYTES } from '../core/limits.js'
import { DEFAULT_SCOPE, scopeId } from '../core/scope.js'
import { assertDuration, assertInteger, assertName, assertTime } from '../core/validate.js'
import {
  DEFAULT_LANE, DEFAULT_MAX_ATTEMPTS, DEFAULT_TARGET, type NewMessage, type OutboxMessageDraft,
} from './message.js'

export interface EncodeOptions {
  readonly codec: Codec
  readonly maxPayloadBytes: number
}

export function encodeDraft(draft: OutboxMessageDraft, options: EncodeOptions): NewMessage {
  const lane = assertName('lane', draft.lane ?? DEFAULT_LANE, MAX_NAME_BYTES)
  const target = assertName('target', draft.target ?? DEFAULT_TARGET, MAX_NAME_BYTES)
  const type = assertName('type', draft.type, MAX_NAME_BYTES)
  const key = draft.key === undefined ? null : assertName('key', draft.key, MAX_KEY_BYTES)
  const body = encodePayload(draft, options)
  const dedupe = draft.dedupeKey === undefined ? null : {
    key: assertName('dedupeKey', draft.dedupeKey, MAX_KEY_BYTES),
    digest: contentDigest([lane, target, type, key, body.contentType], body.canonical()),
  }
  return {
    scope: draft.scope === undefined ? DEFAULT_SCOPE : scopeId(draft.scope),
    lane, target, type, key, dedupe,
    payload: body.payload,
    contentType: body.contentType,
    headers: checkHeaders(draft.headers ?? {}),
    due: dueOf(draft),
    maxAttempts: assertInteger('maxAttempts', draft.maxAttempts ?? DEFAULT_MAX_ATTEMPTS, 1, MAX_ATTEMPTS),
  }
}

interface EncodedPayload {
  readonly payload: Uint8Array
  readonly contentType: string
  readonly canonical: () => Uint8Array
}

function encodePayload(draft: OutboxMessageDraft, options: EncodeOptions): EncodedPayload {
  const encoded = draft.payload instanceof Uint8Array
    ? rawPayload(draft.payload, draft.contentType)
    : codecPayload(draft.payload, options.codec)
  if (encoded.payload.byteLength > options.maxPayloadBytes) {
    throw new WaybillError('PAYLOAD_TOO_LARGE', `payload is ${encoded.payload.byteLength} bytes; the limit is `
      + `${options.maxPayloadBytes}. Keep the body elsewhere and enqueue its address, or raise maxPayloadBytes`, {
      details: { bytes: encoded.payload.byteLength, maxPayloadBytes: options.maxPayloadBytes },
    })
  }
  return encoded
}

function rawPayload(payload: Uint8Array, contentType = 'application/octet-stream'): EncodedPayload {
  return {
    payload, contentType: assertName('contentType', contentType, MAX_NAME_BYTES), canonical: () => payload,
  }
}

function codecPayload(value: unknown, codec: Codec): EncodedPayload {
  const payload = codec.encode(value)
  return { payload, contentType: codec.contentType, canonical: () => codec.canonical?.(value) ?? payload }
}

/** Lengths before parts, so that no two different contents share a digest's input. */
function contentDigest(parts: readonly (string | null)[], payload: Uint8Array): Uint8Array {
  const hash = createHash('sha256')
  for (const part of parts) {
    hash.update(part === null ? 'null;' : `${Buffer.byteLength(part)}:${part};`)
  }
  return hash.update(payload).digest()
}

function dueOf(draft: OutboxMessageDraft): NewMessage['due'] {
  if (draft.availableAt !== undefined && draft.delayMs !== undefined) {
    throw validationError('delayMs', 'cannot be given together with availableAt')
  }
  if (draft.availableAt !== undefined) return { at: assertTime('availableAt', draft.availableAt) }
  if (draft.delayMs !== undefined) return { inMs: assertDuration('delayMs', draft.delayMs) }
  return null
}

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/

function checkHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const entries = Object.entries(headers)
  if (entries.length > MAX_HEADERS) throw validationError('headers', `must be at most ${MAX_HEADERS}`)
  let bytes = 0
  for (const [name, value] of entries) {
    if (!HEADER_NAME.test(name)) throw validationError('headers', 'names must be tokens of 1 to 128 characters')
    if (typeof value !== 'string' || /[\0\r\n]/.test(value) || !value.isWellFormed()) {
      throw validationError(`headers.${name}`, 'must be one line of well-formed text')
    }
    bytes += name.length + Buffer.byteLength(value)
  }
  if (bytes > MAX_HEADERS_BYTES) throw validationError('headers', `must be at most ${MAX_HEADERS_BYTES} bytes together`)
  // Copied, so that a caller's later change cannot reach what was validated; `__proto__` stays an own property.
  return Object.fromEntries(entries)
}
