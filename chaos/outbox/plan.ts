/** The outbox's fault run in numbers, and the names that tell what is meant to become of a message. */
import type { LaneDeclarations } from 'waybill'

/** `orders` keeps a key closed until its front is delivered, `mail` goes on behind a dead letter. */
export const LANES = { orders: { ordering: 'block' }, mail: { ordering: 'skip' } } as const satisfies LaneDeclarations
export type Lane = keyof typeof LANES
export const LANE_NAMES = Object.keys(LANES) as Lane[]
export const TARGET = 'sink'
/** Carries the producer's own name of the message; its first letter is its lane's. */
export const NAME_HEADER = 'chaos-name'

/** Who runs beside each other, each a process. */
export const PRODUCERS = 3
export const RELAYS = 4
export const RECEIVERS = 2

/** Short, so that a paused process outlives it soon and a delivery of ordinary length needs renewals. */
export const LEASE_MS = 1_500
export const DELIVERY_TIMEOUT_MS = 2_000
export const RETRY = { baseMs: 50, maxMs: 1_000 } as const
export const BATCH = 20
export const CONCURRENCY = 10
/** More than any fault lasts, so that only poison becomes a dead letter. */
export const MAX_ATTEMPTS = 200
export const POISON_ATTEMPTS = 4

/** Beyond the lease: a look at the queue, a new process, a busy machine. */
const MARGIN_MS = 800
/** How long after the death or the silence of a process what it did may come again. */
export const AFTERMATH_MS = LEASE_MS + MARGIN_MS

/** A process or a call that is silent for longer than this has stalled. */
export const STALL = { afterMs: LEASE_MS / 3, aftermathMs: AFTERMATH_MS } as const

/**
 * Shares of the transactions, and of the messages. A key has no more messages than can be delivered one after another:
 * with an exponent of 0.75 the hottest was behind for half a minute after the faults, and all that was late was its.
 */
export const PRODUCER = {
  inTwoCalls: 0.5, aborts: 0.05, failingStatement: 0.02, mostMessages: 11,
  keys: 1_000, zipf: 0.6, withoutKey: 0.1, binary: 0.1, delayed: 0.03, poison: 0.01, scopes: 3,
} as const

/** Shares of the requests, decided by message and attempt alone. */
export const RECEIVER = { fails: 0.02, slow: 0.005, slowMs: 600, slowSpreadMs: 300 } as const

/** Refused for good, at once. */
const POISON = '!'
/** Fails at every attempt. */
const HOPELESS = '?'

export function messageName(tx: string, number: number, poison: 'none' | 'refused' | 'hopeless'): string {
  return `${tx}.${number}${poison === 'none' ? '' : poison === 'refused' ? POISON : HOPELESS}`
}

export const isRefused = (name: string): boolean => name.endsWith(POISON)
export const isHopeless = (name: string): boolean => name.endsWith(HOPELESS)
export const isPoison = (name: string): boolean => isRefused(name) || isHopeless(name)

/** Of a message or a transaction. */
export function laneOf(name: string): Lane {
  return name.startsWith('m') ? 'mail' : 'orders'
}

/** FNV-1a as a share in [0, 1): luck that depends on the text alone. */
export function luckOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b)
  return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32
}

/** Where a relay kills itself. */
export const KILL_POINTS = [
  'after-claim', 'before-send', 'after-send', 'before-settle', 'mid-batch', 'during-renewal', 'during-drain',
] as const
export type KillPoint = (typeof KILL_POINTS)[number]

/** How long a message may take from its commit, or from the end of the last fault. */
export const RECOVERY_MS = 5_000
