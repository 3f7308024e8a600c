/** What one pull of a subscriber has found, under the term of then. */
import type { Answer, Outcome, PulledBatch } from '../runner/source.js'
import type { SubscriberItem } from './subscriber-item.js'
import type { Tenure } from './subscriber-tenure.js'

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
