/** From what a driver gave for a column to a value. Drivers give bigints as text or number; both are read. */
import { WaybillError } from '../../core/errors.js'

export function toBigInt(value: unknown): bigint {
  return BigInt(String(value))
}

export function optionalText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** @throws CORRUPT. */
export function toBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw new WaybillError('CORRUPT', 'the driver did not return what is stored as bytes')
}
