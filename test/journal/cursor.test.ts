import { describe, expect, test } from 'vitest'
import { readCursor, writeCursor } from '../../src/journal/cursor.js'
import { scopeId } from '../../src/core/scope.js'
import { prefixEnd } from '../../src/sql/prefix.js'

const ALL = { tags: undefined, streams: undefined, scope: undefined }
const RED = { tags: ['red', 'blue'], streams: ['s'], scope: scopeId('a') }

describe('a cursor', () => {
  test('comes back as it was, for its own epoch and filter', () => {
    const place = ['7', ['1', '2'], []]
    for (const filter of [ALL, RED]) expect(readCursor(writeCursor('e', filter, place), 'e', filter)).toEqual(place)
    expect(writeCursor('e', RED, place)).toMatch(/^[\w-]+$/)
    expect(writeCursor('e', { ...RED, tags: ['blue', 'red', 'red'] }, place)).toBe(writeCursor('e', RED, place))
  })

  test('is refused for other tags, other streams, another scope, and another epoch', () => {
    const cursor = writeCursor('e', RED, ['7'])
    const others = [
      ALL, { ...RED, tags: ['blue'] }, { ...RED, scope: scopeId('b') }, { ...RED, tags: undefined }, { ...RED, streams: [] },
    ]
    for (const filter of others) {
      expect(() => readCursor(cursor, 'e', filter)).toThrow(expect.objectContaining({ code: 'VALIDATION' }))
    }
    expect(() => readCursor(cursor, 'f', RED)).toThrow(expect.objectContaining({ code: 'EPOCH_CHANGED' }))
  })

  test.each([
    'not base64', '', 'e30', Buffer.from('[1,"",[]]').toString('base64url'),
    Buffer.from('["e","",[7]]').toString('base64url'), Buffer.from('["e","",[[7]]]').toString('base64url'),
  ])('%s is none', (text) => {
    expect(() => readCursor(text, 'e', ALL)).toThrow(expect.objectContaining({ code: 'VALIDATION' }))
  })
})

test.each([
  ['a', 'b'], ['a~', 'a\u007f'], ['\u007f', '\u0080'], ['\ud7ff', '\ue000'], ['a\u{10ffff}', 'b'], ['\u{1f69a}', '\u{1f69b}'],
])('what begins with %s ends before %s', (prefix, end) => {
  expect(prefixEnd(prefix)).toBe(end)
})

test('nothing is behind what begins with the last letters there are', () => {
  expect([prefixEnd(''), prefixEnd('\u{10ffff}')]).toEqual([undefined, undefined])
})
