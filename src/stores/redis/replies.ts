/** From replies to values. Clients give bytes, and text where they were told so; both are read. */
import { asBuffer } from '../../core/bytes.js'
import { WaybillError } from '../../core/errors.js'
import type { RedisReply } from '../../core/redis-commands.js'

export function listOf(reply: RedisReply | undefined): readonly RedisReply[] {
  if (Array.isArray(reply)) return reply as readonly RedisReply[]
  throw unexpected()
}

export function bytesOf(reply: RedisReply | undefined): Uint8Array {
  if (reply instanceof Uint8Array) return reply
  throw unexpected()
}

export function textOf(reply: RedisReply | undefined): string {
  if (reply instanceof Uint8Array) return asBuffer(reply).toString()
  if (typeof reply === 'string' || typeof reply === 'number' || typeof reply === 'bigint') return String(reply)
  throw unexpected()
}

/** Wide enough for u64, so that the order of the texts is that of the numbers. */
export const DIGITS = 20

export function padded(number: bigint): string {
  return number.toString().padStart(DIGITS, '0')
}

function unexpected(): WaybillError {
  return new WaybillError('CORRUPT', 'the Redis server, or its client, gave another answer than was asked for')
}
