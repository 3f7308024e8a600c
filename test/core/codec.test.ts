import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { jsonCodec } from '../../src/core/codec.js'

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString()
const canonical = (value: unknown): string => text(jsonCodec.canonical?.(value))

describe('jsonCodec', () => {
  test('encodes as JSON.stringify does, and decodes what it encoded', () => {
    fc.assert(fc.property(fc.json(), (json) => {
      const value: unknown = JSON.parse(json)
      expect(text(jsonCodec.encode(value))).toBe(JSON.stringify(value))
      expect(jsonCodec.decode(jsonCodec.encode(value))).toEqual(JSON.parse(JSON.stringify(value)))
    }))
  })

  test('decodes a view into a larger buffer', () => {
    expect(jsonCodec.decode(Buffer.from('xx{"a":1}xx').subarray(2, 9))).toEqual({ a: 1 })
  })

  test('refuses what has no JSON form', () => {
    const ring: unknown[] = []
    ring.push(ring)
    for (const value of [undefined, () => 1, Symbol('s'), 1n, ring]) {
      expect(() => jsonCodec.encode(value)).toThrow(expect.objectContaining({ code: 'VALIDATION', details: { field: 'payload' } }))
    }
  })

  test('reports bytes that are not JSON as CORRUPT', () => {
    for (const bytes of ['', '{', 'undefined', '\u0000']) {
      expect(() => jsonCodec.decode(Buffer.from(bytes))).toThrow(expect.objectContaining({ code: 'CORRUPT' }))
    }
  })
})

describe('canonical JSON', () => {
  test('sorts keys at every depth and leaves arrays in order', () => {
    expect(canonical({ b: [{ d: 1, c: 2 }, 1], a: null })).toBe('{"a":null,"b":[{"c":2,"d":1},1]}')
  })

  test('is the same whatever the order of keys', () => {
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      expect(canonical(Object.fromEntries(Object.entries(value).reverse()))).toBe(canonical(value))
    }))
  })

  test('is different for different values', () => {
    fc.assert(fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      const same = JSON.stringify(JSON.parse(canonical(a))) === JSON.stringify(JSON.parse(canonical(b)))
      expect(canonical(a) === canonical(b)).toBe(same)
    }))
  })

  test('sees dates and toJSON as what is written', () => {
    expect(canonical({ at: new Date(0) })).toBe('{"at":"1970-01-01T00:00:00.000Z"}')
  })

  test('keeps `__proto__` as a key like any other', () => {
    expect(canonical(JSON.parse('{"b":1,"__proto__":{"y":1,"x":2}}'))).toBe('{"__proto__":{"x":2,"y":1},"b":1}')
  })
})
