/**
 * How whoever follows something comes to its end: once, because it was stopped, because a signal was aborted, or
 * because it cannot go on.
 *
 *     stop, signal or failure ─► before ─► the runner stops ─► close
 *     └── all within timeoutMs, or until a second stop: then nothing is waited for any more ──┘
 *
 * It never rejects for what happens meanwhile. What cannot be given back in time is taken by others when its lease is
 * over.
 */
import type { WaybillError } from '../core/errors.js'
import { DEFAULT_STOP_TIMEOUT_MS, stopTimeoutMs } from './options.js'
import type { StopResult } from './runner.js'

export interface StopOptions {
  /** How long it may take. Default 30,000. */
  readonly timeoutMs?: number | undefined
}

export interface EndingPorts {
  readonly runner: { stop(options: StopOptions): Promise<StopResult> }
  /** What is to be done while the runner still runs. */
  readonly before: () => unknown
  /** Gives everything back. */
  readonly close: () => Promise<unknown>
  readonly now: () => number
  readonly signal: AbortSignal | undefined
}

export class Ending {
  readonly #ports: EndingPorts
  #failure: WaybillError | undefined
  #stopping: Promise<StopResult> | undefined
  #stops = 0
  /** Aborted: nothing is waited for. */
  readonly #halted = new AbortController()
  readonly #onAbort = (): void => void this.#end(DEFAULT_STOP_TIMEOUT_MS)

  constructor(ports: EndingPorts) {
    this.#ports = ports
    if (ports.signal?.aborted === true) this.#onAbort()
    else ports.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  get hasBegun(): boolean {
    return this.#stopping !== undefined
  }

  /** The first reason why it cannot go on. */
  get failure(): WaybillError | undefined {
    return this.#failure
  }

  /** It cannot go on. True when this is the first reason. */
  fail(error: WaybillError): boolean {
    const isFirst = this.#failure === undefined
    this.#failure ??= error
    void this.#end(DEFAULT_STOP_TIMEOUT_MS)
    return isFirst
  }

  /** A second call ends the wait now. @throws VALIDATION. */
  async stop(options: StopOptions = {}): Promise<StopResult> {
    const timeoutMs = stopTimeoutMs(options)
    this.#stops += 1
    if (this.#stops > 1) {
      this.#halted.abort()
      void this.#ports.runner.stop({ timeoutMs })
    }
    return this.#end(timeoutMs)
  }

  /** Stops, unless that has begun. */
  async dispose(): Promise<void> {
    await (this.#stopping ?? this.stop())
  }

  /** @throws the failure; everything is given back by then. */
  async mustNotHaveFailed(): Promise<void> {
    if (this.#failure === undefined) return
    await this.#stopping
    throw this.#failure
  }

  #end(timeoutMs: number): Promise<StopResult> {
    return this.#stopping ??= this.#finish(timeoutMs)
  }

  async #finish(timeoutMs: number): Promise<StopResult> {
    const { runner, before, close, now, signal } = this.#ports
    const endAt = now() + timeoutMs
    const deadline = setTimeout(() => this.#halted.abort(), timeoutMs)
    const halted = new Promise((resolve) => {
      this.#halted.signal.addEventListener('abort', resolve, { once: true })
    })
    signal?.removeEventListener('abort', this.#onAbort)
    await Promise.race([halted, before()])
    const result = await runner.stop({ timeoutMs: Math.max(0, Math.ceil(endAt - now())) })
    await Promise.race([halted, close().catch(() => undefined)])
    clearTimeout(deadline)
    return result
  }
}
