/**
 * The items that may start, in turns: one of each group, then the second of each. So the many items of one tenant do
 * not stand before the few of another that were pulled after them.
 */
import { Queue } from './queue.js'
import type { RunnerItem } from './source.js'

/** An item and the batch it was pulled in. */
export interface OwnedItem<Owner, Item> {
  readonly owner: Owner
  readonly item: Item
}

interface Turn<T> {
  readonly group: string | undefined
  readonly queue: Queue<T>
}

export class ReadyItems<Owner, Item extends RunnerItem> {
  /** Groups with items, the one whose turn it is first. None is empty. */
  private readonly groups = new Map<string | undefined, Queue<OwnedItem<Owner, Item>>>()
  /** The first of them, once asked for, so that not every item makes two iterators over the map. */
  private front: Turn<OwnedItem<Owner, Item>> | undefined

  push(owner: Owner, item: Item): void {
    const queue = this.groups.get(item.group)
    if (queue !== undefined) return queue.push({ owner, item })
    const added = new Queue<OwnedItem<Owner, Item>>()
    added.push({ owner, item })
    this.groups.set(item.group, added)
  }

  /** Whose turn it is, left in place. */
  peek(): OwnedItem<Owner, Item> | undefined {
    return this.turn()?.queue.peek()
  }

  /** Takes out what `peek` shows. */
  take(): void {
    const turn = this.turn()
    if (turn === undefined) return
    const { group, queue } = turn
    queue.take()
    if (this.groups.size === 1 && queue.size > 0) return
    this.groups.delete(group)
    this.front = undefined
    if (queue.size > 0) this.groups.set(group, queue)
  }

  /** Takes out all items of one owner. */
  takeAllOf(owner: Owner): readonly Item[] {
    const taken: Item[] = []
    for (const [group, queue] of [...this.groups]) {
      taken.push(...queue.takeIf((ready) => ready.owner === owner).map(({ item }) => item))
      if (queue.size === 0) this.groups.delete(group)
    }
    this.front = undefined
    return taken
  }

  clear(): void {
    this.groups.clear()
    this.front = undefined
  }

  private turn(): Turn<OwnedItem<Owner, Item>> | undefined {
    if (this.front === undefined) for (const [group, queue] of this.groups) return this.front = { group, queue }
    return this.front
  }
}
