/**
 * What a relay tells a heap of failures, beside its work and never in its way.
 *
 * A note is made when the store has answered the settle, so whatever the heap does, it changes no outcome, repeats no
 * delivery and stops nothing. Notes wait in a queue of at most 10,000; what comes on top is dropped, and told. Eight
 * calls are under way at a time, one per id, so the notes of one message arrive in their order. A call that takes
 * longer than 5 s is told as failed and not waited for any longer; it may still arrive, late and out of order.
 *
 * None of that needs to be exact. A failure that was not counted is counted at the next one. A success that was not:
 * the message has left its queue, so when it is drained nothing of that id waits, and nothing is moved.
 */
import { pause } from '../core/environment.js'
import { WaybillError } from '../core/errors.js'

/** What a relay needs of a heap; any `DlqHeap` is one. */
export interface FailureHeap {
  recordFailure(id: string, error?: string): Promise<void>
  recordSuccess(id: string): Promise<void>
}

/** A call of the heap that failed, took too long, or was not made. */
export interface HeapError {
  readonly operation: 'recordFailure' | 'recordSuccess'
  readonly id: string
  readonly error: unknown
}

export interface HeapNotesOptions {
  /** Default 10,000. */
  readonly maxWaiting?: number
  /** Default 5,000. */
  readonly callTimeoutMs?: number
}

interface Note {
  readonly operation: HeapError['operation']
  readonly error: string | undefined
}

const PARALLEL = 8
const MAX_WAITING = 10_000
const CALL_TIMEOUT_MS = 5_000

export class HeapNotes {
  readonly #heap: FailureHeap
  readonly #onError: (error: HeapError) => void
  readonly #maxWaiting: number
  readonly #callTimeoutMs: number
  /** In the order of their first note. */
  readonly #waiting = new Map<string, Note[]>()
  readonly #busy = new Set<string>()
  #count = 0
  #onRest: (() => void)[] = []
  readonly #closing = new AbortController()

  constructor(heap: FailureHeap, onError: (error: HeapError) => void, options: HeapNotesOptions = {}) {
    this.#heap = heap
    this.#onError = onError
    this.#maxWaiting = options.maxWaiting ?? MAX_WAITING
    this.#callTimeoutMs = options.callTimeoutMs ?? CALL_TIMEOUT_MS
  }

  failed(id: string, error: string): void {
    this.#add(id, { operation: 'recordFailure', error })
  }

  /** Delivered, or a dead letter: in either case nothing waits for another try. */
  left(id: string): void {
    this.#add(id, { operation: 'recordSuccess', error: undefined })
  }

  /** Resolves when no note is left, or after so long; what is left then is dropped. Nothing is noted any more. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#count > 0) {
      const rest = new Promise<void>((resolve) => {
        this.#onRest.push(resolve)
      })
      await Promise.race([rest, pause(timeoutMs, this.#closing.signal)])
    }
    this.#waiting.clear()
    this.#closing.abort()
  }

  #add(id: string, note: Note): void {
    if (this.#closing.signal.aborted) return
    if (this.#count >= this.#maxWaiting) {
      const error = new WaybillError('TIMEOUT', `not recorded, because ${this.#count} notes wait for the heap`)
      return this.#onError({ operation: note.operation, id, error })
    }
    this.#count += 1
    const notes = this.#waiting.get(id)
    if (notes === undefined) this.#waiting.set(id, [note])
    else notes.push(note)
    this.#pump()
  }

  #pump(): void {
    for (const [id, notes] of this.#waiting) {
      if (this.#busy.size >= PARALLEL) return
      // At most eight are passed over.
      if (this.#busy.has(id)) continue
      this.#waiting.delete(id)
      this.#busy.add(id)
      void this.#record(id, notes)
    }
  }

  async #record(id: string, notes: readonly Note[]): Promise<void> {
    for (const note of notes) {
      if (this.#closing.signal.aborted) return
      try {
        await this.#inTime(this.#call(id, note))
      } catch (error) {
        this.#onError({ operation: note.operation, id, error })
      }
      this.#count -= 1
    }
    this.#busy.delete(id)
    this.#pump()
    if (this.#count === 0) for (const resolve of this.#onRest.splice(0)) resolve()
  }

  async #call(id: string, { operation, error }: Note): Promise<void> {
    if (operation === 'recordFailure') await this.#heap.recordFailure(id, error)
    else await this.#heap.recordSuccess(id)
  }

  async #inTime(call: Promise<void>): Promise<void> {
    const done = new AbortController()
    const ended = call.finally(() => done.abort())
    ended.catch(() => undefined)
    const late = pause(this.#callTimeoutMs, AbortSignal.any([done.signal, this.#closing.signal])).then(() => {
      if (done.signal.aborted || this.#closing.signal.aborted) return ended
      throw new WaybillError('TIMEOUT', `the heap has not answered in ${this.#callTimeoutMs} ms`)
    })
    await Promise.race([ended, late])
  }
}
