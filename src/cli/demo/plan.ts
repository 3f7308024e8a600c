/** What the demo does, in numbers. */
import { join } from 'node:path'

/** Everything the receiver does wrong, as shares of the requests. */
export const RECEIVER_FAULTS = {
  /** Answers 500. */
  fails: 0.05,
  /** Answers nothing until long after the sender has given up. */
  hangs: 0.002,
  /** Accepts, and answers after the sender has given up: the sender cannot know, so it sends again. */
  answersLate: 0.001,
} as const

/** Shares of the orders. */
export const SHOP_FAULTS = {
  /** The transaction is rolled back after the message was enqueued. */
  rollsBack: 0.05,
  /** The receiver does not deliver there, whatever is tried. */
  shipsToNowhere: 0.01,
} as const

export const NOWHERE = 'Atlantis'
export const ORDERS_PER_SECOND = { least: 200, most: 400 } as const
/** How long a killed relay's messages wait for the next one. */
export const LEASE_MS = 2_000
export const DELIVERY_TIMEOUT_MS = 1_000
export const LATE_ANSWER_MS = 3_000
/** How long the relay gets for what is left when the shop has closed. */
export const DRAIN_WITHIN_MS = 60_000

export interface Paths {
  readonly folder: string
  readonly database: string
  /** What the receiver accepted, a line of JSON each. */
  readonly receiverLog: string
}

export function pathsIn(folder: string): Paths {
  return { folder, database: join(folder, 'shop.db'), receiverLog: join(folder, 'receiver.jsonl') }
}

export interface ShopSettings {
  readonly database: string
}

export interface RelaySettings {
  readonly database: string
  readonly port: number
  /** Which start of the relay this is, from 1. */
  readonly run: number
}

export interface ReceiverSettings {
  readonly log: string
}

/** A line of the receiver's log. */
export interface Reception {
  readonly order: string
  readonly message: string
  readonly run: number
  readonly answeredLate: boolean
}

/** When to kill the relay, in ms from the start: at least twice, each at a random moment of its part. */
export function killMoments(seconds: number, random: () => number): number[] {
  const count = Math.max(2, Math.round(seconds / 5))
  const [from, until] = [0.1 * seconds * 1_000, 0.9 * seconds * 1_000]
  const part = (until - from) / count
  return Array.from({ length: count }, (_, index) => from + (index + random()) * part)
}
