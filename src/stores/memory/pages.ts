/**
 * Messages by sequence, for `get` and `list`. Transactions commit in any order, so a sorted array would
 * shift; pages of 256 sequences keep an insert anywhere cheap and iteration in order.
 */
import type { StoredMessage } from './records.js'

const PAGE_SIZE = 256

interface Page {
  readonly slots: (StoredMessage | undefined)[]
  used: number
}

export class Pages {
  readonly #pages = new Map<number, Page>()
  /** Ascending. */
  readonly #numbers: number[] = []

  get(sequence: number): StoredMessage | undefined {
    return this.#pages.get(Math.floor(sequence / PAGE_SIZE))?.slots[sequence % PAGE_SIZE]
  }

  add(message: StoredMessage): void {
    const page = this.#page(Math.floor(message.sequence / PAGE_SIZE))
    page.slots[message.sequence % PAGE_SIZE] = message
    page.used += 1
  }

  delete(sequence: number): void {
    const number = Math.floor(sequence / PAGE_SIZE)
    const page = this.#pages.get(number)
    if (page?.slots[sequence % PAGE_SIZE] === undefined) return
    page.slots[sequence % PAGE_SIZE] = undefined
    page.used -= 1
    if (page.used > 0) return
    this.#pages.delete(number)
    this.#numbers.splice(this.#place(number), 1)
  }

  /** In order, strictly after. */
  *after(sequence: number): Generator<StoredMessage> {
    for (let at = this.#place(Math.floor((sequence + 1) / PAGE_SIZE)); at < this.#numbers.length; at += 1) {
      for (const message of this.#pages.get(this.#numbers[at] ?? -1)?.slots ?? []) {
        if (message !== undefined && message.sequence > sequence) yield message
      }
    }
  }

  #page(number: number): Page {
    const known = this.#pages.get(number)
    if (known !== undefined) return known
    const page: Page = { slots: Array.from({ length: PAGE_SIZE }, () => undefined), used: 0 }
    this.#pages.set(number, page)
    this.#numbers.splice(this.#place(number), 0, number)
    return page
  }

  /** The index of the first page number that is at least this. */
  #place(number: number): number {
    let [low, high] = [0, this.#numbers.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#numbers[middle] ?? 0) < number) low = middle + 1
      else high = middle
    }
    return low
  }
}
