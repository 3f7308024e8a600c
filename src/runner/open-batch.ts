/**
 * What the runner holds of one batch, from the pull until every item is answered: the items not yet
 * started, the lease that says whether they may be, and the settler that takes their outcomes.
 *
 * Items of one chain follow each other: only the first of a chain is ready, and each that is delivered makes the
 * next one ready.
 */
import type { Lease } from './lease.js'
import type { PulledBatch, RunnerItem } from './source.js'
import type { Settler } from './settle.js'

export class OpenBatch<Batch extends PulledBatch<Item>, Item extends RunnerItem> {
  readonly batch: Batch
  readonly pulledAt: number
  readonly lease: Lease
  readonly settler: Settler<Item>
  private readonly items: Item[]
  /** Of each chain, those behind the one that is ready or under way. */
  private readonly chains = new Map<string, Item[]>()
  private next = 0

  constructor(batch: Batch, pulledAt: number, lease: Lease, settler: Settler<Item>) {
    this.batch = batch
    this.pulledAt = pulledAt
    this.lease = lease
    this.settler = settler
    this.items = batch.items.filter((item) => this.isFirst(item))
  }

  /** How many may be started now. */
  get ready(): number {
    return this.items.length - this.next
  }

  /** The next item to start, left in place. */
  peek(): Item | undefined {
    return this.items[this.next]
  }

  skip(): void {
    this.next += 1
  }

  /** One of a chain is delivered: true when another became ready. */
  follow(chain: string): boolean {
    const follower = this.chains.get(chain)?.shift()
    if (follower !== undefined) this.items.push(follower)
    return follower !== undefined
  }

  /** Takes out those behind one of a chain. */
  takeChain(chain: string): readonly Item[] {
    return this.chains.get(chain)?.splice(0) ?? []
  }

  /** Takes out whatever has not been started. */
  takeUnstarted(): { readonly ready: readonly Item[]; readonly behind: readonly Item[] } {
    const ready = this.items.slice(this.next)
    this.next = this.items.length
    return { ready, behind: [...this.chains.keys()].flatMap((chain) => this.takeChain(chain)) }
  }

  private isFirst(item: Item): boolean {
    if (item.chain === undefined) return true
    const behind = this.chains.get(item.chain)
    if (behind === undefined) this.chains.set(item.chain, [])
    else behind.push(item)
    return behind === undefined
  }
}
