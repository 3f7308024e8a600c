/**
 * A scope keeps tenants apart. In Waybill it is a column, checked in the same
 * statement as every write; on stores that have only keys it is part of the key,
 * by the encoding below.
 *
 * The length prefix makes the encoding injective, and no encoded key of one scope
 * is ever a prefix of another's, also when nested (suite case A-60).
 */
import { validationError } from './errors.js'
import { MAX_SCOPE_BYTES } from './limits.js'

declare const scopeBrand: unique symbol
/** A validated scope name. It serializes as the plain string and is validated again when read. */
export type ScopeId = string & { readonly [scopeBrand]: true }

/**
 * Not blank, at most 512 bytes of UTF-8, no Unicode control characters. Kept untrimmed.
 * @throws VALIDATION naming the rule that failed.
 */
export function scopeId(value: string): ScopeId {
  if (typeof value !== 'string' || value.trim() === '') throw validationError('scope', 'is required')
  if (!value.isWellFormed()) throw validationError('scope', 'must be well-formed Unicode')
  if (Buffer.byteLength(value) > MAX_SCOPE_BYTES) {
    throw validationError('scope', `must be at most ${MAX_SCOPE_BYTES} bytes`, { maxBytes: MAX_SCOPE_BYTES })
  }
  if (/\p{Cc}/u.test(value)) throw validationError('scope', 'must not contain control characters')
  return value as ScopeId
}

export const DEFAULT_SCOPE = scopeId('default')

/** `scope:<byte length of scope>:<scope>:<value>` */
export function scopedKey(scope: ScopeId, value: string): string {
  return `scope:${Buffer.byteLength(scope)}:${scope}:${value}`
}

/**
 * A name of its own in each scope: as it is in the default scope, with its scope elsewhere, and where it looks as if it
 * had one.
 */
export function scopedName(scope: ScopeId, name: string): string {
  return scope === DEFAULT_SCOPE && !name.startsWith('scope:') ? name : scopedKey(scope, name)
}

/** The scope of a view, which is a scope of its own inside another view's. @throws VALIDATION. */
export function nestedScope(outer: ScopeId | undefined, scope: string): ScopeId {
  return outer === undefined ? scopeId(scope) : scopeId(scopedKey(outer, scopeId(scope)))
}

/** Of what Waybill itself keeps beside what callers name: no name in any scope makes this key. */
export function reservedKey(name: string): string {
  return `${RESERVED}${name}`
}

export function isReservedKey(key: string): boolean {
  return key.startsWith(RESERVED)
}

/** No scope is empty. */
const RESERVED = 'scope:0::'

/** The value behind this scope's prefix, or undefined when the key belongs to another scope. */
export function unscopedKey(scope: ScopeId, key: string): string | undefined {
  const prefix = scopedKey(scope, '')
  return key.startsWith(prefix) ? key.slice(prefix.length) : undefined
}

/** The scope of a key that `scopedKey` made; undefined when it made none of this form. @throws VALIDATION. */
export function scopeOfKey(key: string): ScopeId | undefined {
  const [start, length] = /^scope:([1-9]\d{0,2}):/.exec(key) ?? []
  if (start === undefined) return undefined
  const scope = Buffer.from(key).subarray(start.length, start.length + Number(length)).toString()
  return key.startsWith(`${start}${scope}:`) ? scopeId(scope) : undefined
}

export interface ScopedName {
  readonly scope: ScopeId
  readonly name: string
}

/** What was called so in its scope when `scopedName` made this key. @throws VALIDATION. */
export function nameOfKey(key: string): ScopedName {
  const scope = scopeOfKey(key)
  return scope === undefined ? { scope: DEFAULT_SCOPE, name: key } : { scope, name: unscopedKey(scope, key) ?? key }
}
