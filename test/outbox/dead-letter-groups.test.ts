import { expect, test } from 'vitest'
import { normalError } from '../../src/outbox/dead-letter-groups.js'

test.each([
  ['HTTP 503', 'HTTP <n>'],
  ["can't reach 'a' and doesn't know \"b\" or `c`", "can't reach <text> and doesn't know <text> or <text>"],
  ['connect ECONNREFUSED 127.0.0.1:5432', 'connect ECONNREFUSED <n>.<n>.<n>.<n>:<n>'],
  ['user 0190f3b2-77aa-7c3e-9d55-1c2d3e4f5a6b is gone', 'user <id> is gone'],
  ['message q7k2m4xz-000000042', 'message <id>'],
  ['v2 of\n  it', 'v<n> of it'],
  ['', ''],
])('%j is counted as %j', (error, expected) => {
  expect(normalError(error)).toBe(expected)
})

test('of a long one the first 300 characters', () => {
  const error = normalError(`${'x'.repeat(299)}😀${"'".repeat(2_000)}`)
  expect([error.length, error.isWellFormed(), error.endsWith('…')]).toEqual([300, true, true])
})
