/** The feeds' fault run in numbers. */
import type { RecoveryPolicy, SubscriberStart } from 'waybill'
import type { ProducerCommand } from '../processes/producing.js'

/** How many results each keeps. The small ones lose some whenever a subscriber is away for longer than a moment. */
export const CAPACITIES: Readonly<Record<string, number>> = { calm: 100_000, narrow: 12, wide: 25 }
/** In this order within a transaction, so that no two wait for each other. */
export const FEEDS = Object.keys(CAPACITIES)
/** These begin anew now and then, and are made anew. */
export const RENEWED = ['narrow', 'wide'] as const

export interface Role {
  /** Begins the names of its processes. */
  readonly letter: string
  readonly start: SubscriberStart
  readonly recovery: RecoveryPolicy
  readonly feeds: readonly string[]
  readonly inBatches: boolean
}

/** By subscriber id. Each is several processes, of which one is active. Who is strict follows what loses nothing. */
export const ROLES: Readonly<Record<string, Role>> = {
  strict: { letter: 't', start: 'head', recovery: 'strict', feeds: ['calm'], inBatches: false },
  resetting: { letter: 'a', start: 'snapshot', recovery: 'auto_reset', feeds: FEEDS, inBatches: false },
  skipping: { letter: 'k', start: 'earliest', recovery: 'auto_skip_gap', feeds: FEEDS, inBatches: true },
}

/** Who runs beside each other, each a process. */
export const PRODUCERS = 3
export const PROCESSES_OF_A_ROLE = 2
export const RECEIVERS = 2

/** Pages are small, so that handlers work on one while the next is read. */
export const BATCH = 30
export const BATCHING = { minSize: 1, maxSize: 8, maxWaitMs: 10 } as const
export const SAVE_EVERY = 10
export const SAVE_EVERY_MS = 50
/** The lane under which results are counted in the application's table. */
export const LANE = 'feeds'

/** Shares of the transactions, and the most of each that one has. */
export const PRODUCER = {
  keys: 60, mostFeeds: 2, mostResults: 3, mostChanges: 4, deletes: 0.25, noops: 0.15, onlyNoops: 0.04,
  aborts: 0.05, failingStatement: 0.02, resets: 0.02, removals: 0.008, mostBootstrapped: 20,
} as const

/** Where a producer kills itself. Without transactions the first is when the commit was sent. */
export const PRODUCER_POINTS = ['after-feed-commit', 'before-commit', 'after-commit'] as const
/** Where a subscriber kills itself. Only who takes snapshots comes to the last one. */
export const SUBSCRIBER_POINTS = [
  'after-take', 'after-page', 'before-handler', 'after-handler', 'before-save', 'after-save', 'during-stop',
  'during-snapshot',
] as const
export type ProducerPoint = (typeof PRODUCER_POINTS)[number]
export type SubscriberPoint = (typeof SUBSCRIBER_POINTS)[number]
export type KillPoint = ProducerPoint | SubscriberPoint
export type FeedProducerCommand = ProducerCommand | { readonly kind: 'arm'; readonly point?: ProducerPoint }
