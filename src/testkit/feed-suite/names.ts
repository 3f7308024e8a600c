/** Keys that a store could take for others, or for something else. */
import { DEFAULT_SCOPE, scopedKey, scopeId } from '../../core/scope.js'

export const FEED = 'open-orders'

/** Each is a key of its own. */
export const HOSTILE_KEYS: readonly string[] = [
  'q1', 'q10', 'q', 'Q1', 'q1 ', ' q1', 'q1:', 'q1/0', 'q1\u0001', 'q1.log', 'q1:rows', 'q1*', 'q1?', '[q1]', '{q1}',
  'a{q1}', '{}', '}{', 'a:b', 'a::b', ':', 'a|b', 'a,b', '%', '_', '1', '01', '-1', 'null', 'undefined',
  '__proto__', 'constructor', `'; drop table feed; --`, '"quoted" \\ $1 ?1 `x`', 'é', 'e\u0301', '日本', '🧾',
  '\u{10ffff}', '\ufffd', '\t\n\r', 'scope:', 'scope:1:a:b', scopedKey(DEFAULT_SCOPE, 'scope:1:a:b'),
  scopedKey(scopeId('t'), 'q1'), scopedKey(scopeId('t:q'), '1'), scopedKey(scopeId('t'), 'q:1'), 'x'.repeat(255),
  scopedKey(scopeId('é'.repeat(256)), 'é'.repeat(127)), scopedKey(scopeId('é'.repeat(256)), `${'é'.repeat(126)}e`),
]

/** The ends of u64, and where integers and doubles end on the way. */
export const EDGES: readonly bigint[] = [
  0n, 1n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 10n ** 18n, 2n ** 63n - 1n,
  2n ** 63n, 2n ** 63n + 1n, 10n ** 19n, 2n ** 64n - 2n, 2n ** 64n - 1n,
]

export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text))
}

export function textOf(data: Uint8Array): string {
  return Buffer.from(data).toString()
}

/** 1…n. */
export function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, index) => index + 1)
}
