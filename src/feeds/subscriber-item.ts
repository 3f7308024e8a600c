/** What a subscriber hands to its runner: results of one feed, or the order to take its snapshot. */
import type { Answer, Outcome, PulledBatch, RunnerItem } from '../runner/source.js'
import type { Checkpoint } from './checkpoints.js'
import type { LogEntry } from './contract.js'
import type { Tenure } from './subscriber-tenure.js'
import type { WorkingFeed } from './working-feed.js'

export interface ResultsItem extends RunnerItem {
  readonly kind: 'results'
  readonly working: WorkingFeed
  /** At least one, in order. */
  readonly entries: readonly LogEntry[]
  readonly first: bigint
  readonly last: bigint
  /** Of the feed. */
  readonly incarnation: string
}

export interface SnapshotItem extends RunnerItem {
  readonly kind: 'snapshot'
  readonly working: WorkingFeed
  readonly isReset: boolean
  /** What the rows were of that the handler has taken over. */
  taken: Checkpoint | undefined
}

export type SubscriberItem = ResultsItem | SnapshotItem

export function resultsItem(
  working: WorkingFeed, entries: readonly [LogEntry, ...LogEntry[]], incarnation: string, attempt: number,
): ResultsItem {
  const { key } = working.feed
  const [{ sequence: first }] = entries
  const last = first + BigInt(entries.length - 1)
  const bytes = entries.reduce((sum, { data }) => sum + data.byteLength, 0)
  // Results do not grow too old to be handled.
  const runner = { id: `${key}:${last}`, attempt, bytes, ageMs: 0, chain: key }
  return { kind: 'results', ...runner, working, entries, first, last, incarnation }
}

export function snapshotItem(working: WorkingFeed, isReset: boolean, attempt: number): SnapshotItem {
  const { key } = working.feed
  const runner = { id: `${key}:snapshot`, attempt, bytes: 0, ageMs: 0, chain: key }
  return { kind: 'snapshot', ...runner, working, isReset, taken: undefined }
}

export class SubscriberBatch implements PulledBatch<SubscriberItem> {
  readonly id: string
  readonly items: readonly SubscriberItem[]
  readonly tenure: Tenure
  readonly leaseMs: number
  readonly solo = false
  readonly #items: ReadonlyMap<string, SubscriberItem>
  readonly #answers = new Map<string, Answer>()

  constructor(tenure: Tenure, items: readonly SubscriberItem[], leaseMs: number) {
    this.id = String(tenure.term)
    this.tenure = tenure
    this.items = items
    this.leaseMs = leaseMs
    this.#items = new Map(items.map((item) => [item.id, item]))
  }

  /** Every item has its outcome. */
  get isDone(): boolean {
    return this.#answers.size === this.items.length
  }

  item(id: string): SubscriberItem | undefined {
    return this.#items.get(id)
  }

  /** Settling an item again answers the same and changes nothing. */
  settle(outcome: Outcome, now: number): Answer {
    const item = this.#items.get(outcome.id)
    const answered = this.#answers.get(outcome.id)
    if (item === undefined || answered !== undefined) return answered ?? 'lost_claim'
    const answer = item.working.settle(item, outcome, now)
    this.#answers.set(outcome.id, answer)
    return answer
  }
}
