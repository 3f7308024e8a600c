/**
 * When what has happened is written: one write of a part at a time, not sooner than `saveEveryMs` after the one before
 * unless `saveEvery` items wait for it. What a part is, and what is written of it, is the caller's.
 */

/** What is saved as one. */
export interface Saveable {
  /** When it was written last, by the saver's clock. */
  readonly savedAt: number
  /** How many items a write would be for. */
  readonly unsaved: number
}

export interface SaverPorts<Part extends Saveable> {
  readonly saveEvery: number
  readonly saveEveryMs: number
  readonly now: () => number
  /** Writes what is unsaved, if anything. One call of a part at a time. @param isFull as `save` was told. */
  readonly write: (part: Part, isFull: boolean) => Promise<void>
}

interface Waiting {
  readonly promise: Promise<void>
  go(): void
}

export class Saver<Part extends Saveable> {
  readonly #ports: SaverPorts<Part>
  /** The latest write of each part. Never rejects. */
  readonly #writes = new WeakMap<Part, Promise<unknown>>()
  readonly #waiting = new Map<Part, Waiting>()
  #isHurried = false

  constructor(ports: SaverPorts<Part>) {
    this.#ports = ports
  }

  /** Resolves when all that has happened to the part is stored, or when it is lost; rejects as the write does. */
  due(part: Part): Promise<void> {
    const { saveEvery, saveEveryMs, now } = this.#ports
    const inMs = part.savedAt + saveEveryMs - now()
    if (this.#isHurried || inMs <= 0 || part.unsaved >= saveEvery) return this.save(part)
    return this.#later(part, inMs).promise
  }

  /** Within `saveEveryMs`. What fails is written with the next. */
  soon(part: Part): void {
    const waiting = this.#later(part, this.#ports.saveEveryMs)
    waiting.promise.catch(() => undefined)
  }

  async save(part: Part, isFull = false): Promise<void> {
    this.#waiting.get(part)?.go()
    const before = this.#writes.get(part) ?? Promise.resolve()
    const mine = before.then(() => this.#ports.write(part, isFull))
    this.#writes.set(part, mine.catch(() => undefined))
    await mine
  }

  /** Nothing waits any more. */
  hurry(): void {
    this.#isHurried = true
    for (const waiting of [...this.#waiting.values()]) waiting.go()
  }

  #later(part: Part, inMs: number): Waiting {
    const waiting = this.#waiting.get(part)
    if (waiting !== undefined) return waiting
    let go = (): void => undefined
    const promise = new Promise<void>((resolve) => {
      const timer = setTimeout(() => made.go(), inMs)
      go = () => {
        clearTimeout(timer)
        this.#waiting.delete(part)
        resolve()
      }
    }).then(() => this.save(part))
    const made: Waiting = { promise, go: () => go() }
    this.#waiting.set(part, made)
    return made
  }
}
