/** Waits until what a pull has handed out has begun. A pull that began before somebody waits does not count. */
import type { SubscriberItem } from './subscriber-item.js'

export class FlushWatch {
  #waiting: (() => void) | undefined
  readonly #pending = new Set<SubscriberItem>()

  /** Resolves when all items of the next pull have begun or were settled, or when it finds none. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = resolve
    })
  }

  pullBegins(): boolean {
    return this.#waiting !== undefined
  }

  /** @param isAwaited as `pullBegins` answered. */
  pullEnds(isAwaited: boolean, items: readonly SubscriberItem[]): void {
    if (!isAwaited) return
    for (const item of items) this.#pending.add(item)
    this.#check()
  }

  began(item: SubscriberItem | undefined): void {
    if (item !== undefined && this.#pending.delete(item)) this.#check()
  }

  #check(): void {
    if (this.#pending.size === 0) this.#waiting?.()
  }
}
