/** The journal's fault run in numbers. */
export const PUBLISHER = 'chaos'

/** Who runs beside each other, each a process. */
export const PRODUCERS = 4
export const PUBLISHERS = 4
export const RECEIVERS = 2

/** Pages are small, so that a stream often goes on in the next one while this one is not answered. */
export const BATCH = 25
export const CONCURRENCY = 10
export const SAVE_EVERY = 20
export const SAVE_EVERY_MS = 50
/** The lane under which events are counted in the application's table. */
export const LANE = 'journal'

/**
 * Shares of the transactions. A stream has no more events than can be published one after another. A transaction that
 * commits late has streams of its own, or whoever else appends to them would wait for it.
 */
export const PRODUCER = {
  streams: 200, zipf: 0.6, mostStreams: 3, mostEvents: 8, inTwoCalls: 0.3, binary: 0.1, poison: 0.005,
  aborts: 0.05, failingStatement: 0.02, expects: 0.15, withKey: 0.4, repeats: 0.1,
  late: 0.04, lateStreams: 8,
} as const

/** How long a late transaction stays open. On SQLite nobody else can write meanwhile. */
export const LATE_MS = { postgres: { least: 200, most: 3_000 }, sqlite: { least: 20, most: 120 } } as const

/** Where a publisher kills itself. */
export const KILL_POINTS = [
  'after-take', 'before-publish', 'after-publish', 'before-save', 'after-save', 'during-stop',
] as const
export type KillPoint = (typeof KILL_POINTS)[number]
