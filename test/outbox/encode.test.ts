import { describe, expect, test } from 'vitest'
import { jsonCodec, type Codec } from '../../src/core/codec.js'
import { encodeDraft, encodeDrafts } from '../../src/outbox/encode.js'
import type { NewMessage, OutboxMessageDraft } from '../../src/outbox/message.js'

const encode = (draft: Partial<OutboxMessageDraft> = {}, codec: Codec = jsonCodec): NewMessage =>
  encodeDraft({ type: 'order.placed', payload: { n: 1 }, ...draft }, { codec, maxPayloadBytes: 1_000 })
const digest = (draft: Partial<OutboxMessageDraft>, codec?: Codec): string =>
  Buffer.from(encode({ dedupeKey: 'k', ...draft }, codec).dedupe!.digest).toString('hex')

describe('encodeDraft', () => {
  test('fills in the defaults', () => {
    const { payload, ...rest } = encode()
    expect(Buffer.from(payload).toString()).toBe('{"n":1}')
    expect(rest).toEqual({
      scope: 'default', lane: 'default', target: 'default', type: 'order.placed', key: null, contentType: 'application/json',
      headers: {}, dedupe: null, due: null, maxAttempts: 20,
    })
  })

  test('keeps raw bytes with their content type, whatever the codec', () => {
    const payload = Uint8Array.of(0, 255)
    expect(encode({ payload, contentType: 'image/png' })).toMatchObject({ payload, contentType: 'image/png' })
    expect(encode({ payload }).contentType).toBe('application/octet-stream')
  })

  test('tells a time from a delay, and 0 from nothing', () => {
    expect(encode({ availableAt: 0 }).due).toEqual({ at: 0 })
    expect(encode({ delayMs: 0 }).due).toEqual({ inMs: 0 })
    expect(() => encode({ availableAt: 0, delayMs: 0 })).toThrow('delayMs cannot be given together with availableAt')
  })

  test('copies headers', () => {
    const headers = { a: '1' }
    const encoded = encode({ headers })
    headers.a = '2'
    expect(encoded.headers).toEqual({ a: '1' })
  })

  test('counts the payload\'s bytes, not its characters', () => {
    expect(() => encode({ payload: 'é'.repeat(499) })).not.toThrow()
    expect(() => encode({ payload: 'é'.repeat(500) })).toThrow(
      expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE', details: { bytes: 1_002, maxPayloadBytes: 1_000 } }))
  })

  test('an error names no payload', () => {
    const error = (() => {
      try {
        return encode({ payload: `secret${'x'.repeat(2_000)}` })
      } catch (thrown) {
        return thrown
      }
    })()
    expect(JSON.stringify(error)).not.toContain('secret')
  })
})

describe('encodeDrafts', () => {
  test('takes from the draft before only what is the same', () => {
    const headers = { a: '1' }
    const drafts: OutboxMessageDraft[] = [
      { type: 'x', lane: 'l', target: 't', payload: 1, headers }, { type: 'x', lane: 'l', target: 't', payload: 2, headers },
      { type: 'y', payload: 3, headers: { a: '2' } }, { type: 'y', payload: Uint8Array.of(4) },
    ]
    const encoded = encodeDrafts(drafts, { codec: jsonCodec, maxPayloadBytes: 1_000 })
    headers.a = '3'
    expect(encoded).toEqual(drafts.map((draft, n) => encode(n < 2 ? { ...draft, headers: { a: '1' } } : draft)))
  })

  test('checks what only looks the same', () => {
    const isLike = { toString: () => 'order.placed' } as unknown as string
    expect(() => encodeDrafts([{ type: 'order.placed', payload: 1 }, { type: isLike, payload: 1 }], {
      codec: jsonCodec, maxPayloadBytes: 1_000,
    })).toThrow(expect.objectContaining({ code: 'VALIDATION', details: { field: 'type' } }))
  })
})

describe('the dedupe digest', () => {
  test('is of 32 bytes, and only there with a key', () => {
    expect(encode({ dedupeKey: 'k' }).dedupe).toMatchObject({ key: 'k' })
    expect(digest({})).toHaveLength(64)
    expect(encode().dedupe).toBeNull()
  })

  test('does not depend on key order, headers, times, attempts, scope or the dedupe key', () => {
    const first = digest({ payload: { a: 1, b: 2 } })
    for (const same of [
      { payload: { b: 2, a: 1 } }, { headers: { a: '1' } }, { availableAt: 7 }, { delayMs: 7 }, { maxAttempts: 1 }, { scope: 's' },
      { dedupeKey: 'other' },
    ]) expect(digest({ payload: { a: 1, b: 2 }, ...same })).toBe(first)
  })

  test('depends on lane, target, type, key, content type and payload, and on where one ends and the next begins', () => {
    const bytes = Buffer.from('x')
    const drafts: Partial<OutboxMessageDraft>[] = [
      {}, { lane: 'l' }, { target: 't' }, { type: 'y' }, { key: 'k' }, { key: 'null' }, { payload: { n: 2 } }, { payload: bytes },
      { payload: bytes, contentType: 'text/plain' }, { lane: 'a', target: 'bc' }, { lane: 'ab', target: 'c' },
      { lane: '1:a;', target: 'b' }, { lane: 'a', target: '1:b;' },
    ]
    expect(new Set(drafts.map((draft) => digest(draft))).size).toBe(drafts.length)
  })

  test('of a codec without a canonical form is of its bytes', () => {
    const plain: Codec = { contentType: 'text/plain', encode: (value) => Buffer.from(JSON.stringify(value)), decode: String }
    expect(digest({ payload: { a: 1, b: 2 } }, plain)).not.toBe(digest({ payload: { b: 2, a: 1 } }, plain))
    expect(digest({ payload: { a: 1 } }, plain)).toBe(digest({ payload: { a: 1 } }, plain))
  })
})
