/** One stream in memory: its committed events, and the transaction that is adding to them. */
import type { StreamRead } from '../../journal/contract.js'
import type { JournalEvent, StreamName } from '../../journal/event.js'
import type { MemoryTransaction } from './transaction.js'

/** An event, and where it is in the log. */
export interface LoggedEvent {
  readonly event: JournalEvent
  readonly place: number
}

export class MemoryStream {
  readonly name: StreamName
  /** Scope and name in the order of their bytes; a scope holds no control characters. */
  readonly order: Buffer
  /** Committed, by number: they are dense behind those that were removed. */
  readonly #events: LoggedEvent[] = []
  #removed = 0
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
    return BigInt(this.#removed + this.#events.length)
  }

  add(event: LoggedEvent): void {
    this.#events.push(event)
  }

  hold(transaction: MemoryTransaction): void {
    this.holder = transaction
    this.#open += 1
  }

  release(): void {
    this.#open -= 1
    if (this.#open === 0) this.holder = undefined
  }

  read({ from, to, deleted, limit }: Omit<StreamRead, keyof StreamName>): JournalEvent[] {
    const first = deleted || from > this.deletedTo ? from : this.deletedTo + 1n
    if (first > this.highest || to < first) return []
    const start = Math.max(Number(first) - 1 - this.#removed, 0)
    const end = to < this.highest ? Number(to) - this.#removed : this.#events.length
    return this.#events.slice(start, Math.min(end, start + limit)).map(({ event }) => event)
  }

  deleteTo(sequence: bigint): void {
    const last = sequence < this.highest ? sequence : this.highest
    if (last > this.deletedTo) this.deletedTo = last
  }

  /** Answers those that were there. */
  removeTo(sequence: bigint): readonly LoggedEvent[] {
    this.deleteTo(sequence)
    return this.pruneTo(sequence)
  }

  /** The same, and none becomes deleted by it. */
  pruneTo(sequence: bigint): readonly LoggedEvent[] {
    const last = sequence < this.highest ? Number(sequence) : Number(this.highest)
    const removed = this.#events.splice(0, Math.max(last - this.#removed, 0))
    this.#removed += removed.length
    return removed
  }
}

export function streamOrder({ scope, stream }: StreamName): Buffer {
  return Buffer.from(`${scope}\u0000${stream}`)
}
