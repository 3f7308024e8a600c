/**
 * A connection has one transaction at a time, so what wants to write takes turns, first come first served.
 */
import { WaybillError } from '../../core/errors.js'

export class Turns {
  #taken = false
  readonly #waiting = new Set<() => void>()

  /**
   * Resolves when it is the caller's turn, with the function that ends it.
   * @throws TRANSACTION_ABORTED after `timeoutMs`: a transaction of this process is still open.
   */
  take(timeoutMs: number): Promise<() => void> {
    if (!this.#taken) {
      this.#taken = true
      return Promise.resolve(this.#end)
    }
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        clearTimeout(timer)
        resolve(this.#end)
      }
      const timer = setTimeout(() => {
        this.#waiting.delete(begin)
        reject(new WaybillError('TRANSACTION_ABORTED',
          `another transaction of this store has been open for ${timeoutMs} ms`, { retryable: true }))
      }, timeoutMs)
      this.#waiting.add(begin)
    })
  }

  readonly #end = (): void => {
    for (const next of this.#waiting) {
      this.#waiting.delete(next)
      return next()
    }
    this.#taken = false
  }
}
