/**
 * One result log in memory: bytes by number, and the numbers in order. Numbers come at the end and go at the front, so
 * both are cheap; the place of what has gone is given back now and then.
 */
import type { LogEntry } from '../../feeds/contract.js'

export class MemoryLog {
  readonly #results = new Map<bigint, Uint8Array>()
  /** Ascending, from `#start` on. */
  #numbers: bigint[] = []
  #start = 0

  get size(): number {
    return this.#results.size
  }

  get last(): bigint | undefined {
    return this.size === 0 ? undefined : this.#numbers.at(-1)
  }

  put(sequence: bigint, data: Uint8Array): void {
    if (!this.#results.has(sequence)) {
      const { last } = this
      if (last === undefined || sequence > last) this.#numbers.push(sequence)
      else this.#numbers.splice(this.#placeOf(sequence), 0, sequence)
    }
    this.#results.set(sequence, data)
  }

  /** Strictly behind `after`. */
  read(after: bigint, limit: number): LogEntry[] {
    const from = this.#placeOf(after + 1n)
    return this.#numbers.slice(from, from + limit).map((sequence) => (
      { sequence, data: new Uint8Array(this.#results.get(sequence) ?? []) }))
  }

  /** Takes out what is below a number. */
  dropBelow(sequence: bigint): void {
    const end = this.#placeOf(sequence)
    for (let place = this.#start; place < end; place += 1) this.#results.delete(this.#numbers[place] ?? 0n)
    this.#start = end
    if (2 * this.#start < this.#numbers.length) return
    this.#numbers = this.#numbers.slice(this.#start)
    this.#start = 0
  }

  clear(): void {
    this.#results.clear()
    this.#numbers = []
    this.#start = 0
  }

  /** All numbers, ascending. */
  numbers(): bigint[] {
    return this.#numbers.slice(this.#start)
  }

  /** Of the first number that is at least this. */
  #placeOf(sequence: bigint): number {
    let [low, high] = [this.#start, this.#numbers.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#numbers[middle] ?? 0n) < sequence) low = middle + 1
      else high = middle
    }
    return low
  }
}
