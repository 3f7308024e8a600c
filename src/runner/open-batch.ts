/**
 * What the runner holds of one batch, from the pull until every item is answered: the lease that says whether its
 * items may be started, the settler that takes their outcomes, and the items whose turn has not come.
 *
 * Items of one chain follow each other: only the first of a chain may start, and each that is delivered lets the
 * next one start.
 */
import type { Lease } from './lease.js'
import type { PulledBatch, RunnerItem } from './source.js'
import type { Settler } from './settle.js'

export class OpenBatch<Batch extends PulledBatch<Item>, Item extends RunnerItem> {
  readonly batch: Batch
  readonly pulledAt: number
  readonly lease: Lease
  readonly settler: Settler<Item>
  /** Those that may start, until the batch is admitted. */
  private firsts: readonly Item[]
  /** Of each chain, those behind the one that may start or is under way. */
  private readonly chains = new Map<string, Item[]>()

  constructor(batch: Batch, pulledAt: number, lease: Lease, settler: Settler<Item>) {
    this.batch = batch
    this.pulledAt = pulledAt
    this.lease = lease
    this.settler = settler
    this.firsts = batch.items.filter((item) => this.isFirst(item))
  }

  get firstCount(): number {
    return this.firsts.length
  }

  get hasChains(): boolean {
    return this.chains.size > 0
  }

  takeFirsts(): readonly Item[] {
    const { firsts } = this
    this.firsts = []
    return firsts
  }

  /** The next of a chain, taken out. */
  takeNext(chain: string): Item | undefined {
    return this.chains.get(chain)?.shift()
  }

  /** All that are left of a chain, or of every chain. */
  takeBehind(chain?: string): readonly Item[] {
    if (chain !== undefined) return this.chains.get(chain)?.splice(0) ?? []
    return [...this.chains.keys()].flatMap((each) => this.takeBehind(each))
  }

  private isFirst(item: Item): boolean {
    if (item.chain === undefined) return true
    const behind = this.chains.get(item.chain)
    if (behind === undefined) this.chains.set(item.chain, [])
    else behind.push(item)
    return behind === undefined
  }
}
