import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { MAX_SCOPE_BYTES } from '../../src/core/limits.js'
import { DEFAULT_SCOPE, scopedKey, scopeId, unscopedKey } from '../../src/core/scope.js'

const scopes = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((text) => text.trim() !== '' && !/\p{Cc}/u.test(text) && text.isWellFormed()).map(scopeId)

describe('scopeId', () => {
  test('keeps a name as it is, also with spaces around it', () => {
    expect(scopeId(' tenant 7 ')).toBe(' tenant 7 ')
    expect(DEFAULT_SCOPE).toBe('default')
  })

  test.each([
    ['blank', ' '], ['empty', ''], ['a control character', 'a\u0007b'], ['a C1 control character', 'a\u009fb'],
    ['half a surrogate pair', 'a\ud83d'], ['too many bytes', 'é'.repeat(MAX_SCOPE_BYTES / 2 + 1)],
  ])('refuses %s', (_, name) => {
    expect(() => scopeId(name)).toThrow(expect.objectContaining({ code: 'VALIDATION', details: expect.objectContaining({ field: 'scope' }) }))
  })

  test('refuses what is not text', () => {
    for (const value of [7, null, undefined, {}, ['a']]) expect(() => scopeId(value as string)).toThrow('scope is required')
  })

  test('accepts exactly the limit, counted in bytes', () => {
    expect(scopeId('é'.repeat(MAX_SCOPE_BYTES / 2))).toHaveLength(MAX_SCOPE_BYTES / 2)
  })
})

describe('scopedKey', () => {
  test('counts bytes, not characters', () => {
    expect(scopedKey(scopeId('é'), 'v')).toBe('scope:2:é:v')
    expect(scopedKey(scopeId('a:b'), '')).toBe('scope:3:a:b:')
  })

  test('comes back by its own scope, and by no other', () => {
    fc.assert(fc.property(scopes, scopes, fc.string(), (scope, other, value) => {
      expect(unscopedKey(scope, scopedKey(scope, value))).toBe(value)
      if (other !== scope) expect(unscopedKey(other, scopedKey(scope, value))).toBeUndefined()
    }))
  })

  test('nests without meeting another scope', () => {
    fc.assert(fc.property(scopes, scopes, scopes, fc.string(), (outer, inner, other, value) => {
      const nested = scopeId(scopedKey(outer, inner))
      expect(unscopedKey(nested, scopedKey(nested, value))).toBe(value)
      if (other !== nested) expect(unscopedKey(other, scopedKey(nested, value))).toBeUndefined()
    }))
  })

  test('is not mine without the exact prefix', () => {
    for (const key of ['', 'v', 'scope:1:a', 'scope:2:a:v', 'SCOPE:1:a:v', ' scope:1:a:v']) {
      expect(unscopedKey(scopeId('a'), key)).toBeUndefined()
    }
  })
})
