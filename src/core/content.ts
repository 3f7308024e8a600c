/** What a caller wants stored, made into bytes and bounded, and the digest by which two contents are compared. */
import { createHash } from 'node:crypto'
import type { Codec } from './codec.js'
import { validationError, WaybillError } from './errors.js'
import { MAX_HEADERS, MAX_HEADERS_BYTES, MAX_NAME_BYTES } from './limits.js'
import { assertName } from './validate.js'

export interface EncodeOptions {
  readonly codec: Codec
  readonly maxPayloadBytes: number
}

export interface EncodedPayload {
  readonly payload: Uint8Array
  readonly contentType: string
  /** Bytes that are equal whenever two payloads mean the same. */
  readonly canonical: () => Uint8Array
}

/** @throws VALIDATION, PAYLOAD_TOO_LARGE. */
export function encodePayload(
  draft: { readonly payload: unknown; readonly contentType?: string | undefined }, options: EncodeOptions,
): EncodedPayload {
  const encoded = draft.payload instanceof Uint8Array
    ? rawPayload(draft.payload, draft.contentType)
    : codecPayload(draft.payload, options.codec)
  if (encoded.payload.byteLength > options.maxPayloadBytes) {
    throw new WaybillError('PAYLOAD_TOO_LARGE', `payload is ${encoded.payload.byteLength} bytes; the limit is `
      + `${options.maxPayloadBytes}. Keep the body elsewhere and send its address, or raise maxPayloadBytes`, {
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

export interface Content {
  readonly parts: readonly (string | null)[]
  readonly body: Uint8Array
}

/** Lengths before parts, and a count before several, so that no two different contents share a digest's input. */
export function contentDigest(contents: readonly Content[]): Uint8Array {
  const hash = createHash('sha256')
  if (contents.length > 1) hash.update(`${contents.length};`)
  for (const { parts, body } of contents) {
    for (const part of parts) hash.update(part === null ? 'null;' : `${Buffer.byteLength(part)}:${part};`)
    // What ends the input needs no length.
    if (contents.length > 1) hash.update(`${body.byteLength}:`)
    hash.update(body)
  }
  return hash.digest()
}

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/

/** @throws VALIDATION. */
export function checkHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
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
