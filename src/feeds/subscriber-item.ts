/** What a subscriber hands to its runner: results of one feed, or the order to take its snapshot. */
import type { Answer, Outcome, RunnerItem } from '../runner/source.js'
import type { Checkpoint } from './checkpoints.js'
import type { LogEntry } from './contract.js'
import type { AnyFeed } from './feed.js'

/** What an item is of. */
export interface ItemFeed {
  readonly feed: AnyFeed
  settle(item: SubscriberItem, outcome: Outcome, now: number): Answer
}

export interface ResultsItem extends RunnerItem {
  readonly kind: 'results'
  readonly working: ItemFeed
  /** At least one, in order. */
  readonly entries: readonly LogEntry[]
  readonly first: bigint
  readonly last: bigint
  /** Of the feed. */
  readonly incarnation: string
}

export interface SnapshotItem extends RunnerItem {
  readonly kind: 'snapshot'
  readonly working: ItemFeed
  readonly isReset: boolean
  /** What the rows were of that the handler has taken over. */
  taken: Checkpoint | undefined
}

export type SubscriberItem = ResultsItem | SnapshotItem

export function resultsItem(
  working: ItemFeed, entries: readonly [LogEntry, ...LogEntry[]], incarnation: string, attempt: number,
): ResultsItem {
  const { key } = working.feed
  const [{ sequence: first }] = entries
  const last = first + BigInt(entries.length - 1)
  const bytes = entries.reduce((sum, { data }) => sum + data.byteLength, 0)
  // Results do not grow too old to be handled.
  const runner = { id: `${key}:${last}`, attempt, bytes, ageMs: 0, chain: key }
  return { kind: 'results', ...runner, working, entries, first, last, incarnation }
}

export function snapshotItem(working: ItemFeed, isReset: boolean, attempt: number): SnapshotItem {
  const { key } = working.feed
  const runner = { id: `${key}:snapshot`, attempt, bytes: 0, ageMs: 0, chain: key }
  return { kind: 'snapshot', ...runner, working, isReset, taken: undefined }
}
