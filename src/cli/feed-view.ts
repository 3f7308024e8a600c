/** Feeds as the program shows them. Numbers of u64 are decimal strings in JSON. */
import { nameOfKey } from '../core/scope.js'
import type { FeedSummary } from '../feeds/contract.js'
import type { FeedState } from '../feeds/result.js'

export function feedDocument({ feed, sequence, first, ...rest }: FeedSummary | FeedState): object {
  return { ...nameOfKey(feed), sequence: String(sequence), first: String(first), ...rest }
}

/** Of a row's value, in a line. Bytes are only counted. */
export function valueText(value: unknown): string {
  if (value === undefined) return '-'
  return value instanceof Uint8Array ? `(${value.byteLength} bytes)` : JSON.stringify(value)
}
