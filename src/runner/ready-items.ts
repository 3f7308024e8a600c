/**
 * The items that may start, in turns: one of each group, then the second of each. So the many items of one tenant do
 * not stand before the few of another that were pulled after them.
 */
import type { RunnerItem } from './source.js'

interface Ready<Owner, Item> {
  readonly owner: Owner
  readonly item: Item
}

export class ReadyItems<Owner, Item extends RunnerItem> {
  /** Groups with items, the one whose turn it is first. None is empty. */
  private readonly groups = new Map<string | undefined, Queue<Ready<Owner, Item>>>()

  push(owner: Owner, item: Item): void {
    const queue = this.groups.get(item.group)
    if (queue !== undefined) return queue.push({ owner, item })
    const added = new Queue<Ready<Owner, Item>>()
    added.push({ owner, item })
    this.groups.set(item.group, added)
  }

  /** Whose turn it is, left in place. */
  peek(): Ready<Owner, Item> | undefined {
    const [queue] = this.groups.values()
    return queue?.peek()
  }

  /** Takes out what `peek` shows. */
  take(): void {
    const [turn] = this.groups
    if (turn === undefined) return
    const [group, queue] = turn
    queue.take()
    if (this.groups.size === 1 && queue.size > 0) return
    this.groups.delete(group)
    if (queue.size > 0) this.groups.set(group, queue)
  }

  /** Takes out all items of one owner. */
  takeAllOf(owner: Owner): readonly Item[] {
    const taken: Item[] = []
    for (const [group, queue] of [...this.groups]) {
      taken.push(...queue.takeIf((ready) => ready.owner === owner).map(({ item }) => item))
      if (queue.size === 0) this.groups.delete(group)
    }
    return taken
  }

  clear(): void {
    this.groups.clear()
  }
}

/** First in, first out, in amortised constant time. */
class Queue<T> {
  private items: T[] = []
  private next = 0

  get size(): number {
    return this.items.length - this.next
  }

  push(item: T): void {
    this.items.push(item)
  }

  peek(): T | undefined {
    return this.items[this.next]
  }

  take(): void {
    this.next += 1
    if (this.next < 64 || this.next * 2 < this.items.length) return
    this.items = this.items.slice(this.next)
    this.next = 0
  }

  takeIf(test: (item: T) => boolean): T[] {
    const all = this.items.slice(this.next)
    this.items = all.filter((item) => !test(item))
    this.next = 0
    return all.filter(test)
  }
}
