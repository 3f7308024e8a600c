/**
 * Signatures of Standard Webhooks 1.0.0 (https://www.standardwebhooks.com).
 *
 * Signed are the bytes `<id>.<timestamp>.<body>`. `whsec_` secrets (24 to 64 bytes) make HMAC-SHA256 signatures
 * `v1,<base64>`; `whsk_` secrets (an ed25519 seed, or seed and public key) make `v1a,<base64>`, which the
 * receiver verifies with the `whpk_` public key. Parsed keys are closures, so that nothing can print a secret.
 */
import {
  createHmac, createPrivateKey, createPublicKey, sign, timingSafeEqual, verify, type KeyObject,
} from 'node:crypto'
import { validationError } from '../../core/errors.js'

/** What ASN.1 puts before the 32 bytes of an ed25519 key. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const ED25519_BYTES = 32

/** One signature of the content, with its version. */
export type Signer = (content: Uint8Array) => string

export interface Verifier {
  readonly version: 'v1' | 'v1a'
  /** Takes as long for a wrong signature as for a right one. */
  matches(content: Uint8Array, base64: string): boolean
}

export function signedContent(id: string, timestamp: string, body: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body])
}

/** @throws VALIDATION naming the field, never the secret. */
export function signerOf(secret: unknown, field: string): Signer {
  const { prefix, bytes } = parseSecret(secret, field, ['whsec_', 'whsk_'])
  if (prefix === 'whsec_') return (content) => `v1,${hmac(bytes, content)}`
  const key = privateKey(bytes, field)
  return (content) => `v1a,${sign(null, content, key).toString('base64')}`
}

/** @throws VALIDATION naming the field, never the secret. */
export function verifierOf(secret: unknown, field: string): Verifier {
  const { prefix, bytes } = parseSecret(secret, field, ['whsec_', 'whpk_'])
  if (prefix === 'whsec_') {
    return { version: 'v1', matches: (content, base64) => equal(hmac(bytes, content), base64) }
  }
  if (bytes.length !== ED25519_BYTES) throw validationError(field, 'must hold an ed25519 public key of 32 bytes')
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, bytes]), format: 'der', type: 'spki' })
  return {
    version: 'v1a',
    matches: (content, base64) => {
      const signature = decodeBase64(base64)
      return signature?.length === 2 * ED25519_BYTES && verify(null, content, key, signature)
    },
  }
}

type Prefix = 'whsec_' | 'whsk_' | 'whpk_'

function parseSecret(secret: unknown, field: string, prefixes: readonly Prefix[]): { prefix: Prefix; bytes: Buffer } {
  const prefix = prefixes.find((each) => typeof secret === 'string' && secret.startsWith(each))
  if (prefix === undefined) throw validationError(field, `must start with ${prefixes.join(' or ')}`)
  const bytes = decodeBase64(String(secret).slice(prefix.length))
  if (bytes === undefined) throw validationError(field, 'must be base64 after its prefix')
  if (prefix === 'whsec_' && (bytes.length < 24 || bytes.length > 64)) {
    throw validationError(field, 'must be 24 to 64 bytes')
  }
  return { prefix, bytes }
}

/** Only what an encoder would have written: otherwise several texts would stand for the same bytes. */
function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

function privateKey(bytes: Buffer, field: string): KeyObject {
  if (bytes.length !== ED25519_BYTES && bytes.length !== 2 * ED25519_BYTES) {
    throw validationError(field, 'must hold an ed25519 secret key of 32 or 64 bytes')
  }
  const seed = bytes.subarray(0, ED25519_BYTES)
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
  const given = bytes.subarray(ED25519_BYTES)
  const derived = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length)
  if (given.length > 0 && !given.equals(derived)) throw validationError(field, 'must hold the two halves of one key')
  return key
}

function hmac(key: Uint8Array, content: Uint8Array): string {
  return createHmac('sha256', key).update(content).digest('base64')
}

function equal(expected: string, given: string): boolean {
  const [left, right] = [Buffer.from(expected), Buffer.from(given)]
  return left.length === right.length && timingSafeEqual(left, right)
}
