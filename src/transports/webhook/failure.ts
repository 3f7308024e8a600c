/**
 * What goes wrong on the way, as errors that are safe to store and to show.
 *
 * Nothing that a library, the destination or a caller's function has thrown is passed on, not even as a cause:
 * such errors carry addresses, certificates, bytes of the response, and whatever the caller put there.
 */
import { isWaybillError, WaybillError } from '../../core/errors.js'

/** Node's codes: `ECONNREFUSED`, `ERR_TLS_CERT_ALTNAME_INVALID`, `HPE_INVALID_CONSTANT`. */
const CODE = /^[A-Z][A-Z0-9_]{1,63}$/

/** May succeed later. `reason` is a code of Node's, or a word of ours. */
export function deliveryFailed(place: string, reason: string, message: string): WaybillError {
  return new WaybillError('DELIVERY_FAILED', `${place}: ${message}`, { retryable: true, details: { place, reason } })
}

/** What a socket, a TLS handshake or an HTTP parser threw, reduced to its code. */
export function networkFailure(place: string, thrown: unknown): WaybillError {
  if (isWaybillError(thrown)) return thrown
  const code = codeOf(thrown)
  return deliveryFailed(place, code, `the exchange failed (${code})`)
}

function codeOf(thrown: unknown): string {
  const code: unknown = typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : undefined
  return typeof code === 'string' && CODE.test(code) ? code : 'UNKNOWN'
}

export function addressRefused(place: string, range: string): WaybillError {
  return new WaybillError('ADDRESS_REFUSED', `${place}: the address is refused (${range})`, {
    retryable: true, details: { place, range },
  })
}

export function exchangeTimedOut(timeoutMs: number): WaybillError {
  return new WaybillError('TIMEOUT', `the webhook took longer than ${timeoutMs} ms`, {
    retryable: true, details: { timeoutMs },
  })
}

export function transportClosed(): WaybillError {
  return new WaybillError('CLOSED', 'the webhook transport is closed')
}

/** The reason of an abort: ours as it is, anything else as one of ours. */
export function abortReason(signal: AbortSignal): WaybillError {
  const reason: unknown = signal.reason
  if (isWaybillError(reason)) return reason
  return new WaybillError('DELIVERY_FAILED', 'the delivery was aborted', {
    retryable: true, details: { reason: 'aborted' },
  })
}
