/** What a feed's handler of HTTP requests is told, and what that comes to. */
import { validationError } from '../core/errors.js'
import { assertDuration, assertInteger } from '../core/validate.js'

export interface FeedHandlerOptions {
  /**
   * Called with each request before anything is read: true serves it, false answers 403, a `Response` is the answer
   * instead. When it throws, the answer is 500, without what was thrown. Default: everybody may read.
   */
  readonly authorize?: ((request: Request) => boolean | Response | Promise<boolean | Response>) | undefined
  /** What goes out of a row's value, in snapshots and changes: any JSON value. Default: all of it. */
  readonly map?: ((value: never) => unknown) | undefined
  /** Put on every answer, over the handler's own: for CORS, as `{ 'access-control-allow-origin': '*' }`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Streams that may be open at once; more are answered 503. Default 1,000. */
  readonly maxConnections?: number | undefined
  /** How often a stream says something when nothing happens, so that proxies keep it. Default 15 s. */
  readonly heartbeatMs?: number | undefined
  /** After how long a browser that lost its stream comes back. Default 2 s. */
  readonly retryMs?: number | undefined
  /** How long the handler goes without looking at the feed while streams are open and nobody wakes it. Default 250. */
  readonly pollMaxMs?: number | undefined
  /** A reader that takes nothing for so long is cut off, so that it does not hold a snapshot open. Default 30 s. */
  readonly stallMs?: number | undefined
  /** Ends all streams when it aborts, as `close` does. */
  readonly signal?: AbortSignal | undefined
  /** Told what went wrong beside the answer: a store that failed, an `authorize` or `map` that threw. */
  readonly onError?: ((error: unknown) => void) | undefined
}

export interface FeedHandlerSettings {
  readonly authorize: NonNullable<FeedHandlerOptions['authorize']>
  readonly map: ((value: unknown) => unknown) | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly maxConnections: number
  readonly heartbeatMs: number
  readonly retryMs: number
  readonly pollMaxMs: number
  readonly stallMs: number
  readonly signal: AbortSignal | undefined
  /** Never throws. */
  readonly onError: (error: unknown) => void
}

const MAX_CONNECTIONS = 1_000_000
const MAX_TIMER_MS = 2 ** 31 - 1

/** @throws VALIDATION naming the option. */
export function handlerSettings(options: FeedHandlerOptions): FeedHandlerSettings {
  const { authorize, map, headers = {}, signal, onError } = options
  for (const [name, value] of Object.entries({ authorize, map, onError })) {
    if (value !== undefined && typeof value !== 'function') throw validationError(name, 'must be a function')
  }
  const ms = (name: 'heartbeatMs' | 'retryMs' | 'pollMaxMs' | 'stallMs', fallback: number): number => (
    assertDuration(name, options[name] ?? fallback, 1, MAX_TIMER_MS))
  return {
    authorize: authorize ?? (() => true),
    map: map as FeedHandlerSettings['map'],
    headers: { ...headers },
    maxConnections: assertInteger('maxConnections', options.maxConnections ?? 1_000, 1, MAX_CONNECTIONS),
    heartbeatMs: ms('heartbeatMs', 15_000),
    retryMs: ms('retryMs', 2_000),
    pollMaxMs: ms('pollMaxMs', 250),
    stallMs: ms('stallMs', 30_000),
    signal,
    onError(error) {
      try {
        onError?.(error)
      } catch {
        // Bookkeeping never changes an outcome.
      }
    },
  }
}
