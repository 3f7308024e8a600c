/** One stream in memory: its committed events, and the transaction that is adding to them. */
import type { JournalEvent, StreamName } from '../../journal/event.js'
import type { MemoryTransaction } from './transaction.js'

export class MemoryStream {
  readonly name: StreamName
  /** Scope and name in the order of their bytes; a scope holds no control characters. */
  readonly order: Buffer
  /** Committed, by number: they are dense. */
  readonly events: JournalEvent[] = []
  /** The last number given, also by the transaction that holds the stream. */
  last = 0n
  deletedTo = 0n
  holder: MemoryTransaction | undefined
  /** How many appends of the holder are neither published nor undone. */
  #open = 0

  constructor(name: StreamName) {
    this.name = name
    this.order = streamOrder(name)
  }

  /** The last number given by a committed append. */
  get highest(): bigint {
    return BigInt(this.events.length)
  }

  hold(transaction: MemoryTransaction): void {
    this.holder = transaction
    this.#open += 1
  }

  release(): void {
    this.#open -= 1
    if (this.#open === 0) this.holder = undefined
  }

  read(from: bigint, to: bigint, limit: number): JournalEvent[] {
    const first = from > this.deletedTo ? from : this.deletedTo + 1n
    if (first > this.highest || to < first) return []
    const start = Number(first) - 1
    const end = to < this.highest ? Number(to) : this.events.length
    return this.events.slice(start < 0 ? 0 : start, Math.min(end, Math.max(start, 0) + limit))
  }

  deleteTo(sequence: bigint): void {
    const last = sequence < this.highest ? sequence : this.highest
    if (last > this.deletedTo) this.deletedTo = last
  }
}

export function streamOrder({ scope, stream }: StreamName): Buffer {
  return Buffer.from(`${scope}\u0000${stream}`)
}
