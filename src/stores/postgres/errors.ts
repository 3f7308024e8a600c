/** What a database error means to a caller, by SQLSTATE; ORMs wrap it, so causes are searched. */
import { WaybillError } from '../../core/errors.js'

/** The transaction is gone; running all of it again may succeed. */
const ABORTED = new Set(['40001', '40P01', '25P02', '25P03', '55P03', '57014'])
/** Nothing is known of the outcome; the server may be back soon. */
const UNAVAILABLE = /^(08|53|57P0|58)/
const NETWORK = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH',
  'CONNECTION_CLOSED', 'CONNECTION_DESTROYED', 'CONNECTION_ENDED', 'CONNECT_TIMEOUT',
])
const NO_TABLE = new Set(['42P01', '42883', '3F000'])

export function toWaybillError(error: unknown): unknown {
  if (error instanceof WaybillError) return error
  const code = databaseCode(error)
  const details = { databaseCode: code ?? null }
  const message = error instanceof Error ? error.message : String(error)
  if (code !== undefined && ABORTED.has(code)) {
    return new WaybillError('TRANSACTION_ABORTED', 'the database aborted the transaction; run it again', {
      retryable: true, cause: error, details,
    })
  }
  if (code === '2200H') {
    return new WaybillError('RANGE_EXHAUSTED', 'the store has assigned its last sequence number', {
      cause: error, details,
    })
  }
  if (code !== undefined && NO_TABLE.has(code)) {
    return new WaybillError('NOT_MIGRATED', 'the schema is missing; run `waybill migrate` or waybill.migrate()', {
      cause: error, details,
    })
  }
  if (code === undefined ? isConnectionLoss(message) : UNAVAILABLE.test(code) || NETWORK.has(code)) {
    return new WaybillError('STORE_UNAVAILABLE', 'the database cannot be reached', {
      retryable: true, cause: error, details,
    })
  }
  return new WaybillError('STORE_FAILED', 'the database refused a statement', { cause: error, details })
}

/** `pg` reports a lost connection with a message alone. */
function isConnectionLoss(message: string): boolean {
  return /connection (terminated|ended|closed|timeout)|timeout exceeded when trying to connect|not queryable/i
    .test(message)
}

function databaseCode(error: unknown): string | undefined {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth += 1) {
    if ('code' in current && typeof current.code === 'string') return current.code
  }
  return undefined
}
