/** How many messages wait, without asking the store each time: counting costs it more than delivering does. */
import type { Slot } from '../processes/slot.js'

export class QueueWatch {
  readonly #relays: readonly Slot[]
  /** By process; those that were killed keep what they told last. */
  readonly #accepted = new Map<string, number>()
  #enqueued = 0
  /** When it was counted: what waited, and what had been enqueued and accepted by then. */
  #counted = { waiting: 0, enqueued: 0, accepted: 0 }

  constructor(relays: readonly Slot[]) {
    this.#relays = relays
  }

  get enqueued(): number {
    return this.#enqueued
  }

  /** As far as it is known here. */
  get waiting(): number {
    const { waiting, enqueued, accepted } = this.#counted
    return waiting + (this.#enqueued - enqueued) - (this.#sumAccepted() - accepted)
  }

  add(messages: number): void {
    this.#enqueued += messages
  }

  /** What the store says, of a moment that is about to come: a count of what is enqueued meanwhile may be off. */
  async count(read: () => Promise<number>): Promise<void> {
    const [enqueued, accepted] = [this.#enqueued, this.#sumAccepted()]
    this.#counted = { waiting: await read(), enqueued, accepted }
  }

  #sumAccepted(): number {
    for (const { process } of this.#relays) this.#accepted.set(process.name, process.count('accepted'))
    return [...this.#accepted.values()].reduce((sum, count) => sum + count, 0)
  }
}
