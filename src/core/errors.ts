/**
 * One error class for the whole product. Compare by `code`, never by class or
 * message: two copies of the package in one process still agree on codes.
 */

/** What each code means and what the caller does about it: `docs/errors.md`. */
export type WaybillErrorCode =
  | 'ADDRESS_REFUSED'
  | 'ASYNC_SCHEMA'
  | 'CLOSED'
  | 'CONFIG_CHANGED'
  | 'CONFIG_INVALID'
  | 'CONFLICT'
  | 'CORRUPT'
  | 'DELIVERY_FAILED'
  | 'DRIVER_MISSING'
  | 'EPOCH_CHANGED'
  | 'FEED_GAP'
  | 'FEED_OVERRUN'
  | 'LANE_MISMATCH'
  | 'NOT_IN_TRANSACTION'
  | 'NO_ROUTE'
  | 'NOT_MIGRATED'
  | 'PAYLOAD_TOO_LARGE'
  | 'PERMANENT'
  | 'PUBLISHER_MISMATCH'
  | 'RANGE_EXHAUSTED'
  | 'RESERVED'
  | 'SEQUENCE_CONFLICT'
  | 'SIGNATURE_INVALID'
  | 'STALE_OWNER'
  | 'STORE_FAILED'
  | 'STORE_UNAVAILABLE'
  | 'THROTTLED'
  | 'TIMEOUT'
  | 'TRANSACTION_ABORTED'
  | 'UNSUPPORTED'
  | 'VALIDATION'

export type ErrorDetails = Readonly<Record<string, string | number | boolean | null>>

export interface WaybillErrorOptions {
  /** True when the same call may succeed later without a change by the caller. */
  readonly retryable?: boolean
  readonly cause?: unknown
  /** Facts that are safe to log: names, ids and numbers, never payloads or secrets. */
  readonly details?: ErrorDetails
}

/**
 * @example
 * try { await waybill.outbox.enqueue(tx, draft) }
 * catch (error) { if (isWaybillError(error, 'CONFLICT')) return respond(409); throw error }
 */
export class WaybillError extends Error {
  override readonly name: string = 'WaybillError'
  readonly code: WaybillErrorCode
  readonly retryable: boolean
  readonly details: ErrorDetails

  constructor(code: WaybillErrorCode, message: string, options: WaybillErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryable = options.retryable ?? false
    this.details = options.details ?? {}
  }

  toJSON(): object {
    return {
      name: this.name, code: this.code, message: this.message, retryable: this.retryable, details: this.details,
    }
  }
}

/** True for any Waybill error, or for one with this code. Works across copies of the package. */
export function isWaybillError(error: unknown, code?: WaybillErrorCode): error is WaybillError {
  if (!(error instanceof Error) || !('code' in error) || !('retryable' in error)) return false
  return error.name === 'WaybillError' && (code === undefined || error.code === code)
}

export function validationError(field: string, problem: string, details: ErrorDetails = {}): WaybillError {
  return new WaybillError('VALIDATION', `${field} ${problem}`, { details: { field, ...details } })
}

/** The message of anything thrown, bounded, for storing beside a failed attempt. */
export function describeError(thrown: unknown, maxLength = 2_000): string {
  const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
  // PostgreSQL text cannot hold NUL; a lone surrogate is not valid UTF-8.
  const storable = text.replaceAll('\u0000', '\uFFFD').toWellFormed()
  return storable.length <= maxLength ? storable : `${storable.slice(0, maxLength - 1)}…`.toWellFormed()
}
