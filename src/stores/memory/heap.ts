/** A binary heap whose items know their place, so that one can be moved or taken out in O(log n). */

export interface HeapItem {
  /** Written by the one heap that holds the item; -1 outside. */
  heapIndex: number
}

export class Heap<T extends HeapItem> {
  readonly #items: T[] = []
  readonly #before: (a: T, b: T) => boolean

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#items.length
  }

  peek(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    this.#items.push(item)
    this.#rise(item, this.#items.length - 1)
  }

  remove(item: T): void {
    const last = this.#items.pop()
    if (last !== undefined && last !== item) {
      last.heapIndex = item.heapIndex
      this.moved(last)
    }
    item.heapIndex = -1
  }

  /** Restores the order after what `item` is compared by has changed. */
  moved(item: T): void {
    this.#rise(item, item.heapIndex)
    this.#sink(item, item.heapIndex)
  }

  /** How many items pass a test that every item before a passing one passes too. Visits only those. */
  countFront(test: (item: T) => boolean): number {
    let count = 0
    const open = [0]
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const item = this.#items[at]
      if (item === undefined || !test(item)) continue
      count += 1
      open.push(2 * at + 1, 2 * at + 2)
    }
    return count
  }

  #rise(item: T, from: number): void {
    let index = from
    while (index > 0) {
      const parent = this.#items[(index - 1) >> 1]
      if (parent === undefined || !this.#before(item, parent)) break
      this.#put(parent, index)
      index = (index - 1) >> 1
    }
    this.#put(item, index)
  }

  #sink(item: T, from: number): void {
    let index = from
    for (;;) {
      const left = this.#items[2 * index + 1]
      const right = this.#items[2 * index + 2]
      const child = right !== undefined && left !== undefined && this.#before(right, left) ? right : left
      if (child === undefined || !this.#before(child, item)) break
      const next = child === left ? 2 * index + 1 : 2 * index + 2
      this.#put(child, index)
      index = next
    }
    this.#put(item, index)
  }

  #put(item: T, index: number): void {
    this.#items[index] = item
    item.heapIndex = index
  }
}
