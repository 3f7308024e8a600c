/** The outbox's fault run in numbers. */
import type { LaneDeclarations } from 'waybill'

/** `orders` keeps a key closed until its front is delivered, `mail` goes on behind a dead letter. */
export const LANES = { orders: { ordering: 'block' }, mail: { ordering: 'skip' } } as const satisfies LaneDeclarations
export type Lane = keyof typeof LANES
export const LANE_NAMES = Object.keys(LANES) as Lane[]
export const TARGET = 'sink'

/** Who runs beside each other, each a process. */
export const PRODUCERS = 3
export const RELAYS = 4
export const RECEIVERS = 2

export const BATCH = 20
export const CONCURRENCY = 10
/** More than any fault lasts, so that only poison becomes a dead letter. */
export const MAX_ATTEMPTS = 200

/**
 * Shares of the transactions, and of the messages. A key has no more messages than can be delivered one after another:
 * with an exponent of 0.75 the hottest was behind for half a minute after the faults, and all that was late was its.
 */
export const PRODUCER = {
  inTwoCalls: 0.5, aborts: 0.05, failingStatement: 0.02, mostMessages: 11,
  keys: 1_000, zipf: 0.6, withoutKey: 0.1, binary: 0.1, delayed: 0.03, poison: 0.01, scopes: 3,
} as const

/** Of a message or a transaction, whose first letter is its lane's. */
export function laneOf(name: string): Lane {
  return name.startsWith('m') ? 'mail' : 'orders'
}

/** Where a relay kills itself. */
export const KILL_POINTS = [
  'after-claim', 'before-send', 'after-send', 'before-settle', 'mid-batch', 'during-renewal', 'during-drain',
] as const
export type KillPoint = (typeof KILL_POINTS)[number]
