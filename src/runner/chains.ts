/**
 * Who stands behind whom: the items of one chain start one after another, whichever open batch each came in.
 *
 *     batch 1   a1 b1 a2        a1, b1 and c1 may start; behind a1 wait a2, a3 and a4, in this order
 *     batch 2   a3 c1 a4
 *
 * A chain has a front, which may start or is under way, and those behind it, in the order of the pulls. A front that is
 * delivered makes way for the next. When a front ends otherwise, or an item is given back, the chain breaks there:
 * all behind are taken out, in every batch, because they would overtake. A front that is under way stays when the
 * chain breaks behind it.
 *
 * A break lasts until the source has answered for all that failed or was given back. Pulls of a source that gives
 * chains in pages may be under way when a chain breaks, and come back with what follows; until the answers, the source
 * does not know that it has to keep that back. For the failure alone is not enough: when that item is dead, the source
 * may go on behind it, and must know by then that the next one was not tried. What comes after the answers is the
 * source's new start. A source whose chains wait for answers (`Source.chainsAwaitAnswers`) cannot have pulled what
 * follows, and may give the next of a chain before we hear its answer: there, breaks are not remembered.
 *
 * Memory: one entry for each chain that has a front, and one for each broken chain with outcomes that wait for answers.
 */
import { Queue } from './queue.js'
import type { OwnedItem } from './ready-items.js'
import type { RunnerItem } from './source.js'

export class Chains<Owner, Item extends RunnerItem> {
  private readonly remembersBreaks: boolean
  /** Of each chain that has a front, those behind it; null where nobody ever was. */
  private readonly behind = new Map<string, Queue<OwnedItem<Owner, Item>> | null>()
  /** Of each broken chain, how many of its items were not delivered and are not answered. */
  private readonly breaks = new Map<string, number>()

  constructor(remembersBreaks: boolean) {
    this.remembersBreaks = remembersBreaks
  }

  isBroken(chain: string): boolean {
    return this.breaks.size > 0 && this.breaks.has(chain)
  }

  /** Puts an item at the end of its chain. True when that is the front. */
  join(chain: string, owner: Owner, item: Item): boolean {
    const behind = this.behind.get(chain)
    if (behind === undefined) {
      this.behind.set(chain, null)
      return true
    }
    const queue = behind ?? new Queue<OwnedItem<Owner, Item>>()
    if (behind === null) this.behind.set(chain, queue)
    queue.push({ owner, item })
    return false
  }

  /** The front was delivered. The one that is the front now. */
  goOn(chain: string): OwnedItem<Owner, Item> | undefined {
    const next = this.behind.get(chain)?.take()
    if (next === undefined) this.behind.delete(chain)
    return next
  }

  /** The front is neither delivered nor under way any more. All that were behind it. */
  breakAtFront(chain: string): readonly OwnedItem<Owner, Item>[] {
    const behind = this.behind.get(chain)?.takeFrom(() => true) ?? []
    this.behind.delete(chain)
    return behind
  }

  /** Those behind the front from the first of this owner on. */
  breakBehind(chain: string, owner: Owner): readonly OwnedItem<Owner, Item>[] {
    return this.behind.get(chain)?.takeFrom((one) => one.owner === owner) ?? []
  }

  /** An item of the chain failed or goes back. */
  notDelivered(chain: string): void {
    if (this.remembersBreaks) this.breaks.set(chain, (this.breaks.get(chain) ?? 0) + 1)
  }

  /** The source knows what became of such an item, or the claim of it was lost. */
  answered(chain: string): void {
    const left = (this.breaks.get(chain) ?? 0) - 1
    if (left > 0) this.breaks.set(chain, left)
    else this.breaks.delete(chain)
  }

  clear(): void {
    this.behind.clear()
    this.breaks.clear()
  }
}
