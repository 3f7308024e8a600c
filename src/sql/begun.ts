/** The transactions that a store has begun for callers of the client itself, and whose work has not ended. */
import type { SqlExecutor } from '../core/sql.js'

export class BegunTransactions {
  readonly #executors = new WeakMap<object, SqlExecutor>()

  async run<T>(executor: SqlExecutor, handle: object, work: (handle: object) => Promise<T>): Promise<T> {
    this.#executors.set(handle, executor)
    try {
      return await work(handle)
    } finally {
      // The same client may be lent again, to somebody who begins by himself.
      this.#executors.delete(handle)
    }
  }

  /** One that refuses what comes behind the end of its transaction. Undefined for those that others have begun. */
  executorOf(handle: object): SqlExecutor | undefined {
    return this.#executors.get(handle)
  }
}
