/**
 * The order of first deliveries, as they come. The numbers of a stream are dense, so all that is before an event is
 * known by its number alone: nothing needs to be remembered but how far each stream is.
 *
 * An event is passed when it was accepted, or refused for the last time. One that became a dead letter and whose last
 * attempt never reached the receiver passes in the end, by its dead letter.
 */
import type { ReceivedEvent } from './events.js'

interface StreamState {
  /** The lowest number that is not passed. */
  next: number
  /** Beyond `next`. */
  readonly passed: Set<number>
  /** The highest number that was received. */
  highest: number
}

export interface Overtaken {
  readonly stream: string
  /** Not passed when the other came. */
  readonly sequence: number
  readonly by: ReceivedEvent
}

export class Streams {
  /** At most one of each number that was overtaken. */
  readonly overtaken: Overtaken[] = []
  readonly #streams = new Map<string, StreamState>()
  readonly #reported = new Set<string>()

  received(event: ReceivedEvent, isPassed: boolean): void {
    const state = this.#streams.get(event.stream) ?? { next: 1, passed: new Set(), highest: 0 }
    this.#streams.set(event.stream, state)
    if (event.sequence > state.highest) this.#first(event, state)
    state.highest = Math.max(state.highest, event.sequence)
    if (!isPassed || event.sequence < state.next) return
    state.passed.add(event.sequence)
    while (state.passed.delete(state.next)) state.next += 1
  }

  /** Whether something before it had not passed. */
  #first(by: ReceivedEvent, { next, passed }: StreamState): void {
    for (let sequence = next; sequence < by.sequence; sequence += 1) {
      const name = `${by.stream}:${sequence}`
      if (passed.has(sequence) || this.#reported.has(name)) continue
      this.#reported.add(name)
      this.overtaken.push({ stream: by.stream, sequence, by })
    }
  }
}
