/**
 * The headers of a request. Nothing that a message holds can add, end or replace a header: names that come from
 * messages get a prefix, values are percent-encoded, and what the caller gives is checked and never repairs.
 */
import type { Envelope } from '../../core/transport.js'

/** Names in lower case. */
export type RequestHeaders = Readonly<Record<string, string>>

/** Already names of their own on the wire; a message's go out as they are. */
const TRACE_CONTEXT = new Set(['traceparent', 'tracestate'])
const RESERVED = new Set([
  'accept-encoding', 'connection', 'content-length', 'content-type', 'date', 'expect', 'host', 'http2-settings',
  'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding',
  'upgrade',
])
const RESERVED_PREFIX = /^(?:webhook|waybill)-/
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/
const PLAIN = /^(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?$/
/** Everything that is not a visible ASCII character or a space, and `%`, by which it is written. */
const NOT_PLAIN = /[^\x20-\x24\x26-\x7e]+/gu

/** What is wrong with a header of the caller's; undefined when it may go out. */
export function headerProblem(name: string, value: unknown): string | undefined {
  const lower = name.toLowerCase()
  if (!TOKEN.test(name)) return 'has a name that is no header name'
  if (RESERVED.has(lower) || RESERVED_PREFIX.test(lower)) return `must not set ${lower}`
  if (typeof value !== 'string' || !PLAIN.test(value)) return `has a value for ${lower} that no header may have`
  return undefined
}

/** What of an envelope goes out beside its signature. `custom` has been checked. */
export function envelopeHeaders(envelope: Envelope, custom: RequestHeaders): RequestHeaders {
  const headers: Record<string, string> = { 'user-agent': 'waybill' }
  for (const [name, value] of Object.entries(envelope.headers)) forward(headers, name.toLowerCase(), value)
  for (const [name, value] of Object.entries(custom)) headers[name.toLowerCase()] = value
  const { contentType, type, attempt, payload, dedupeKey } = envelope
  return {
    ...headers,
    'content-type': contentType !== '' && PLAIN.test(contentType) ? contentType : 'application/octet-stream',
    'content-length': String(payload.byteLength),
    'accept-encoding': 'identity',
    'waybill-type': encoded(type),
    'waybill-attempt': String(attempt),
    ...dedupeKey !== undefined && { 'waybill-dedupe-key': encoded(dedupeKey) },
  }
}

/** Of names that differ only in case the first is taken; a name that no header may have stays behind. */
function forward(headers: Record<string, string>, name: string, value: string): void {
  const isTrace = TRACE_CONTEXT.has(name)
  const outer = isTrace ? name : `waybill-header-${name}`
  if (!TOKEN.test(outer) || Object.hasOwn(headers, outer) || (isTrace && !PLAIN.test(value))) return
  headers[outer] = isTrace ? value : encoded(value)
}

function encoded(value: string): string {
  const plain = value.toWellFormed().replace(NOT_PLAIN, encodeURIComponent)
  // Blanks at the ends would be taken for the header's own.
  return plain.replace(/^ +| +$/g, (blanks) => '%20'.repeat(blanks.length))
}
