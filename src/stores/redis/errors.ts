/** What a failure means to a caller. What a server answers begins with a code in capitals; all else is the client's. */
import { WaybillError } from '../../core/errors.js'

/** The server may take the same command soon. */
const UNAVAILABLE = new Set(['BUSY', 'CLUSTERDOWN', 'LOADING', 'MASTERDOWN', 'NOREPLICAS', 'READONLY', 'TRYAGAIN'])

export function toWaybillError(error: unknown): unknown {
  if (error instanceof WaybillError) return error
  const code = replyCode(error)
  const details = { databaseCode: code ?? null }
  if (code === undefined || UNAVAILABLE.has(code)) {
    return new WaybillError('STORE_UNAVAILABLE', 'the Redis server cannot be reached', {
      retryable: true, cause: error, details,
    })
  }
  return new WaybillError('STORE_FAILED', 'the Redis server refused a command', { cause: error, details })
}

export function replyCode(error: unknown): string | undefined {
  return error instanceof Error ? /^([A-Z]{3,})(?: |$)/.exec(error.message)?.[1] : undefined
}
