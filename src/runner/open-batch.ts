/**
 * What the runner holds of one batch, from the pull until every item is answered: the items not yet
 * started, the lease that says whether they may be, and the settler that takes their outcomes.
 */
import type { Lease } from './lease.js'
import type { PulledBatch, RunnerItem } from './source.js'
import type { Settler } from './settle.js'

export class OpenBatch<Batch extends PulledBatch<Item>, Item extends RunnerItem> {
  readonly batch: Batch
  readonly pulledAt: number
  readonly lease: Lease
  readonly settler: Settler<Item>
  private next = 0

  constructor(batch: Batch, pulledAt: number, lease: Lease, settler: Settler<Item>) {
    this.batch = batch
    this.pulledAt = pulledAt
    this.lease = lease
    this.settler = settler
  }

  get unstarted(): number {
    return this.batch.items.length - this.next
  }

  /** The next item to start, left in place. */
  peek(): Item | undefined {
    return this.batch.items[this.next]
  }

  skip(): void {
    this.next += 1
  }

  /** Takes out whatever has not been started. */
  takeUnstarted(): readonly Item[] {
    const items = this.batch.items.slice(this.next)
    this.next = this.batch.items.length
    return items
  }
}
