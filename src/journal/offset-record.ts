/**
 * A map of offsets as bytes, all integers little-endian:
 *
 *     count u32 │ key length u32 │ key, UTF-8 │ offset u64 │ key length … one after another
 *
 * No version and no checksum: it is the format of the design behind it, whose records can be read and continued.
 */
import { asBuffer } from '../core/bytes.js'
import { MAX_U64 } from '../core/u64.js'

export function encodeOffsets(offsets: ReadonlyMap<string, bigint>): Uint8Array {
  const entries = [...offsets].map(([key, offset]) => ({ key: Buffer.from(key), offset }))
  const bytes = Buffer.allocUnsafe(entries.reduce((sum, { key }) => sum + 12 + key.length, 4))
  let at = bytes.writeUInt32LE(entries.length)
  for (const { key, offset } of entries) {
    at = bytes.writeUInt32LE(key.length, at)
    at += key.copy(bytes, at)
    at = bytes.writeBigUInt64LE(offset & MAX_U64, at)
  }
  return bytes
}

/**
 * Undefined when it ends too early or a key is not UTF-8. What follows the last entry is ignored; of a key that comes
 * twice the last counts.
 */
export function decodeOffsets(payload: Uint8Array): Map<string, bigint> | undefined {
  const bytes = asBuffer(payload)
  if (bytes.length < 4) return undefined
  // A byte order mark is part of a key.
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const offsets = new Map<string, bigint>()
  let at = 4
  for (let left = bytes.readUInt32LE(); left > 0; left -= 1) {
    if (at + 4 > bytes.length) return undefined
    const end = at + 4 + bytes.readUInt32LE(at)
    if (end + 8 > bytes.length) return undefined
    try {
      offsets.set(utf8.decode(bytes.subarray(at + 4, end)), bytes.readBigUInt64LE(end))
    } catch {
      return undefined
    }
    at = end + 8
  }
  return offsets
}
