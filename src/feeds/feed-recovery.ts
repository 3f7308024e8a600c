/** Results that are gone before they were delivered: how they are found, told and answered for. */
import { WaybillError } from '../core/errors.js'
import type { Checkpoint } from './checkpoints.js'
import type { AnyFeed } from './feed.js'
import type { FeedState } from './result.js'

/**
 * What to do when results are gone that were not delivered, because later ones took their place or the feed began anew:
 * - `strict`: nothing more of this feed is delivered; `subscriber.failures` has the error.
 * - `auto_reset`: `onSnapshot` gets all rows, with `isReset`.
 * - `auto_skip_gap`: go on with the first result that is kept. `onGap` is told what is lost.
 */
export type RecoveryPolicy = 'strict' | 'auto_reset' | 'auto_skip_gap'

/**
 * - `evicted`: later results took their place.
 * - `reset`: the feed began anew, was made anew, or has another configuration.
 * - `rewound`: the feed is behind the checkpoint, as after its database was restored from a backup.
 */
export type GapReason = 'evicted' | 'reset' | 'rewound'

/** Numbers, both ends included. */
export interface LostRange {
  readonly from: bigint
  readonly to: bigint
}

export interface GapReport {
  readonly feed: AnyFeed
  readonly reason: GapReason
  /** What the subscriber's policy makes of it. */
  readonly action: 'stopped' | 'reset' | 'skipped'
  /** Up to here results were handled, of the incarnation that the subscriber knew. */
  readonly requested: bigint
  /** Of the feed's first result that is kept; `latest + 1` when none is. */
  readonly earliest: bigint
  readonly latest: bigint
  /**
   * Of the feed as it is now, the results that are not delivered one by one; undefined when there are none, or when
   * it went back. What came behind `requested` before the feed began anew is lost besides, and nobody knows how much
   * that was.
   */
  readonly lost: LostRange | undefined
}

/** Undefined when the results behind a number are there, or are still to come. */
export function gapBehind(
  { incarnation, configHash }: Checkpoint, after: bigint, state: FeedState,
): GapReason | undefined {
  if (state.incarnation !== incarnation || state.configHash !== configHash) return 'reset'
  if (state.sequence < after) return 'rewound'
  return after + 1n < state.first ? 'evicted' : undefined
}

export function gapReport(
  feed: AnyFeed, reason: GapReason, requested: bigint, state: FeedState, recovery: RecoveryPolicy,
): GapReport {
  const from = reason === 'evicted' ? requested + 1n : 1n
  // Those who take a snapshot get the rows of all that is there.
  const to = recovery === 'auto_reset' ? state.sequence : state.first - 1n
  return {
    feed, reason, requested, earliest: state.first, latest: state.sequence, action: ACTIONS[recovery],
    lost: reason !== 'rewound' && from <= to ? { from, to } : undefined,
  }
}

const ACTIONS = { strict: 'stopped', auto_reset: 'reset', auto_skip_gap: 'skipped' } as const

export function gapError({ feed, reason, requested, earliest, latest }: GapReport): WaybillError {
  const what = { evicted: 'lost results', reset: 'began anew', rewound: 'went back' }[reason]
  const has = `feed '${feed.name}' ${what} behind ${requested}: it has ${earliest} to ${latest}`
  return new WaybillError('FEED_GAP', `${has}. Recover by 'auto_reset' or 'auto_skip_gap', or forget the subscriber`, {
    details: {
      feed: feed.name, reason, requested: String(requested), earliest: String(earliest), latest: String(latest),
    },
  })
}
