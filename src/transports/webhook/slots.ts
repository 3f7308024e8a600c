/** How many may be under way for a key at a time; the others wait in the order they came. */
import { abortReason } from './failure.js'

interface Gate {
  free: number
  /** A set, so that one that is aborted can leave the middle of the line. */
  readonly waiting: Set<() => void>
}

export class Slots {
  readonly #limit: number
  readonly #gates = new Map<string, Gate>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Runs `work` when there is room. @throws the signal's reason when that comes first. */
  async within<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const gate = this.#gates.get(key) ?? { free: this.#limit, waiting: new Set() }
    this.#gates.set(key, gate)
    if (gate.free > 0) gate.free -= 1
    else await turn(gate, signal)
    try {
      return await work()
    } finally {
      const [next] = gate.waiting
      if (next !== undefined) next()
      else gate.free += 1
      if (gate.free === this.#limit) this.#gates.delete(key)
    }
  }
}

/** Resolves when a slot was handed over. */
function turn(gate: Gate, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      gate.waiting.delete(take)
      signal.removeEventListener('abort', giveUp)
    }
    const take = (): void => {
      leave()
      resolve()
    }
    const giveUp = (): void => {
      leave()
      reject(abortReason(signal))
    }
    if (signal.aborted) return reject(abortReason(signal))
    gate.waiting.add(take)
    signal.addEventListener('abort', giveUp, { once: true })
  })
}
