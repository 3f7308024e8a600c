/**
 * A transaction in memory: what it writes is staged, and seen by others when it commits.
 *
 * Any number may be open at once. Where one needs something that another holds, it waits for the other's
 * end, as it would on a database's unique index; of two that would wait for each other, and of those that
 * wait too long, one is aborted.
 */
import { WaybillError } from '../../core/errors.js'

const MAX_WAIT_MS = 5_000

export interface StagedWrite {
  /** At commit: makes it visible. */
  publish(): void
  /** At rollback: frees what it holds. */
  discard(): void
}

export class MemoryTransaction {
  #writes: StagedWrite[] = []
  #open = true
  /** Why it cannot be used any more, when it did not simply end. */
  #failure: WaybillError | undefined
  readonly #waitingFor = new Set<MemoryTransaction>()
  readonly #onEnd = new Set<() => void>()

  /** Made by `MemoryOutboxStore.begin`. */
  constructor(onEnd: (transaction: MemoryTransaction) => void) {
    this.#onEnd.add(() => onEnd(this))
  }

  /** @throws NOT_IN_TRANSACTION when it has ended; TRANSACTION_ABORTED, CLOSED. */
  async commit(): Promise<void> {
    this.assertOpen()
    for (const write of this.#writes) write.publish()
    this.#end()
  }

  /** Without effect when it has ended. */
  async rollback(): Promise<void> {
    if (!this.#open) return
    this.#undo(0)
    this.#end()
  }

  /** A mark to return to: undoes what was written since, and only that. */
  async savepoint(): Promise<{ rollback(): Promise<void> }> {
    this.assertOpen()
    const mark = this.#writes.length
    return {
      rollback: async () => {
        this.assertOpen()
        this.#undo(mark)
      },
    }
  }

  stage(write: StagedWrite): void {
    this.assertOpen()
    this.#writes.push(write)
  }

  /** Rolls back, and lets every later use throw `failure`. */
  abort(failure: WaybillError): void {
    if (!this.#open) return
    this.#failure = failure
    this.#undo(0)
    this.#end()
  }

  assertOpen(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (!this.#open) throw new WaybillError('NOT_IN_TRANSACTION', 'the transaction has ended')
  }

  /** Resolves when `other` has ended. @throws TRANSACTION_ABORTED on a wait cycle or after 5 s. */
  async waitFor(other: MemoryTransaction): Promise<void> {
    if (other.#waitsFor(this)) this.abort(aborted('two transactions wait for each other'))
    this.assertOpen()
    this.#waitingFor.add(other)
    const inTime = await other.#ended()
    this.#waitingFor.delete(other)
    if (!inTime) this.abort(aborted(`another transaction held what this one needs for ${MAX_WAIT_MS} ms`))
    this.assertOpen()
  }

  #waitsFor(other: MemoryTransaction): boolean {
    return this === other || [...this.#waitingFor].some((next) => next.#waitsFor(other))
  }

  #ended(): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        resolve(true)
      }
      const timer = setTimeout(() => {
        this.#onEnd.delete(done)
        resolve(false)
      }, MAX_WAIT_MS)
      this.#onEnd.add(done)
    })
  }

  /** The latest write first. */
  #undo(mark: number): void {
    for (const write of this.#writes.splice(mark).reverse()) write.discard()
  }

  #end(): void {
    this.#open = false
    this.#writes = []
    for (const wake of this.#onEnd) wake()
    this.#onEnd.clear()
  }
}

/** @throws NOT_IN_TRANSACTION when this is no transaction of a memory store, or it has ended. */
export function assertUsable(tx: unknown): asserts tx is MemoryTransaction {
  if (!(tx instanceof MemoryTransaction)) {
    throw new WaybillError('NOT_IN_TRANSACTION', 'the memory store takes a transaction from its transaction()')
  }
  tx.assertOpen()
}

function aborted(message: string): WaybillError {
  return new WaybillError('TRANSACTION_ABORTED', message, { retryable: true })
}
