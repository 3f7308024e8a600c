/**
 * The lines of an ordered lane: the messages of one scope and key in enqueue order. Only the front of a line is
 * offered to claims, and nothing while one of the line is claimed or while a dead letter stands at the front.
 */
import type { ScopeId } from '../../core/scope.js'
import { Heap, type HeapItem } from './heap.js'
import type { StoredMessage } from './records.js'

interface Place extends HeapItem {
  readonly message: StoredMessage
  readonly line: Line
}

interface Line {
  readonly name: string
  /** All but the offered one. */
  readonly waiting: Heap<Place>
  offered: Place | undefined
  claimed: number
}

export class KeyLines {
  readonly #lines = new Map<string, Line>()
  readonly #places = new Map<StoredMessage, Place>()
  readonly #offer: (message: StoredMessage) => void
  readonly #withdraw: (message: StoredMessage) => void

  constructor(offer: (message: StoredMessage) => void, withdraw: (message: StoredMessage) => void) {
    this.#offer = offer
    this.#withdraw = withdraw
  }

  get isEmpty(): boolean {
    return this.#lines.size === 0
  }

  add(message: StoredMessage): void {
    const line = this.#lineOf(message)
    if (message.status === 'claimed') line.claimed += 1
    else {
      const place: Place = { message, line, heapIndex: -1 }
      this.#places.set(message, place)
      line.waiting.push(place)
    }
    this.#arrange(line)
  }

  remove(message: StoredMessage): void {
    const line = this.#lineOf(message)
    const place = this.#places.get(message)
    this.#places.delete(message)
    if (message.status === 'claimed') line.claimed -= 1
    else if (place !== undefined && place === line.offered) this.#takeBack(line)
    if (place !== undefined) line.waiting.remove(place)
    this.#arrange(line)
  }

  /** Offers nothing of this message's line until something in it changes. */
  hold(message: StoredMessage): void {
    this.#takeBack(this.#lineOf(message))
  }

  /** Those in line that are not offered. */
  * unoffered(scope: ScopeId | undefined): Iterable<StoredMessage> {
    for (const [message, { line }] of this.#places) {
      const isOffered = line.offered?.message === message
      if (!isOffered && (scope === undefined || message.scope === scope)) yield message
    }
  }

  #lineOf(message: StoredMessage): Line {
    const name = JSON.stringify([message.scope, message.draft.key])
    const line = this.#lines.get(name)
      ?? { name, waiting: new Heap<Place>(before), offered: undefined, claimed: 0 }
    this.#lines.set(name, line)
    return line
  }

  #arrange(line: Line): void {
    this.#takeBack(line)
    if (line.claimed > 0) return
    const front = line.waiting.peek()
    if (front === undefined) this.#lines.delete(line.name)
    else if (front.message.status === 'pending') {
      line.waiting.remove(front)
      line.offered = front
      this.#offer(front.message)
    }
  }

  #takeBack(line: Line): void {
    if (line.offered === undefined) return
    this.#withdraw(line.offered.message)
    line.waiting.push(line.offered)
    line.offered = undefined
  }
}

function before(a: Place, b: Place): boolean {
  return a.message.sequence < b.message.sequence
}
