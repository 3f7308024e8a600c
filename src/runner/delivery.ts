/**
 * One try of one item.
 *
 * It ends once: when the deliver function settles, or when its time is over, whichever is first. At the
 * timeout the signal is aborted and the try has failed, also when the function goes on regardless; what
 * it does after that is its own affair, and its retry may overlap it. When the runner may wait no
 * longer, the try is abandoned: the signal is aborted and nobody is told how it ends.
 *
 * Most functions never look at the signal, so it is made when it is first asked for.
 */
import { WaybillError } from '../core/errors.js'
import type { Deliver, DeliverContext, RunnerItem } from './source.js'

/** `failed` tells apart a success from a function that threw undefined. */
export type OnEnd<Item extends RunnerItem> =
  (delivery: Delivery<Item>, failed: boolean, thrown: unknown) => void

export class Delivery<Item extends RunnerItem> {
  readonly item: Item
  readonly startedAt: number
  private readonly context: LazyContext
  private readonly onEnd: OnEnd<Item>
  private ended = false

  constructor(item: Item, claimToken: string, startedAt: number, onEnd: OnEnd<Item>) {
    this.item = item
    this.startedAt = startedAt
    this.context = new LazyContext(claimToken)
    this.onEnd = onEnd
  }

  /** Never throws and leaves no rejection behind. */
  begin(deliver: Deliver<Item>): void {
    try {
      const result = deliver(this.item, this.context)
      if (result === undefined) this.end(false, undefined)
      else result.then(() => this.end(false, undefined), (thrown: unknown) => this.end(true, thrown))
    } catch (thrown) {
      this.end(true, thrown)
    }
  }

  timeOut(timeoutMs: number): void {
    const error = new WaybillError('TIMEOUT', `the delivery took longer than ${timeoutMs} ms`, {
      retryable: true, details: { timeoutMs },
    })
    this.end(true, error)
    this.context.abort(error)
  }

  abandon(): void {
    this.ended = true
    this.context.abort(new WaybillError('CLOSED', 'the runner was stopped before the delivery ended'))
  }

  private end(failed: boolean, thrown: unknown): void {
    if (this.ended) return
    this.ended = true
    this.onEnd(this, failed, thrown)
  }
}

class LazyContext implements DeliverContext {
  readonly claimToken: string
  #controller: AbortController | undefined
  #reason: WaybillError | undefined

  constructor(claimToken: string) {
    this.claimToken = claimToken
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  abort(reason: WaybillError): void {
    this.#reason = reason
    this.#controller?.abort(reason)
  }
}
