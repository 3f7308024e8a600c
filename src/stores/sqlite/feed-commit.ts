/**
 * What changes a feed, in the caller's transaction.
 *
 * The row of the feed is moved on first; where that changes no row, nothing else is written. It says which numbers the
 * results get and which is the first that stays, so the rest is inserts and a delete of the range below that.
 *
 * What can interleave: another transaction cannot, once this one has the write lock, which it gets at the first of
 * these statements at the latest; SQLite refuses it then if anybody has committed since this transaction first read,
 * and that is TRANSACTION_ABORTED. Other commits of the same transaction come before or after, as long as each is
 * awaited: between two statements of one, another would find the feed moved on and write behind it, which is right too.
 */
import type { SqlRow, SqlSteps } from '../../core/sql.js'
import { MAX_ASSIGNED, orderedI64 } from '../../core/u64.js'
import type { FeedCommit, NewFeed, RowMutation } from '../../feeds/contract.js'
import type { FeedState } from '../../feeds/result.js'
import { emptyFeed, feedExhausted } from '../../feeds/ring.js'
import type { FeedStatements } from './feed-statements.js'
import { toState } from './feed-rows.js'
import { inBatches } from './row-batches.js'

type FeedId = bigint

export function* commitSteps(sql: FeedStatements, commit: FeedCommit): SqlSteps<FeedState | undefined> {
  const { feed, configHash, capacity, results, mutations } = commit
  const count = BigInt(results.length)
  const [row] = yield {
    text: sql.move,
    params: [count, count - BigInt(capacity) + 1n, capacity, feed, configHash, MAX_ASSIGNED - count],
  }
  if (row === undefined) return yield* refusal(sql, commit)
  const id = row['id'] as FeedId
  const state = stateOf(row, commit)
  // More than the ring holds: the first of them would leave at once.
  const kept = results.slice(Math.max(0, results.length - capacity))
  let sequence = state.sequence - BigInt(kept.length)
  for (const batch of inBatches(kept)) {
    yield {
      text: sql.putResults.get(batch.length) ?? '',
      params: batch.flatMap((data) => [id, orderedI64(sequence += 1n), data]),
    }
  }
  const isFull = state.first === state.sequence - BigInt(capacity) + 1n
  if (isFull && state.first > 1n) yield { text: sql.evict, params: [id, orderedI64(state.first)] }
  yield* mutateSteps(sql, id, mutations)
  return state
}

/** Made here, because spreading a row costs as much as a statement. */
function stateOf(row: SqlRow, { feed, configHash, capacity }: FeedCommit): FeedState {
  return {
    feed, configHash, capacity, incarnation: String(row['incarnation']), sequence: row['sequence'] as bigint,
    first: row['first'] as bigint,
  }
}

/** No signature twice. */
export function* mutateSteps(sql: FeedStatements, id: FeedId, mutations: readonly RowMutation[]): SqlSteps<void> {
  const gone = mutations.filter(({ data }) => data === undefined).map(({ signature }) => orderedI64(signature))
  const [first] = gone
  if (gone.length > 1) yield { text: sql.deleteRows, params: [id, JSON.stringify(gone.map(String))] }
  else if (first !== undefined) yield { text: sql.deleteRow, params: [id, first] }
  const put = mutations.flatMap(({ signature, data }) => (data === undefined ? [] : [{ signature, data }]))
  for (const batch of inBatches(put)) {
    yield {
      text: sql.putRows.get(batch.length) ?? '',
      params: batch.flatMap(({ signature, data }) => [id, orderedI64(signature), data]),
    }
  }
}

export function* openSteps(sql: FeedStatements, feed: NewFeed): SqlSteps<FeedState> {
  const [made] = yield { text: sql.open, params: newFeedParams(feed) }
  if (made !== undefined) return yield* emptySteps(sql, made, feed)
  const [row] = yield { text: sql.state, params: [feed.feed] }
  return toState(row ?? {})
}

export function* resetSteps(sql: FeedStatements, feed: NewFeed): SqlSteps<FeedState> {
  const [row] = yield { text: sql.reset, params: newFeedParams(feed) }
  return yield* emptySteps(sql, row ?? {}, feed)
}

export function* deleteSteps(sql: FeedStatements, feed: string): SqlSteps<boolean> {
  const [row] = yield { text: sql.delete, params: [feed] }
  if (row === undefined) return false
  yield* clearSteps(sql, row['id'] as FeedId)
  return true
}

/** The id that a log or rows are kept under, whether there is a feed or not. */
export function* keySteps(sql: FeedStatements, feed: string): SqlSteps<FeedId> {
  const [row] = yield { text: sql.makeKey, params: [feed, null, '', 0] }
  return row?.['id'] as FeedId
}

function newFeedParams({ feed, incarnation, configHash, capacity }: NewFeed) {
  return [feed, incarnation, configHash, capacity] as const
}

function* emptySteps(sql: FeedStatements, row: SqlRow, feed: NewFeed): SqlSteps<FeedState> {
  yield* clearSteps(sql, row['id'] as FeedId)
  return emptyFeed(feed)
}

function* clearSteps(sql: FeedStatements, id: FeedId): SqlSteps<void> {
  yield { text: sql.clearResults, params: [id] }
  yield { text: sql.clearRows, params: [id] }
}

/** @throws RANGE_EXHAUSTED, where it is that. */
function* refusal(sql: FeedStatements, { feed, configHash }: FeedCommit): SqlSteps<undefined> {
  const [row] = yield { text: sql.state, params: [feed] }
  if (row !== undefined && row['config_hash'] === configHash) throw feedExhausted(feed)
}
