/**
 * A feed's handler of HTTP requests, in the web's own terms: a `Request` in, a `Response` out.
 *
 *     GET, Accept: text/event-stream    rows, then each result; goes on behind Last-Event-ID
 *     GET ?after=<sequence>             a page of results; 409 and 410 tell a gap, 404 no feed
 *     GET                               all rows, as JSON lines
 *
 * What is thrown at a caller of the feed becomes a status; what fails inside becomes 500, told to `onError` only.
 */
import { isWaybillError } from '../core/errors.js'
import { FeedTail, type TailOptions } from './feed-tail.js'
import type { FeedReader } from './feed-reader.js'
import { streamText } from './http-body.js'
import { feedEvents, HEARTBEAT, resultEvent } from './http-events.js'
import { gapDocument, placeDocument, resultDocument } from './http-json.js'
import { handlerSettings, type FeedHandlerOptions, type FeedHandlerSettings } from './http-options.js'
import { readRequest, type FeedPosition, type FeedRequest } from './http-request.js'
import { rowLines } from './http-rows.js'

export interface FeedHandler {
  (request: Request): Promise<Response>
  /** Streams that are open now. */
  readonly connections: number
  /** Ends all streams and resolves when none holds anything. Later requests are answered 503. May be called again. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export function createFeedHandler(
  feed: FeedReader, onNews: TailOptions['onNews'], options: FeedHandlerOptions,
): FeedHandler {
  const server = new FeedServer(feed, onNews, handlerSettings(options))
  const handle = (request: Request): Promise<Response> => server.handle(request)
  const close = (): Promise<void> => server.close()
  return Object.defineProperties(handle, {
    connections: { get: () => server.connections },
    close: { value: close },
    [Symbol.asyncDispose]: { value: close },
  }) as FeedHandler
}

interface Stream {
  readonly type: string
  readonly heartbeat: string | undefined
  readonly onStop: 'close' | 'cut'
  readonly pieces: (signal: AbortSignal) => AsyncGenerator<string, void>
}

class FeedServer {
  readonly #feed: FeedReader
  readonly #settings: FeedHandlerSettings
  readonly #tail: FeedTail
  readonly #open = new Map<AbortController, Promise<void>>()
  #isClosed = false

  constructor(feed: FeedReader, onNews: TailOptions['onNews'], settings: FeedHandlerSettings) {
    this.#feed = feed
    this.#settings = settings
    const { map, pollMaxMs, onError, signal } = settings
    this.#tail = new FeedTail(feed, {
      pollMaxMs, onNews, onError, encode: (incarnation, result) => resultEvent(incarnation, result, map),
    })
    if (signal?.aborted === true) this.#isClosed = true
    else signal?.addEventListener('abort', () => void this.close(), { once: true })
  }

  get connections(): number {
    return this.#open.size
  }

  async handle(request: Request): Promise<Response> {
    try {
      return await this.#answer(request)
    } catch (error) {
      if (isWaybillError(error, 'VALIDATION')) return this.#refuse(400, error.code, error.message)
      this.#settings.onError(error)
      return this.#refuse(500, 'FAILED', 'the feed could not be read')
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const ended = [...this.#open.values()]
    for (const stop of this.#open.keys()) stop.abort()
    await Promise.all(ended)
    await this.#tail.ended()
  }

  async #answer(request: Request): Promise<Response> {
    if (request.method !== 'GET') return this.#refuse(405, 'METHOD', 'only GET is answered', { allow: 'GET' })
    const allowed = await this.#settings.authorize(request)
    if (allowed instanceof Response) return allowed
    if (!allowed) return this.#refuse(403, 'FORBIDDEN', 'this feed is not for you')
    const asked = readRequest(request)
    if (asked.kind === 'page') return this.#page(asked)
    return asked.kind === 'events' ? this.#events(request, asked.behind) : this.#snapshot(request)
  }

  async #page({ after, incarnation, limit }: Extract<FeedRequest, { kind: 'page' }>): Promise<Response> {
    const page = await this.#feed.after(after, { incarnation, limit })
    if (page.kind === 'missing') return this.#refuse(404, 'NOT_FOUND', 'there is no such feed')
    if (page.kind === 'gap') {
      const why = page.reason === 'evicted' ? 'is not kept any more' : 'is of a feed that began anew'
      return this.#json(page.reason === 'evicted' ? 410 : 409, {
        error: { code: 'GAP', message: `what comes behind ${after} ${why}` }, gap: gapDocument(page),
      })
    }
    return this.#json(200, {
      ...placeDocument(page), hasMore: page.hasMore,
      results: page.results.map((result) => resultDocument(result, this.#settings.map)),
    })
  }

  #events(request: Request, behind: FeedPosition | undefined): Response {
    const { map, retryMs } = this.#settings
    return this.#stream(request, {
      type: 'text/event-stream', heartbeat: HEARTBEAT, onStop: 'close',
      pieces: (signal) => feedEvents({ feed: this.#feed, tail: this.#tail, map, retryMs, signal }, behind),
    })
  }

  async #snapshot(request: Request): Promise<Response> {
    if (await this.#feed.state() === undefined) return this.#refuse(404, 'NOT_FOUND', 'there is no such feed')
    return this.#stream(request, {
      type: 'application/x-ndjson', heartbeat: undefined, onStop: 'cut',
      pieces: () => rowLines(this.#feed, this.#settings.map),
    })
  }

  #stream(request: Request, { type, heartbeat, onStop, pieces }: Stream): Response {
    const { heartbeatMs, stallMs, onError, maxConnections } = this.#settings
    // From here to where it is counted nothing is awaited.
    if (this.#isClosed) return this.#refuse(503, 'CLOSED', 'this server is going', { 'retry-after': '1' })
    if (this.#open.size >= maxConnections) {
      return this.#refuse(503, 'BUSY', 'too many streams are open', { 'retry-after': '5' })
    }
    const stop = new AbortController()
    const leave = (): void => stop.abort()
    let ended = (): void => undefined
    this.#open.set(stop, new Promise((resolve) => { ended = resolve }))
    const body = streamText(pieces(stop.signal), {
      heartbeat: heartbeat === undefined ? undefined : { text: heartbeat, everyMs: heartbeatMs },
      stallMs, stop, onStop, onError,
      onEnd: () => {
        request.signal.removeEventListener('abort', leave)
        this.#open.delete(stop)
        ended()
      },
    })
    if (request.signal.aborted) leave()
    else request.signal.addEventListener('abort', leave, { once: true })
    // Proxies that buffer or transform would hold events back.
    return this.#respond(200, body, {
      'content-type': type, 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no',
    })
  }

  #refuse(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}): Response {
    return this.#json(status, { error: { code, message } }, headers)
  }

  #json(status: number, document: object, headers: Readonly<Record<string, string>> = {}): Response {
    return this.#respond(status, JSON.stringify(document), {
      'content-type': 'application/json', 'cache-control': 'no-store', ...headers,
    })
  }

  #respond(
    status: number, body: string | ReadableStream<Uint8Array>, headers: Readonly<Record<string, string>>,
  ): Response {
    const all = new Headers({ vary: 'accept, last-event-id', ...headers })
    for (const [name, value] of Object.entries(this.#settings.headers)) all.set(name, value)
    return new Response(body, { status, headers: all })
  }
}
