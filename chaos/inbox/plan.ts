/**
 * The inbox's fault run in numbers, and which message is delivered how often to whom. Both follow from the message's
 * number alone, so a consumer's successor knows what is left to do without being told.
 */
import { luckOf } from '../plan.js'

/** Each a process. */
export const CONSUMERS = 8
/** The consumer's name, which all of them share. */
export const CONSUMER = 'chaos'
const MOST_DELIVERIES = 5
/** Transactions of a process at a time. */
export const AT_A_TIME = 3
export const MOST_AT_ONCE = 6

/** Shares of the transactions. */
export const TRANSACTION = {
  /** `skip` instead of `wait`. */
  skips: 0.4,
  /** The effect was made, and then `fn` throws. */
  aborts: 0.05,
  /** A statement fails in the middle. */
  failingStatement: 0.02,
  /** `fn` throws before it does anything, and the transaction commits all the same. */
  swallows: 0.03,
} as const

/** Where a consumer kills itself. */
export const KILL_POINTS = ['after-record', 'after-effect', 'before-commit', 'after-commit'] as const
export type KillPoint = (typeof KILL_POINTS)[number]

export const messageOf = (number: number): string => `m-${number}`

/** How often it is delivered, whatever fails: 1 to 5 times. */
export function deliveriesOf(number: number): number {
  return 1 + Math.floor(luckOf(`deliveries of ${number}`) * MOST_DELIVERIES)
}

/** Which of the consumers get it, as often as they are named. */
export function receiversOf(number: number): readonly number[] {
  return Array.from({ length: deliveriesOf(number) }, (_, delivery) => (
    Math.floor(luckOf(`${delivery} of ${number}`) * CONSUMERS)))
}
