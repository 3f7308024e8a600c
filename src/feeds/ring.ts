/** What becomes of a feed's numbers, the same in every store that computes them outside of its database. */
import { WaybillError } from '../core/errors.js'
import { MAX_ASSIGNED } from '../core/u64.js'
import type { FeedCommit, NewFeed } from './contract.js'
import type { FeedState } from './result.js'

export function emptyFeed({ feed, incarnation, configHash, capacity }: NewFeed): FeedState {
  return { feed, incarnation, configHash, capacity, sequence: 0n, first: 1n }
}

/** @throws RANGE_EXHAUSTED. */
export function afterCommit(before: FeedState, { results, capacity }: FeedCommit): FeedState {
  const sequence = before.sequence + BigInt(results.length)
  if (sequence > MAX_ASSIGNED) throw feedExhausted(before.feed)
  const oldest = sequence - BigInt(capacity) + 1n
  return { ...before, capacity, sequence, first: oldest > before.first ? oldest : before.first }
}

export function feedExhausted(feed: string): WaybillError {
  return new WaybillError('RANGE_EXHAUSTED', 'the feed has given its last number: reset it', { details: { feed } })
}
