import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { Webhook as Standard } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../src/testkit/index.js'
import { signedContent, signerOf } from '../../src/transports/webhook/signing.js'
import { verifyWebhook, type VerifyWebhookOptions, type WebhookHeaders } from '../../src/webhook.js'

// The vectors that the standard's own libraries are tested with.
const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek'
const TIMESTAMP = 1_614_265_330
const BODY = '{"test": 2432232314}'
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const SIGNATURE = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
const SEED = 'VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk='
const SIGNATURE_A = 'v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=='
const OTHER = `whsec_${Buffer.alloc(24, 9).toString('base64')}`

const now = (): number => TIMESTAMP * 1_000
const sign = (secret: string, id = ID, timestamp = TIMESTAMP, body: string | Uint8Array = BODY): string =>
  signerOf(secret, 'secret')(signedContent(id, String(timestamp), Buffer.from(body)))
const headersOf = (signature = SIGNATURE, id = ID, timestamp: number | string = TIMESTAMP): Record<string, string> =>
  ({ 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': signature })
const verify = (changes: Partial<VerifyWebhookOptions> = {}): unknown =>
  verifyWebhook({ secrets: [SECRET], headers: headersOf(), body: BODY, now, ...changes })
const reasonOf = (changes: Partial<VerifyWebhookOptions>): unknown => {
  try {
    verify(changes)
  } catch (error) {
    return (error as { code: string; details: { reason: string } }).code === 'SIGNATURE_INVALID'
      ? (error as { details: { reason: string } }).details.reason : error
  }
  return 'accepted'
}

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(16)
const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(12)

function publicOf(seedBase64: string): string {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.from(seedBase64, 'base64')])
  const key = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
  return `whpk_${key.export({ format: 'der', type: 'spki' }).subarray(12).toString('base64')}`
}

describe('the standard', () => {
  test('its vectors are made and accepted', () => {
    expect(sign(SECRET)).toBe(SIGNATURE)
    expect(verify()).toEqual({ id: ID, timestamp: now() })
    expect(sign(`whsk_${SEED}`)).toBe(SIGNATURE_A)
    expect(verify({ secrets: [publicOf(SEED)], headers: headersOf(SIGNATURE_A) })).toEqual({ id: ID, timestamp: now() })
  })

  test('its list of signatures of several versions is accepted', () => {
    const wrong = 'Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc='
    expect(verify({ headers: headersOf(`v1,${wrong} v2,${wrong} ${SIGNATURE} v1,${wrong}`) })).toMatchObject({ id: ID })
  })

  test('its library accepts what we sign, and we what it signs', () => {
    const random = seededRandom(11)
    const current = Math.floor(Date.now() / 1_000)
    for (let round = 0; round < 200; round += 1) {
      const key = Buffer.from(Array.from({ length: random.integer(24, 64) }, () => random.integer(0, 255))).toString('base64')
      const body = JSON.stringify({ round, text: random.pick(['ü', '\u2028', '', '"', 'a.b.c']) })
      const id = `msg_${random.integer(0, 1e9)}`
      const library = new Standard(`whsec_${key}`)
      expect(library.verify(body, headersOf(sign(`whsec_${key}`, id, current, body), id, current))).toEqual(JSON.parse(body))
      const headers = headersOf(library.sign(id, new Date(current * 1_000), body), id, current)
      expect(verifyWebhook({ secrets: [`whsec_${key}`], headers, body }).id).toBe(id)
    }
  })

  test('ed25519: a seed, or a seed with its public key, signs; the public key verifies', () => {
    for (const bytes of [seed, Buffer.concat([seed, raw])]) {
      const headers = headersOf(sign(`whsk_${bytes.toString('base64')}`))
      expect(verify({ secrets: [`whpk_${raw.toString('base64')}`], headers })).toMatchObject({ id: ID })
      expect(reasonOf({ secrets: [publicOf(SEED)], headers })).toBe('no-match')
    }
  })
})

describe('accepted', () => {
  test('headers of every kind, in any case', () => {
    const headers = headersOf()
    const kinds: WebhookHeaders[] = [
      headers, new Headers(headers), Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value])),
      Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    ]
    for (const each of kinds) expect(verify({ headers: each })).toMatchObject({ id: ID })
  })

  test('either of two secrets while they change, on both sides', () => {
    const both = headersOf(`${sign(OTHER)} ${SIGNATURE}`)
    for (const secrets of [[SECRET], [OTHER], [OTHER, SECRET]]) expect(verify({ secrets, headers: both })).toMatchObject({ id: ID })
    expect(verify({ secrets: [OTHER, SECRET] })).toMatchObject({ id: ID })
  })

  test('a body of any bytes, as bytes or text', () => {
    const body = Uint8Array.from({ length: 256 }, (_, index) => index)
    expect(verify({ body, headers: headersOf(sign(SECRET, ID, TIMESTAMP, body)) })).toMatchObject({ id: ID })
    expect(verify({ body: '', headers: headersOf(sign(SECRET, ID, TIMESTAMP, '')) })).toMatchObject({ id: ID })
    expect(verify({ body: Buffer.from(BODY) })).toMatchObject({ id: ID })
  })

  test('attempt, type and dedupe key, when they make sense', () => {
    expect(verify({ headers: { ...headersOf(), 'waybill-attempt': '2', 'waybill-type': 'gr%C3%B6%C3%9Fe' } }))
      .toEqual({ id: ID, timestamp: now(), attempt: 2, type: 'größe' })
    expect(verify({ headers: { ...headersOf(), 'waybill-dedupe-key': 'gr%C3%B6%C3%9Fe' } })).toMatchObject({ dedupeKey: 'größe' })
    expect(verify({ headers: { ...headersOf(), 'waybill-dedupe-key': '%zz' } })).not.toHaveProperty('dedupeKey')
    for (const [attempt, type] of [['-1', '%zz'], ['x', '%'], ['1.5', '%ff'], ['1e99', '%E0%A4%A']] as const) {
      expect(verify({ headers: { ...headersOf(), 'waybill-attempt': attempt, 'waybill-type': type } })).toEqual({ id: ID, timestamp: now() })
    }
  })

  test('timestamps within the tolerance, on both sides', () => {
    for (const [seconds, expected] of [[-301, 'timestamp-too-old'], [-300, 'accepted'], [-299, 'accepted'],
      [299, 'accepted'], [300, 'accepted'], [301, 'timestamp-too-new']] as const) {
      const timestamp = TIMESTAMP + seconds
      const headers = headersOf(sign(SECRET, ID, timestamp), ID, timestamp)
      expect(reasonOf({ headers }), `${seconds}`).toBe(expected)
      expect(reasonOf({ headers, toleranceMs: 0 })).toBe(seconds < 0 ? 'timestamp-too-old' : 'timestamp-too-new')
    }
    expect(reasonOf({ now: () => now() + 300_001 })).toBe('timestamp-too-old')
    expect(reasonOf({ now: () => now() - 300_001 })).toBe('timestamp-too-new')
  })
})

describe('refused', () => {
  test.each<[string, Partial<VerifyWebhookOptions>, string]>([
    ['another secret', { secrets: [OTHER] }, 'no-match'], ['another body', { body: `${BODY} ` }, 'no-match'],
    ['another id', { headers: headersOf(SIGNATURE, 'msg_other') }, 'no-match'],
    ['another time', { headers: headersOf(SIGNATURE, ID, TIMESTAMP + 1) }, 'no-match'],
    ['another version', { headers: headersOf(SIGNATURE.replace('v1', 'v2')) }, 'no-match'],
    ['a symmetric signature as an asymmetric one', { headers: headersOf(SIGNATURE.replace('v1', 'v1a')), secrets: [publicOf(SEED)] }, 'no-match'],
    ['a signature cut short', { headers: headersOf(SIGNATURE.slice(0, -1)) }, 'no-match'],
    ['a signature cut shorter', { headers: headersOf(SIGNATURE.slice(0, 8)) }, 'no-match'],
    ['an asymmetric one cut short', { headers: headersOf(SIGNATURE_A.slice(0, -4)), secrets: [publicOf(SEED)] }, 'no-match'],
    ['no signature', { headers: headersOf('v1,') }, 'signature'], ['an empty signature', { headers: headersOf('') }, 'signature'],
    ['no version', { headers: headersOf(SIGNATURE.slice(3)) }, 'signature'], ['blanks', { headers: headersOf(`${SIGNATURE}  ${SIGNATURE}`) }, 'signature'],
    ['what is not base64', { headers: headersOf('v1,%%%%') }, 'signature'], ['base64 for urls', { headers: headersOf(SIGNATURE.replace('+', '-')) }, 'signature'],
    ['too many signatures', { headers: headersOf(Array(33).fill(SIGNATURE).join(' ')) }, 'signature'],
    ['joined duplicates of the signature', { headers: headersOf(`${SIGNATURE}, ${SIGNATURE}`) }, 'signature'],
    ['joined duplicates of the id', { headers: headersOf(SIGNATURE, `${ID}, ${ID}`) }, 'id'],
    ['joined duplicates of the time', { headers: headersOf(SIGNATURE, ID, `${TIMESTAMP}, ${TIMESTAMP}`) }, 'timestamp'],
    ['duplicates in two cases', { headers: { ...headersOf(), 'Webhook-Id': ID } }, 'webhook-id-repeated'],
    ['duplicates in a list', { headers: { ...headersOf(), 'webhook-signature': [SIGNATURE, SIGNATURE] } }, 'webhook-signature-repeated'],
    ['no id', { headers: { ...headersOf(), 'webhook-id': undefined } }, 'webhook-id-missing'],
    ['no time', { headers: { ...headersOf(), 'webhook-timestamp': [] } }, 'webhook-timestamp-missing'],
    ['no headers', { headers: new Headers() }, 'webhook-id-missing'],
    ...['hello', '', '-1', '1.5', '01614265330', '1e9', ' 1614265330', '99999999999999', '0x60'].map((text) =>
      [`the time '${text}'`, { headers: headersOf(SIGNATURE, ID, text) }, 'timestamp'] as [string, Partial<VerifyWebhookOptions>, string]),
  ])('%s', (_title, changes, reason) => {
    expect(reasonOf(changes)).toBe(reason)
  })

  test('an id with a dot: the same signature would stand for another id, time and body', () => {
    const shifted = headersOf(sign(SECRET, 'a', TIMESTAMP, `${TIMESTAMP}.x`), `a.${TIMESTAMP}`)
    expect(reasonOf({ headers: shifted, body: 'x' })).toBe('id')
    expect(reasonOf({ headers: headersOf(sign(SECRET, 'a.b'), 'a.b') })).toBe('id')
  })

  test.each<[string, unknown]>([
    ['secrets', { secrets: [] }], ['secrets', { secrets: SECRET }], ['secrets[0]', { secrets: ['MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'] }],
    ['secrets[0]', { secrets: [`whsk_${SEED}`] }], ['secrets[0]', { secrets: [`whpk_${Buffer.alloc(33).toString('base64')}`] }],
    ['secrets[1]', { secrets: [SECRET, 'whsec_x'] }], ['body', { body: { test: 1 } }], ['body', { body: undefined }],
    ['toleranceMs', { toleranceMs: -1 }], ['headers', { headers: null }],
  ])('a wrong call is a VALIDATION of %s', (field, changes) => {
    expect(() => verify(changes as Partial<VerifyWebhookOptions>))
      .toThrow(expect.objectContaining({ code: 'VALIDATION', details: expect.objectContaining({ field }) }))
  })

  test('a signature in other words for the same bytes', () => {
    for (const signature of [SIGNATURE_A.replace('Ag==', 'Ah=='), SIGNATURE_A.replace('==', ''), SIGNATURE_A.replace('==', '=')]) {
      expect(reasonOf({ headers: headersOf(signature), secrets: [publicOf(SEED)] })).toBe('no-match')
    }
  })

  test('100,000 flips of one bit, wherever they fall', () => {
    const random = seededRandom(1)
    const flip = (bytes: Buffer): string => {
      const at = random.integer(0, bytes.length - 1)
      bytes[at]! ^= 1 << random.integer(0, 7)
      return bytes.toString('latin1')
    }
    const asymmetric = publicOf(SEED)
    let accepted = 0
    for (let round = 0; round < 100_000; round += 1) {
      const isAsymmetric = round % 20 === 0
      const parts = { id: ID, timestamp: String(TIMESTAMP), signature: isAsymmetric ? SIGNATURE_A : SIGNATURE, body: BODY }
      const part = random.pick(['id', 'timestamp', 'signature', 'body'] as const)
      const changed = { ...parts, [part]: flip(Buffer.from(parts[part])) }
      const outcome = reasonOf({
        secrets: [isAsymmetric ? asymmetric : SECRET], body: Buffer.from(changed.body, 'latin1'), toleranceMs: 1e12,
        headers: headersOf(changed.signature, changed.id, changed.timestamp),
      })
      if (outcome === 'accepted') accepted += 1
      else if (typeof outcome !== 'string') throw outcome as Error
    }
    expect(accepted).toBe(0)
  })
})
