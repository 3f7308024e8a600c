/** The receiver's side: is this request what the holder of the secret has sent, and just now? */
import { systemClock, type Clock } from '../../core/environment.js'
import { validationError, WaybillError } from '../../core/errors.js'
import { assertDuration } from '../../core/validate.js'
import { signedContent, verifierOf, type Verifier } from './signing.js'

const DEFAULT_TOLERANCE_MS = 300_000
const MAX_SIGNATURES = 32
const TIMESTAMP = /^(?:0|[1-9]\d{0,11})$/
/**
 * No dot: `a.5` at 7 with body `x` and `a` at 5 with body `7.x` are signed alike. No comma: it is how header
 * values that came twice are joined.
 */
const ID = /^[\x21-\x2b\x2d\x2f-\x7e]{1,255}$/
const SIGNATURE = /^([a-z0-9]{1,8}),([A-Za-z0-9+/]+={0,2})$/

/** `Headers`, Node's `request.headers` or `headersDistinct`, or a plain object; names in any case. */
export type WebhookHeaders =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>

export interface VerifyWebhookOptions {
  /** `whsec_` secrets or `whpk_` public keys; one that matches is enough. 1 to 32. */
  readonly secrets: readonly string[]
  readonly headers: WebhookHeaders
  /** The request's body as it came, before anything has parsed it. Text is taken as UTF-8. */
  readonly body: Uint8Array | string
  /** How far the timestamp may be from now, in either direction. Default 300,000 ms. */
  readonly toleranceMs?: number | undefined
  /** Replaces the system clock, for tests. */
  readonly now?: Clock | undefined
}

export interface VerifiedWebhook {
  /** The message's id, the same at every attempt: remember it to refuse replays. */
  readonly id: string
  /** When this attempt was signed, in ms since the epoch; whole seconds. */
  readonly timestamp: number
  /** From `waybill-attempt`. Not covered by the signature. */
  readonly attempt?: number
  /** From `waybill-type`. Not covered by the signature: decide nothing of weight by it. */
  readonly type?: string
  /** From `waybill-dedupe-key`. Not covered by the signature: dedupe by `id`, which is. */
  readonly dedupeKey?: string
}

/**
 * @example
 * const { id } = verifyWebhook({ secrets: [secret], headers: request.headers, body })
 * @throws SIGNATURE_INVALID when the request must not be trusted, `details.reason` has why;
 * VALIDATION when the call itself is wrong: a malformed secret, or a body that is not bytes.
 */
export function verifyWebhook(options: VerifyWebhookOptions): VerifiedWebhook {
  const { secrets, headers, now = systemClock } = options
  const toleranceMs = assertDuration('toleranceMs', options.toleranceMs ?? DEFAULT_TOLERANCE_MS)
  const verifiers = verifiersOf(secrets)
  const body = bodyBytes(options.body)
  const id = single(headers, 'webhook-id')
  if (!ID.test(id)) throw invalid('id')
  const timestamp = single(headers, 'webhook-timestamp')
  if (!TIMESTAMP.test(timestamp)) throw invalid('timestamp')
  const signatures = parseSignatures(single(headers, 'webhook-signature'))
  const sentAt = Number(timestamp) * 1_000
  if (sentAt < now() - toleranceMs) throw invalid('timestamp-too-old')
  if (sentAt > now() + toleranceMs) throw invalid('timestamp-too-new')
  if (!matches(verifiers, signatures, signedContent(id, timestamp, body))) throw invalid('no-match')
  const attempt = Number(valuesOf(headers, 'waybill-attempt')[0])
  const type = decoded(valuesOf(headers, 'waybill-type')[0])
  const dedupeKey = decoded(valuesOf(headers, 'waybill-dedupe-key')[0])
  return {
    id, timestamp: sentAt, ...Number.isSafeInteger(attempt) && attempt > 0 && { attempt },
    ...type !== undefined && { type }, ...dedupeKey !== undefined && { dedupeKey },
  }
}

interface Signature {
  readonly version: string
  readonly base64: string
}

function verifiersOf(secrets: readonly string[]): Verifier[] {
  if (!Array.isArray(secrets) || secrets.length === 0 || secrets.length > MAX_SIGNATURES) {
    throw validationError('secrets', `must be a list of 1 to ${MAX_SIGNATURES}`)
  }
  return secrets.map((secret, index) => verifierOf(secret, `secrets[${index}]`))
}

function bodyBytes(body: unknown): Uint8Array {
  if (typeof body === 'string') return Buffer.from(body)
  if (body instanceof Uint8Array) return body
  throw validationError('body', 'must be the bytes or the text of the request, before it is parsed')
}

/** Every signature is tried with every secret, so that the time tells nothing of which was right. */
function matches(verifiers: readonly Verifier[], signatures: readonly Signature[], content: Uint8Array): boolean {
  let found = false
  for (const { version, base64 } of signatures) {
    for (const verifier of verifiers) {
      if (verifier.version === version && verifier.matches(content, base64)) found = true
    }
  }
  return found
}

function parseSignatures(text: string): Signature[] {
  const tokens = text.split(' ')
  if (tokens.length > MAX_SIGNATURES) throw invalid('signature')
  return tokens.map((token) => {
    const [, version = '', base64 = ''] = SIGNATURE.exec(token) ?? []
    if (version === '') throw invalid('signature')
    return { version, base64 }
  })
}

function single(headers: WebhookHeaders, name: string): string {
  const [value, ...rest] = valuesOf(headers, name)
  if (value === undefined) throw invalid(`${name}-missing`)
  if (rest.length > 0) throw invalid(`${name}-repeated`)
  return value
}

function valuesOf(headers: WebhookHeaders, name: string): string[] {
  if (typeof headers !== 'object' || headers === null) throw validationError('headers', 'are required')
  if (isGettable(headers)) return [headers.get(name) ?? []].flat()
  return Object.entries(headers)
    .flatMap(([key, value]) => key.toLowerCase() === name && value !== undefined ? value : [])
}

function isGettable(headers: WebhookHeaders): headers is { get(name: string): string | null } {
  return 'get' in headers && typeof headers.get === 'function'
}

function decoded(value: string | undefined): string | undefined {
  try {
    return value === undefined ? undefined : decodeURIComponent(value)
  } catch {
    return undefined
  }
}

function invalid(reason: string): WaybillError {
  return new WaybillError('SIGNATURE_INVALID', `the webhook's signature is not valid: ${reason}`, {
    details: { reason },
  })
}
