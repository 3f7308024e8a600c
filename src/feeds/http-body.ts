/**
 * The body of an answer that goes on: text as a generator gives it, no faster than the reader takes it.
 *
 * The generator is asked for more only when the reader has taken what there was, so at most one piece waits, whatever
 * the size of the snapshot or the log. While the generator waits for news, heartbeats keep the line open; they too are
 * written only when the reader asks. A reader that leaves, stalls or is told to go ends the generator, whose `finally`
 * frees what it holds.
 */
import { WaybillError } from '../core/errors.js'

export interface BodyOptions {
  /** Said while the generator gives nothing. Undefined: nothing is. */
  readonly heartbeat: { readonly text: string; readonly everyMs: number } | undefined
  /** How long the reader may take for one piece. */
  readonly stallMs: number
  /** Ends the body from outside; the generator hears of it by the same signal. */
  readonly stop: AbortController
  /** How a body looks that was ended from outside: to its end, or cut off. */
  readonly onStop: 'close' | 'cut'
  /** The generator failed: the body is cut off, and its reader may come back. */
  readonly onError: (error: unknown) => void
  /** Once, when the generator has ended, however that came. */
  readonly onEnd: () => void
}

export function streamText(pieces: AsyncGenerator<string, void>, options: BodyOptions): ReadableStream<Uint8Array> {
  const body = new Body(pieces, options)
  return new ReadableStream<Uint8Array>({
    start: (controller) => body.start(controller),
    pull: () => body.pull(),
    cancel: () => body.end(),
  }, { highWaterMark: 0 })
}

class Body {
  readonly #pieces: AsyncGenerator<string, void>
  readonly #options: BodyOptions
  readonly #encoder = new TextEncoder()
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  /** What the generator was asked for, and has not given yet. */
  #asked: Promise<IteratorResult<string, void>> | undefined
  #stall: NodeJS.Timeout | undefined
  #ending: Promise<void> | undefined
  readonly #stopped = (): void => void this.#finish(this.#options.onStop === 'cut'
    ? new WaybillError('CLOSED', 'the stream was ended before its end') : undefined)

  constructor(pieces: AsyncGenerator<string, void>, options: BodyOptions) {
    this.#pieces = pieces
    this.#options = options
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller
    const { signal } = this.#options.stop
    this.#watch()
    if (signal.aborted) this.#stopped()
    else signal.addEventListener('abort', this.#stopped, { once: true })
  }

  async pull(): Promise<void> {
    clearTimeout(this.#stall)
    try {
      const next = await this.#orHeartbeat(this.#ask())
      if (this.#ending !== undefined) return
      if (next === undefined) return this.#enqueue(this.#options.heartbeat?.text ?? '')
      this.#asked = undefined
      if (next.done === true) return void this.#finish()
      this.#enqueue(next.value)
    } catch (error) {
      // Whoever ended it knows, and a generator may fail for it.
      if (this.#ending !== undefined) return
      this.#options.onError(error)
      void this.#finish(error)
    }
  }

  /** The reader has left. */
  async end(): Promise<void> {
    this.#controller = undefined
    await this.#finish()
  }

  #ask(): Promise<IteratorResult<string, void>> {
    if (this.#asked === undefined) {
      this.#asked = this.#pieces.next()
      // It may fail while nobody asks; who asks next is told.
      this.#asked.catch(() => undefined)
    }
    return this.#asked
  }

  #enqueue(text: string): void {
    this.#controller?.enqueue(this.#encoder.encode(text))
    this.#watch()
  }

  #watch(): void {
    this.#stall = setTimeout(() => {
      void this.#finish(new WaybillError('TIMEOUT', 'the reader of a feed took nothing for too long'))
    }, this.#options.stallMs)
  }

  /** Undefined when it is time for a heartbeat. */
  async #orHeartbeat(asked: Promise<IteratorResult<string, void>>): Promise<IteratorResult<string, void> | undefined> {
    const { heartbeat } = this.#options
    if (heartbeat === undefined) return asked
    let timer: NodeJS.Timeout | undefined
    const tick = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), heartbeat.everyMs)
    })
    try {
      return await Promise.race([asked, tick])
    } finally {
      clearTimeout(timer)
    }
  }

  async #finish(error?: unknown): Promise<void> {
    this.#ending ??= this.#free(error)
    await this.#ending
  }

  async #free(error: unknown): Promise<void> {
    const { stop, onEnd } = this.#options
    clearTimeout(this.#stall)
    stop.signal.removeEventListener('abort', this.#stopped)
    // The generator may be waiting for news: the signal ends that.
    stop.abort()
    if (error === undefined) this.#controller?.close()
    else this.#controller?.error(error)
    this.#controller = undefined
    // A read that is under way ends first; what it fails with concerns nobody any more.
    await Promise.allSettled([this.#asked, this.#pieces.return()])
    onEnd()
  }
}
