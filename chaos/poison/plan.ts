/** The run with poison in numbers, and what a message's name says of it. */
import type { LaneDeclarations } from 'waybill'

/** A dead letter does not close its key, so whatever is not poison can be delivered. */
export const LANES = { work: { ordering: 'skip' } } as const satisfies LaneDeclarations
export const LANE = 'work'
export const TARGET = 'sink'
export const KEYS = 1_000

/**
 * So many wait at a time: enough for all relays. Behind a longer queue a retry waits for what was due before it, with
 * its key closed, and what is passed over costs twice: then it is the queue's length that is measured.
 */
export const WAITING = 800

/** Each a process. */
export const RELAYS = 4
export const PROCESSORS = 2
export const BATCH = 20
export const CONCURRENCY = 20

/**
 * What the destination takes for one message, when nothing is wrong with it: as a webhook does. All places of the fleet
 * are taken then, and the machine has time to spare. Behind a destination that takes nothing, it is the time of two
 * cores that is measured, which relays, database and this run share.
 */
export const WORK_MS = 100
/** What hangs occupies its place for so long at each attempt. */
export const TIMEOUT_MS = 400
/** The destination takes no more. */
export const MOST_BYTES = 32_768

/** Above what the heap bears, so that quarantine comes first. */
export const MAX_ATTEMPTS = 40
/** How often a message ends its process before it is given up: in company, and then alone. */
export const KILLS_EACH = 3
export const HEAP = 'chaos'
/** Failures in a row. */
export const THRESHOLD = 3
export const TICK_MS = 1_000
/** What a processor that was killed has drained comes back after so long. */
export const DRAIN_LEASE_MS = 1_500

/** What is permanent says, by which its dead letters are known. */
export const REFUSAL = 'there is no such customer'

/** `throws`: as any bug does. `oversized`: more than the destination takes, which it says each time it is asked. */
export const POISONS = ['throws', 'hangs', 'permanent', 'oversized', 'kills'] as const
export type Poison = (typeof POISONS)[number]

/** Where a processor of dead letters kills itself. */
export const KILL_POINTS = ['before-quarantine', 'after-quarantine'] as const
export type KillPoint = (typeof KILL_POINTS)[number]

/**
 * Of the load, each delivered before the next begins. Clean ones are what the poisoned are compared with; the first
 * part, of empty tables and cold processes, is compared with nothing.
 */
export type Part = 'first' | `clean${number}` | `poisoned${number}`

/** They take turns, so that a machine that is slower for a while is so for both. */
export function partsOf(rounds: number): readonly Part[] {
  const pairs = Array.from({ length: rounds }, (_, round): Part[] => [`clean${round}`, `poisoned${round}`]).flat()
  return ['first', ...pairs, `clean${rounds}`]
}

export const isPoisoned = (part: Part): boolean => part.startsWith('poisoned')
export const isClean = (part: Part): boolean => part.startsWith('clean')

export function nameOf(part: Part, number: number, poison?: Poison): string {
  return [part, number, ...(poison === undefined ? [] : [poison])].join('.')
}

export function poisonOf(name: string): Poison | undefined {
  return POISONS.find((poison) => name.endsWith(`.${poison}`))
}

export const partOf = (name: string): Part => name.slice(0, name.indexOf('.')) as Part
