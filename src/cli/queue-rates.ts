/**
 * Rates between two looks at the counts. Counts are of what is stored, so what was delivered and removed between
 * two looks is in neither: a rate is a lower bound, and null where more was removed than came.
 */
import type { QueueState } from './queues.js'

export interface RatedQueue extends QueueState {
  readonly enqueuedPerSecond: number | null
  readonly deliveredPerSecond: number | null
}

export class QueueRates {
  #before: { readonly atMs: number; readonly queues: ReadonlyMap<string, QueueState> } | undefined

  /** `atMs` by a clock that never jumps. The first look has no rates. */
  look(queues: readonly QueueState[], atMs: number): RatedQueue[] {
    const before = this.#before
    this.#before = { atMs, queues: new Map(queues.map((queue) => [nameOf(queue), queue])) }
    if (before === undefined || atMs <= before.atMs) return queues.map((queue) => rated(queue, null, null))
    const seconds = (atMs - before.atMs) / 1_000
    return queues.map((queue) => {
      const old = before.queues.get(nameOf(queue))
      const rate = (count: (of: QueueState) => number): number | null => {
        const grown = count(queue) - (old === undefined ? 0 : count(old))
        return grown < 0 ? null : Math.round((grown / seconds) * 10) / 10
      }
      return rated(queue, rate(total), rate(({ delivered }) => delivered))
    })
  }
}

function rated(queue: QueueState, enqueuedPerSecond: number | null, deliveredPerSecond: number | null): RatedQueue {
  return { ...queue, enqueuedPerSecond, deliveredPerSecond }
}

function nameOf(queue: QueueState): string {
  return JSON.stringify([queue.lane, queue.target])
}

function total({ ready, scheduled, claimed, delivered, deadLetter }: QueueState): number {
  return ready + scheduled + claimed + delivered + deadLetter
}
