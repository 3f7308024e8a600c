/** The conflicts of an append and of a publisher, said alike by every store. */
import { WaybillError } from '../core/errors.js'
import type { NewBatch } from './event.js'
import type { TakeRequest } from './progress.js'

export function sequenceConflict(stream: string, expected: bigint, actual: bigint): WaybillError {
  return new WaybillError('SEQUENCE_CONFLICT', `the stream is at ${actual}, and was expected at ${expected}: read what `
    + 'was appended meanwhile, and decide again', {
    details: { stream, expectedSequence: String(expected), actualSequence: String(actual) },
  })
}

export function idempotencyConflict({ writerId, idempotency }: NewBatch): WaybillError {
  return new WaybillError('CONFLICT', 'this idempotency key was used for other events', {
    details: { idempotencyKey: idempotency?.key ?? null, writerId },
  })
}

export function streamExhausted(stream: string): WaybillError {
  return new WaybillError('RANGE_EXHAUSTED', 'the stream has been given its last number', { details: { stream } })
}

export function publisherMismatch({ publisher, follow }: TakeRequest, stored: string | undefined): WaybillError {
  return new WaybillError('PUBLISHER_MISMATCH', 'a publisher of this name is stored as following something else: start '
    + 'it anew with `waybill journal rebase`, or give this one another name', {
    details: { publisher, follow, stored: stored ?? null },
  })
}
