/**
 * What the runner holds of one batch, from the pull until every item is answered: the lease that says whether its
 * items may be started, the settler that takes their outcomes, and, until the batch is admitted, the items that may
 * start then. Items behind others of their chain are not here: `Chains` has them, of all batches.
 */
import type { OnEnd } from './delivery.js'
import type { Lease } from './lease.js'
import type { PulledBatch, RunnerItem } from './source.js'
import type { Settler } from './settle.js'

export class OpenBatch<Batch extends PulledBatch<Item>, Item extends RunnerItem> {
  readonly batch: Batch
  readonly pulledAt: number
  readonly lease: Lease
  readonly settler: Settler<Item>
  readonly hasChains: boolean
  readonly onEnd: OnEnd<Item>
  isAdmitted = false
  private firsts: Item[] = []

  constructor(batch: Batch, pulledAt: number, lease: Lease, settler: Settler<Item>, onEnd: OnEnd<Item>) {
    this.batch = batch
    this.pulledAt = pulledAt
    this.lease = lease
    this.settler = settler
    this.onEnd = onEnd
    this.hasChains = batch.items.some(({ chain }) => chain !== undefined)
  }

  /** Each once. */
  chainNames(): ReadonlySet<string> {
    const names = new Set<string>()
    if (this.hasChains) for (const { chain } of this.batch.items) if (chain !== undefined) names.add(chain)
    return names
  }

  /** Items that may start when the batch is admitted. */
  get firstCount(): number {
    return this.firsts.length
  }

  addFirst(item: Item): void {
    this.firsts.push(item)
  }

  takeFirsts(): readonly Item[] {
    const { firsts } = this
    this.firsts = []
    return firsts
  }
}
