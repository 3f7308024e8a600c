/** What a subscriber's process says of itself and its feeds. */
import type { WaybillError } from '../core/errors.js'
import type { AnyFeed } from './feed.js'
import type { Tenure } from './subscriber-tenure.js'
import type { WorkingFeed } from './working-feed.js'

/**
 * - `following`: results are delivered as they come.
 * - `waiting`: the next item failed and is tried again.
 * - `snapshot`: the rows are to be taken first.
 * - `unknown`: the feed is not there yet, or another process is the subscriber.
 * - `failed`: nothing more of it is delivered.
 */
export type SubscribedState = 'following' | 'waiting' | 'snapshot' | 'unknown' | 'failed'

export interface SubscribedFeedStatus {
  readonly feed: AnyFeed
  readonly state: SubscribedState
  /** Every result up to it was handled; undefined while that is not known. */
  readonly sequence: bigint | undefined
  /** Failed tries of the next item. */
  readonly attempts: number
  readonly error: string | undefined
  readonly retryInMs: number
}

export interface SubscriberStatus {
  /** Undefined while another process is the subscriber, or nobody. */
  readonly term: bigint | undefined
  readonly feeds: readonly SubscribedFeedStatus[]
}

export interface FeedLag {
  readonly feed: AnyFeed
  /** Undefined where nothing is known: no feed, or no checkpoint. */
  readonly results: bigint | undefined
}

export interface SubscriberLag {
  /** Of all feeds of which it is known. */
  readonly results: bigint
  readonly feeds: readonly FeedLag[]
}

export function subscriberStatus(
  feeds: readonly AnyFeed[], tenure: Tenure | undefined, failures: ReadonlyMap<AnyFeed, WaybillError>, now: number,
): SubscriberStatus {
  return {
    term: tenure?.term,
    feeds: feeds.map((feed) => {
      const working = workingOf(tenure, feed)
      const { hold, checkpoint } = working ?? {}
      const failure = failures.get(feed)
      return {
        feed, state: failure === undefined ? stateOf(working) : 'failed', sequence: checkpoint?.sequence,
        attempts: hold?.attempts ?? 0, error: failure?.message ?? hold?.error,
        retryInMs: Math.max(0, (hold?.dueAt ?? now) - now),
      }
    }),
  }
}

/** Where the checkpoint is of another incarnation, all that the feed has is to come. */
export async function subscriberLag(feeds: readonly AnyFeed[], tenure: Tenure | undefined): Promise<SubscriberLag> {
  const lags = await Promise.all(feeds.map(async (feed): Promise<FeedLag> => {
    const checkpoint = workingOf(tenure, feed)?.checkpoint
    const state = checkpoint && await feed.store.state(feed.key)
    if (checkpoint === undefined || state === undefined) return { feed, results: undefined }
    const isSame = state.incarnation === checkpoint.incarnation && state.sequence >= checkpoint.sequence
    return { feed, results: state.sequence - (isSame ? checkpoint.sequence : 0n) }
  }))
  return { feeds: lags, results: lags.reduce((sum, { results = 0n }) => sum + results, 0n) }
}

function stateOf(working: WorkingFeed | undefined): SubscribedState {
  if (working?.snapshot !== undefined) return 'snapshot'
  if (working?.hold !== undefined) return 'waiting'
  return working?.checkpoint === undefined ? 'unknown' : 'following'
}

function workingOf(tenure: Tenure | undefined, feed: AnyFeed): WorkingFeed | undefined {
  return tenure?.feeds.find((working) => working.feed === feed)
}
