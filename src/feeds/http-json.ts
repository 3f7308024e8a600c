/** A feed's rows, results and gaps as JSON. Numbers of u64 are decimal strings. */
import type { FeedGap, FeedPlace } from './feed-reader.js'
import type { FeedRow, Result } from './result.js'

export type MapValue = ((value: unknown) => unknown) | undefined

/** A row without `value` takes back what was given of it before. */
export function rowDocument({ signature, value }: FeedRow, map: MapValue): object {
  return { signature: signature.toString(), ...valueField('value', value, map) }
}

export function resultDocument({ sequence, createdAt, changes }: Result, map: MapValue): object {
  return {
    sequence: sequence.toString(), createdAt,
    changes: changes.map(({ op, signature, before, after }) => ({
      op, signature: signature.toString(), ...valueField('before', before, map), ...valueField('after', after, map),
    })),
  }
}

export function placeDocument({ incarnation, configHash, latest }: FeedPlace): object {
  return { incarnation, configHash, latest: latest.toString() }
}

export function gapDocument({ reason, requested, earliest, ...place }: FeedGap): object {
  return { reason, requested: requested.toString(), earliest: earliest.toString(), ...placeDocument(place) }
}

/** Bytes of another codec go as base64. */
function valueField(name: string, value: unknown, map: MapValue): object {
  if (value === undefined) return {}
  const mapped = map === undefined ? value : map(value) ?? null
  return { [name]: mapped instanceof Uint8Array ? Buffer.from(mapped).toString('base64') : mapped }
}
