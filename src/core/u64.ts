/**
 * Numbers that callers supply span the whole of u64; numbers that Waybill assigns stop at 2⁶³−1, which every database's
 * integers hold. In memory they are `bigint`, in JSON decimal strings.
 */
import { validationError } from './errors.js'

/** A `number` is taken where it is exact. */
export type U64 = bigint | number

export const MAX_U64 = 2n ** 64n - 1n
/** The last number Waybill assigns. */
export const MAX_ASSIGNED = 2n ** 63n - 1n

/** @throws VALIDATION. */
export function assertU64(field: string, value: unknown): bigint {
  const isExact = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))
  const number = isExact ? BigInt(value) : -1n
  if (number < 0n || number > MAX_U64) {
    throw validationError(field, 'must be an integer from 0 to 2^64-1, a bigint beyond 2^53-1')
  }
  return number
}

/** The same bound for a number that is assigned: nothing lies between the two. */
export function clampToAssigned(value: bigint): bigint {
  return value > MAX_ASSIGNED ? MAX_ASSIGNED : value
}

/**
 * A u64 as databases keep it, whose integers are signed: in the same order, from −2⁶³ for 0 to 2⁶³−1 for the last. Not
 * its bits, which would put the upper half in front.
 */
export function orderedI64(value: bigint): bigint {
  return value - 2n ** 63n
}

/** Back from `orderedI64`. */
export function fromOrderedI64(stored: bigint): bigint {
  return stored + 2n ** 63n
}
