import { describe, expect, test } from 'vitest'
import { jsonCodec, type Codec } from '../../src/core/codec.js'
import { MAX_U64 } from '../../src/core/u64.js'
import { decodeResult, encodeFrame, type EncodedChange } from '../../src/feeds/frame.js'
import { createWaybill } from '../../src/index.js'
import { memory } from '../../src/memory.js'

const CHANGES: readonly EncodedChange[] = [
  { op: 'add', signature: 0n, before: undefined, after: Buffer.from('{"name":"é\\n"}') },
  { op: 'update', signature: MAX_U64, before: Buffer.from('1'), after: Buffer.from('2') },
  { op: 'aggregation', signature: 2n ** 53n + 1n, before: Buffer.from('null'), after: Buffer.from('[]') },
  { op: 'delete', signature: 999_999_999_999_999n, before: Buffer.from('""'), after: undefined },
  { op: 'noop', signature: 1_000_000_000_000_000n, before: undefined, after: undefined },
]

function isRefused(data: Uint8Array): boolean {
  try {
    decodeResult(1n, data, jsonCodec)
    return false
  } catch (error) {
    expect(error).toMatchObject({ code: 'CORRUPT' })
    return true
  }
}

describe('a stored result', () => {
  test('gives back what was put into it', () => {
    const { sequence, createdAt, changes } = decodeResult(7n, encodeFrame('application/json', 0, CHANGES), jsonCodec)
    expect([sequence, createdAt]).toEqual([7n, 0])
    expect(changes).toEqual(CHANGES.map(({ before, after, ...change }) => ({
      ...change, before: before && JSON.parse(before.toString()), after: after && JSON.parse(after.toString()),
    })))
  })

  test('gives the bytes of values that another codec made', () => {
    const data = encodeFrame('text/é; charset=utf-8', 1, [{ ...CHANGES[1]!, after: new Uint8Array() }])
    const [change] = decodeResult(1n, data, jsonCodec).changes
    expect(change).toEqual({ op: 'update', signature: MAX_U64, before: Buffer.from('1'), after: Buffer.alloc(0) })
  })

  test('that lost a piece of its end, or of its beginning, is CORRUPT', () => {
    const whole = Buffer.from(encodeFrame('application/json', 1_700_000_000_000, CHANGES))
    expect(isRefused(whole)).toBe(false)
    for (let length = 0; length < whole.length; length += 1) expect(isRefused(whole.subarray(0, length))).toBe(true)
    for (let start = 1; start < whole.length; start += 1) expect(isRefused(whole.subarray(start))).toBe(true)
    expect(isRefused(Buffer.concat([whole, Buffer.from(' ')]))).toBe(true)
  })

  test.each([
    '2 0 0 a\n', '1  0 a\n', '1 0 1 a\n', '1 0 1 put 1 - - a\n', '1 0 1 add x - - a\n', '1 0 1 add -1 - - a\n',
    '1 0 1 add 18446744073709551616 - - a\n', '1 0 1 add 1 - 2 a\nx', '1 0 1 add 1 - -1 a\n', '1 0 1 addition 1 - - a\n',
    '1 0 99999999999999999999999 a\n', '1 0 0 a',
  ])('%j is CORRUPT', (text) => {
    expect(isRefused(Buffer.from(text))).toBe(true)
  })
})

describe('bytes as the value of a row', () => {
  test('are refused where nothing would read them again', async () => {
    const feed = createWaybill({ store: memory() }).feed('raw')
    const value = new Uint8Array([1, 2])
    await expect(feed.commitAlone([{ op: 'add', signature: 1, after: value }]))
      .rejects.toMatchObject({ code: 'VALIDATION', details: { field: 'after' } })
    await expect(feed.commitAlone([{ op: 'delete', signature: 1, before: value }]))
      .rejects.toMatchObject({ code: 'VALIDATION', details: { field: 'before' } })
    expect(await feed.state()).toBeUndefined()
  })

  test('are read again by a codec that takes them', async () => {
    const codec: Codec = {
      contentType: 'application/octet-stream', encode: (value) => value as Uint8Array, decode: (bytes) => bytes,
    }
    const feed = createWaybill({ store: memory(), codec }).feed('raw')
    await feed.commitAlone([{ op: 'add', signature: 1, after: new Uint8Array([1, 2]) }])
    expect(await feed.after(0)).toMatchObject({ results: [{ changes: [{ after: Buffer.from([1, 2]) }] }] })
  })
})
