import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_U64 } from '../../src/core/u64.js'
import { decodeOffsets, encodeOffsets } from '../../src/journal/offset-record.js'

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

/** Those of the design behind it. */
const VECTORS: readonly (readonly [string, Record<string, bigint>])[] = [
  ['00000000', {}],
  ['01000000 03000000 616767 0400000000000000', { agg: 4n }],
  ['01000000 02000000 c3a9 ffffffffffffffff', { é: MAX_U64 }],
]

describe('a record of offsets', () => {
  test.each(VECTORS)('%s', (hex, offsets) => {
    const map = new Map(Object.entries(offsets))
    expect(Buffer.from(encodeOffsets(map)).toString('hex')).toBe(hex.replaceAll(' ', ''))
    expect(decodeOffsets(bytes(hex))).toEqual(map)
  })

  test('is read where it lies in a larger buffer', () => {
    const whole = bytes(`ff ${VECTORS[1]?.[0] ?? ''} ff`)
    expect(decodeOffsets(new Uint8Array(whole.buffer, whole.byteOffset + 1, whole.length - 2))).toEqual(
      new Map([['agg', 4n]]))
  })

  test('what follows the last entry is ignored', () => {
    for (const [hex, offsets] of VECTORS) {
      expect(decodeOffsets(bytes(`${hex} 00ff`))).toEqual(new Map(Object.entries(offsets)))
    }
  })

  test('of a key that comes twice the last counts, also when it is smaller', () => {
    const twice = bytes('02000000 01000000 61 0900000000000000 01000000 61 0300000000000000')
    expect(decodeOffsets(twice)).toEqual(new Map([['a', 3n]]))
  })

  test('keys are kept as they are: empty, with NUL, with a byte order mark', () => {
    const map = new Map([['', 1n], ['a\u0000', 2n], ['\ufeffa', 3n]])
    expect(decodeOffsets(encodeOffsets(map))).toEqual(map)
  })

  test('cut off anywhere, it is none', () => {
    const whole = encodeOffsets(new Map([['agg', 4n], ['é', MAX_U64]]))
    for (let length = 0; length < whole.length; length += 1) {
      expect(decodeOffsets(whole.subarray(0, length)), String(length)).toBeUndefined()
    }
  })

  test.each([
    ['a count of more than there are', 'ffffffff 03000000 616767 0400000000000000'],
    ['a key longer than the record', '01000000 ffffffff 616767 0400000000000000'],
    ['a key that is no UTF-8', '01000000 02000000 c328 0400000000000000'],
    ['half a surrogate pair', '01000000 03000000 eda080 0400000000000000'],
  ])('%s is none', (_, hex) => {
    expect(decodeOffsets(bytes(hex))).toBeUndefined()
  })

  test('any map comes back as it was', () => {
    const anyText = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => text.isWellFormed())
    fc.assert(fc.property(fc.array(fc.tuple(anyText, fc.bigInt(0n, MAX_U64))), (entries) => {
      const map = new Map(entries)
      expect(decodeOffsets(encodeOffsets(map))).toEqual(map)
    }))
  })

  test('any bytes are a map or none, and never an exception', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (garbage) => {
      const offsets = decodeOffsets(garbage)
      expect(offsets === undefined || offsets.size <= 5).toBe(true)
    }))
  })
})
