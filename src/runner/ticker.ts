/**
 * Work that comes round: the first tick at once, each other `intervalMs` after the one before has ended. Ticks never
 * overlap. One that fails is told of, and the next one comes.
 *
 *     start ─► tick ─ pause ─ tick ─ pause ─ …          runOnce ─► one tick, whose failure reaches the caller
 *                │       └── cut short by stop, or by the signal
 *                └── goes on to its end, at most until the deadline of stop, or a second stop; then nobody waits
 *
 * It is started once, or driven by `runOnce`. After `stop` it is used up. Started, it keeps the process running.
 */
import { setMaxListeners } from 'node:events'
import type { pause } from '../core/environment.js'
import { validationError, WaybillError } from '../core/errors.js'
import type { StopOptions } from './ending.js'
import { DEFAULT_STOP_TIMEOUT_MS, stopTimeoutMs } from './options.js'

export interface TickContext {
  /** Aborted: a tick begins nothing more. */
  readonly stopping: AbortSignal
  /** Aborted: nobody waits for the tick any more. */
  readonly halted: AbortSignal
}

export interface TickerPorts<Result> {
  readonly tick: (context: TickContext) => Promise<Result>
  /** Of a started ticker; not called once nobody waits. It must not throw. */
  readonly onFailure: (error: unknown) => void
  readonly intervalMs: number
  readonly signal: AbortSignal | undefined
  readonly pause: typeof pause
}

export interface TickerStop {
  /** A tick was under way at the deadline. It may still go on. */
  readonly abandoned: boolean
}

export class Ticker<Result> {
  readonly #ports: TickerPorts<Result>
  readonly #stopping = new AbortController()
  readonly #halted = new AbortController()
  readonly #onAbort = (): void => void this.#end(DEFAULT_STOP_TIMEOUT_MS)
  /** One tick at a time. Never rejects. */
  #turn: Promise<unknown> = Promise.resolve()
  /** Never rejects. */
  #running: Promise<void> | undefined
  #stops = 0
  #ending: Promise<TickerStop> | undefined

  constructor(ports: TickerPorts<Result>) {
    this.#ports = ports
    setMaxListeners(0, this.#stopping.signal, this.#halted.signal)
    if (ports.signal?.aborted === true) this.#onAbort()
    else ports.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Starting again changes nothing. @throws CLOSED after `stop`. */
  async start(): Promise<void> {
    this.#mustBeOpen()
    this.#running ??= this.#loop()
  }

  /**
   * Another tick than the one of `start` may be given.
   * @throws CLOSED after `stop`, VALIDATION when started, and whatever the tick throws.
   */
  async runOnce(tick = this.#ports.tick): Promise<Result> {
    this.#mustBeOpen()
    if (this.#running !== undefined) throw validationError('runOnce', 'is for one that was not started')
    return this.#inTurn(() => {
      this.#mustBeOpen()
      return tick(this.#context())
    })
  }

  /**
   * Resolves when the tick under way has ended, at the latest after `timeoutMs` (default 30,000). A second call ends
   * the wait now. @throws VALIDATION.
   */
  async stop(options: StopOptions = {}): Promise<TickerStop> {
    const timeoutMs = stopTimeoutMs(options)
    this.#stops += 1
    if (this.#stops > 1) this.#halted.abort()
    return this.#end(timeoutMs)
  }

  /** Stops, or waits for a stop under way without cutting it short. */
  async dispose(): Promise<void> {
    await (this.#ending ?? this.stop())
  }

  async #loop(): Promise<void> {
    const { onFailure, intervalMs, pause } = this.#ports
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#inTurn(async () => {
          if (!this.#stopping.signal.aborted) await this.#ports.tick(this.#context())
        })
      } catch (error) {
        if (!this.#halted.signal.aborted) onFailure(error)
      }
      await pause(intervalMs, this.#stopping.signal)
    }
  }

  #context(): TickContext {
    return { stopping: this.#stopping.signal, halted: this.#halted.signal }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work)
    this.#turn = mine.catch(() => undefined)
    return mine
  }

  #end(timeoutMs: number): Promise<TickerStop> {
    return this.#ending ??= this.#finish(timeoutMs)
  }

  async #finish(timeoutMs: number): Promise<TickerStop> {
    this.#ports.signal?.removeEventListener('abort', this.#onAbort)
    this.#stopping.abort()
    const halted = new Promise<boolean>((resolve) => {
      this.#halted.signal.addEventListener('abort', () => resolve(true), { once: true })
    })
    const deadline = setTimeout(() => this.#halted.abort(), timeoutMs)
    const ended = Promise.all([this.#turn, this.#running]).then(() => false)
    const abandoned = await Promise.race([ended, halted])
    clearTimeout(deadline)
    return { abandoned }
  }

  #mustBeOpen(): void {
    if (this.#stopping.signal.aborted) throw new WaybillError('CLOSED', 'this was stopped; make a new one')
  }
}
