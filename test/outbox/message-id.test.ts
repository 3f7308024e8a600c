import { expect, test } from 'vitest'
import fc from 'fast-check'
import { newTag } from '../../src/core/environment.js'
import { formatMessageId, parseMessageId, TAG_LENGTH } from '../../src/outbox/message-id.js'

const TAG = '0abcwxyz'
const sequences = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })

test('has a tag of eight and a sequence of thirteen', () => {
  expect(formatMessageId(TAG, 1n)).toBe('0abcwxyz-0000000000001')
  expect(formatMessageId(TAG, 2n ** 63n - 1n)).toBe('0abcwxyz-7vvvvvvvvvvvv')
})

test('comes back from its text', () => {
  fc.assert(fc.property(sequences, (sequence) => {
    expect(parseMessageId(TAG, formatMessageId(TAG, sequence))).toBe(sequence)
  }))
})

test('sorts as text in the order of the sequence', () => {
  fc.assert(fc.property(sequences, sequences, (a, b) => {
    expect(formatMessageId(TAG, a) < formatMessageId(TAG, b)).toBe(a < b)
  }))
})

test('is nobody else\'s', () => {
  const id = formatMessageId(TAG, 7n)
  const others = [
    '', TAG, `${TAG}-`, id.toUpperCase(), ` ${id}`, `${id} `, `${id}0`, id.slice(0, -1), `${id}\n`, id.replace('-', '_'),
    '0abcwxyz-8000000000000', '0abcwxyz-000000000000w', formatMessageId('1abcwxyz', 7n), '__proto__',
  ]
  for (const other of others) expect(parseMessageId(TAG, other)).toBeUndefined()
})

test('new tags fit and differ', () => {
  const tags = Array.from({ length: 1_000 }, () => newTag(TAG_LENGTH))
  expect(new Set(tags).size).toBe(1_000)
  for (const tag of tags) expect(parseMessageId(tag, formatMessageId(tag, 5n))).toBe(5n)
})
