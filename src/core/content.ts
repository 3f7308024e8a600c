/** What a caller wants stored, made into bytes and read again; the digest by which two contents are compared. */
import { createHash } from 'node:crypto'
import type { Codec } from './codec.js'
import { isWaybillError, validationError, WaybillError } from './errors.js'
import { MAX_HEADERS, MAX_HEADERS_BYTES, MAX_NAME_BYTES } from './limits.js'
import { assertName } from './validate.js'

export interface EncodeOptions {
  readonly codec: Codec
  readonly maxPayloadBytes: number
}

export interface EncodedPayload {
  readonly payload: Uint8Array
  readonly contentType: string
}

/** @throws VALIDATION, PAYLOAD_TOO_LARGE. */
export function encodePayload(
  draft: { readonly payload: unknown; readonly contentType?: string | undefined }, options: EncodeOptions,
): EncodedPayload {
  return draft.payload instanceof Uint8Array
    ? { payload: checkSize(draft.payload, options), contentType: rawType(draft.contentType) }
    : { payload: encodeValue(draft.payload, options), contentType: options.codec.contentType }
}

/** As the codec has it, bytes too. @throws VALIDATION, PAYLOAD_TOO_LARGE. */
export function encodeValue(value: unknown, options: EncodeOptions): Uint8Array {
  return checkSize(options.codec.encode(value), options)
}

function rawType(contentType = 'application/octet-stream'): string {
  return assertName('contentType', contentType, MAX_NAME_BYTES)
}

function checkSize(payload: Uint8Array, { maxPayloadBytes }: EncodeOptions): Uint8Array {
  const bytes = payload.byteLength
  if (bytes > maxPayloadBytes) {
    throw new WaybillError('PAYLOAD_TOO_LARGE', `payload is ${bytes} bytes; the limit is ${maxPayloadBytes}. Keep the `
      + 'body elsewhere and send its address, or raise maxPayloadBytes', { details: { bytes, maxPayloadBytes } })
  }
  return payload
}

/** Bytes that are equal whenever two payloads mean the same. */
export function canonicalPayload(value: unknown, { payload }: EncodedPayload, codec: Codec): Uint8Array {
  return value instanceof Uint8Array ? payload : codec.canonical?.(value) ?? payload
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

export const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({})

/** @throws VALIDATION. */
export function checkHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (headers === NO_HEADERS) return headers
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

/** What the codec reads. @throws CORRUPT, whatever it throws. */
export function decodePayload(codec: Codec, bytes: Uint8Array): unknown {
  try {
    return codec.decode(bytes)
  } catch (cause) {
    if (isWaybillError(cause, 'CORRUPT')) throw cause
    throw new WaybillError('CORRUPT', `payload is not the ${codec.contentType} its content type says`, { cause })
  }
}
