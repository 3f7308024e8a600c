/**
 * When the progress of a part is written: one write of a part at a time, not sooner than `saveEveryMs` after the one
 * before unless `saveEvery` events wait for it.
 */
import type { PublisherSettings } from './publisher-options.js'
import type { WorkingPart } from './publisher-part.js'
import type { Progress } from './working-parts.js'

export interface PartSaverPorts {
  readonly progress: Progress
  readonly settings: PublisherSettings
  readonly now: () => number
  /** The term is over: somebody else has the part. */
  readonly onStale: (part: WorkingPart) => void
}

interface Waiting {
  readonly promise: Promise<void>
  go(): void
}

export class PartSaver {
  readonly #ports: PartSaverPorts
  /** The latest write of each part. Never rejects. */
  readonly #writes = new WeakMap<WorkingPart, Promise<unknown>>()
  readonly #waiting = new Map<WorkingPart, Waiting>()
  #isHurried = false

  constructor(ports: PartSaverPorts) {
    this.#ports = ports
  }

  /** Resolves when all that has happened to the part is stored, or when it is lost; rejects as the store does. */
  due(part: WorkingPart): Promise<void> {
    const { saveEvery, saveEveryMs } = this.#ports.settings
    const inMs = part.savedAt + saveEveryMs - this.#ports.now()
    if (this.#isHurried || inMs <= 0 || part.unsaved >= saveEvery) return this.save(part)
    return this.#later(part, inMs).promise
  }

  /** Within `saveEveryMs`. What fails is written with the next. */
  soon(part: WorkingPart): void {
    const waiting = this.#later(part, this.#ports.settings.saveEveryMs)
    waiting.promise.catch(() => undefined)
  }

  async save(part: WorkingPart, alsoMoved = false): Promise<void> {
    this.#waiting.get(part)?.go()
    const before = this.#writes.get(part) ?? Promise.resolve()
    const mine = before.then(() => this.#write(part, alsoMoved))
    this.#writes.set(part, mine.catch(() => undefined))
    await mine
  }

  /** Nothing waits any more. */
  hurry(): void {
    this.#isHurried = true
    for (const waiting of [...this.#waiting.values()]) waiting.go()
  }

  #later(part: WorkingPart, inMs: number): Waiting {
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

  async #write(part: WorkingPart, alsoMoved: boolean): Promise<void> {
    if (part.isLost) return
    const { progress, settings, now, onStale } = this.#ports
    const unsaved = part.takeUnsaved(now(), alsoMoved)
    if (unsaved === undefined) return
    let answers: readonly boolean[]
    try {
      answers = await progress.save({ publisher: settings.name, parts: [unsaved.progress] })
    } catch (error) {
      unsaved.restore()
      throw error
    }
    if (answers[0] !== true) onStale(part)
  }
}
