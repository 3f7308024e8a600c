/** What one claim takes: counted per line, and in the end oldest first without changing the order of a line. */
import type { StoredMessage } from './records.js'

interface Turn {
  readonly message: StoredMessage
  /** Its time, but not before that of the one in front of it. */
  readonly at: number
}

export class Turns {
  readonly #turns: Turn[] = []
  readonly #lines = new Map<string, { at: number; size: number }>()

  get size(): number {
    return this.#turns.length
  }

  /** How many of its line this claim has now. */
  take(message: StoredMessage, isInLine: boolean): number {
    const line = isInLine ? this.#lineOf(message) : { at: 0, size: 0 }
    line.at = Math.max(line.at, message.availableAt)
    line.size += 1
    this.#turns.push({ message, at: line.at })
    return isInLine ? line.size : 0
  }

  oldestFirst(): readonly StoredMessage[] {
    return this.#turns.sort((a, b) => a.at - b.at || a.message.sequence - b.message.sequence)
      .map(({ message }) => message)
  }

  #lineOf({ scope, draft }: StoredMessage): { at: number; size: number } {
    const name = JSON.stringify([scope, draft.key])
    const line = this.#lines.get(name) ?? { at: 0, size: 0 }
    this.#lines.set(name, line)
    return line
  }
}
