/** Checks shared by every public surface. Each throws `VALIDATION` naming the field. */
import { validationError } from './errors.js'

/** The largest time Waybill stores; "never" is not a sentinel. */
export const MAX_TIME = Number.MAX_SAFE_INTEGER

export function assertInteger(field: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw validationError(field, `must be an integer from ${min} to ${max}`, { min, max })
  }
  return value
}

/** Milliseconds since the epoch. */
export function assertTime(field: string, value: unknown): number {
  return assertInteger(field, value, 0, MAX_TIME)
}

/** A duration in milliseconds; the default limit is a hundred years. */
export function assertDuration(field: string, value: unknown, min = 0, max = 3_155_760_000_000): number {
  return assertInteger(field, value, min, max)
}

/**
 * A name: not blank, well-formed, without NUL (which PostgreSQL text refuses), at most
 * `maxBytes` of UTF-8. It is kept as given: validation never trims.
 */
export function assertName(field: string, value: unknown, maxBytes: number): string {
  if (typeof value !== 'string' || value.trim() === '') throw validationError(field, 'is required')
  if (value.includes('\u0000')) throw validationError(field, 'must not contain NUL')
  if (!value.isWellFormed()) throw validationError(field, 'must be well-formed Unicode')
  if (Buffer.byteLength(value) > maxBytes) {
    throw validationError(field, `must be at most ${maxBytes} bytes`, { maxBytes })
  }
  return value
}
