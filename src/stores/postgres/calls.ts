/** The calls of a store that are under way, so that what they use is not closed under them. */
import { WaybillError } from '../../core/errors.js'

export class Calls {
  readonly #open = new Set<Promise<unknown>>()
  #closed = false

  get isClosed(): boolean {
    return this.#closed
  }

  /** @throws CLOSED. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new WaybillError('CLOSED', 'this store is closed')
    const call = work()
    this.#open.add(call)
    try {
      return await call
    } finally {
      this.#open.delete(call)
    }
  }

  /** Refuses later calls, and waits for those under way. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#open)
  }
}
