/** First in, first out, in amortised constant time. */
export class Queue<T> {
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

  take(): T | undefined {
    const taken = this.items[this.next]
    this.next = Math.min(this.next + 1, this.items.length)
    if (this.next >= 64 && this.next * 2 >= this.items.length) {
      this.items = this.items.slice(this.next)
      this.next = 0
    }
    return taken
  }

  /** Takes out those that pass the test, in order. */
  takeIf(test: (item: T) => boolean): T[] {
    const all = this.items.slice(this.next)
    this.items = all.filter((item) => !test(item))
    this.next = 0
    return all.filter(test)
  }

  /** Takes out the first that passes the test, and all after it. */
  takeFrom(test: (item: T) => boolean): T[] {
    const all = this.items.slice(this.next)
    const first = all.findIndex(test)
    if (first === -1) return []
    this.items = all.slice(0, first)
    this.next = 0
    return all.slice(first)
  }
}
