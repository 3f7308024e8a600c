/**
 * A codec turns a payload into the exact bytes that are stored and delivered.
 * Stores never look inside them.
 */
import { asBuffer } from './bytes.js'
import { validationError, WaybillError } from './errors.js'

export interface Codec {
  /** Stored beside the bytes, sent with them, e.g. `application/json`. */
  readonly contentType: string
  encode(payload: unknown): Uint8Array
  decode(bytes: Uint8Array): unknown
  /**
   * Bytes that are equal whenever two payloads mean the same; dedupe compares a digest of them.
   * Defaults to the encoded bytes.
   */
  canonical?(payload: unknown): Uint8Array
}

/** JSON in UTF-8, the default. Key order does not matter to dedupe. */
export const jsonCodec: Codec = {
  contentType: 'application/json',
  encode(payload) {
    const text: string | undefined = stringify(payload)
    if (text === undefined) throw validationError('payload', 'has no JSON form')
    return Buffer.from(text)
  },
  decode(bytes) {
    try {
      return JSON.parse(asBuffer(bytes).toString())
    } catch (cause) {
      throw new WaybillError('CORRUPT', 'payload is not the JSON its content type says', { cause })
    }
  },
  canonical: (payload) => Buffer.from(canonicalJson(JSON.parse(stringify(payload) ?? 'null'))),
}

function stringify(payload: unknown): string | undefined {
  try {
    return JSON.stringify(payload)
  } catch (cause) {
    throw new WaybillError('VALIDATION', 'payload cannot be written as JSON', { cause, details: { field: 'payload' } })
  }
}

/** JSON with object keys in code-unit order at every depth. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`
}
