/** What identifies a row within its feed, and what a feed's result is made of: stable numbers and texts of values. */
import { createHash } from 'node:crypto'
import { jsonCodec } from '../core/codec.js'

/**
 * The signature of a row's key: the same for keys that mean the same, whatever the order of their members, in every
 * process and every version. Any JSON value. Of a million keys two share one with a probability of 3 in 10⁸.
 * @throws VALIDATION when the key has no JSON form.
 * @example
 * rowSignature({ tenant: 't-7', order: 12 })
 */
export function rowSignature(key: unknown): bigint {
  return digestOf(key).readBigUInt64BE()
}

/**
 * The hash of a feed's configuration: the same for values that mean the same. Put in what changes the result, such as
 * a query's text, and leave out what does not, such as capacities.
 * @throws VALIDATION when it has no JSON form.
 */
export function configHash(config: unknown): string {
  return digestOf(config).toString('hex', 0, 16)
}

function digestOf(value: unknown): Buffer {
  return createHash('sha256').update(jsonCodec.canonical?.(value) ?? jsonCodec.encode(value)).digest()
}
