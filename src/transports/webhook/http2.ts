/** HTTP/2: one session for an origin, any number of requests on it. */
import {
  connect, constants, type ClientHttp2Session, type ClientHttp2Stream, type OutgoingHttpHeaders,
} from 'node:http2'
import type { Socket } from 'node:net'
import type { Answer } from './answer.js'
import type { Destination } from './destination.js'
import { abortReason } from './failure.js'
import { StaleConnection, type WebhookRequest } from './http1.js'

export interface Http2Options {
  readonly idleTimeoutMs: number
  readonly maxResponseBytes: number
}

export class Http2 {
  readonly #options: Http2Options
  readonly #sessions = new Map<string, Session>()

  constructor(options: Http2Options) {
    this.#options = options
  }

  has(origin: string): boolean {
    return this.#sessions.has(origin)
  }

  /** Starts a session on a socket that has agreed on h2. */
  open({ origin }: Destination, socket: Socket): void {
    const session = connect(origin, { createConnection: () => socket, settings: { enablePush: false } })
    const forget = (): void => {
      if (this.#sessions.get(origin)?.session === session) this.#sessions.delete(origin)
    }
    session.on('close', forget).on('goaway', forget).on('error', forget)
    session.setTimeout(this.#options.idleTimeoutMs, () => {
      if (this.#sessions.get(origin)?.streams === 0) session.destroy()
    })
    session.unref()
    this.#sessions.set(origin, { session, streams: 0, used: false })
  }

  /** @throws StaleConnection when there is no session, or an old one broke; what the session threw otherwise. */
  async send(destination: Destination, request: WebhookRequest, signal: AbortSignal): Promise<Answer> {
    const entry = this.#sessions.get(destination.origin)
    if (entry === undefined) throw new StaleConnection()
    const { session } = entry
    if (entry.streams === 0) session.ref()
    entry.streams += 1
    try {
      const answer = await exchange(entry, destination, request, this.#options.maxResponseBytes, signal)
      entry.used = true
      return answer
    } catch (thrown) {
      // A session that does not answer may be dead without a sign: nobody else should wait for it.
      if (this.#sessions.get(destination.origin) === entry) this.#sessions.delete(destination.origin)
      if (!session.closed) session.close()
      throw thrown
    } finally {
      entry.streams -= 1
      if (entry.streams === 0 && !session.destroyed) session.unref()
    }
  }

  close(): void {
    for (const { session } of this.#sessions.values()) session.destroy()
    this.#sessions.clear()
  }
}

interface Session {
  readonly session: ClientHttp2Session
  streams: number
  /** Has answered before. */
  used: boolean
}

/** Resolves when the answer has ended, one way or another: once there is a status, nothing changes it. */
function exchange(
  entry: Session, destination: Destination, request: WebhookRequest, maxBytes: number, signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let answer: Answer | undefined
    let bytes = 0
    const stream = start(entry.session, destination, request)
    const settle = (failure = closedEarly()): void => {
      signal.removeEventListener('abort', onAbort)
      if (answer !== undefined) resolve(answer)
      else reject(failure)
    }
    const cancel = (): void => stream.close(constants.NGHTTP2_CANCEL)
    const onAbort = (): void => {
      settle(abortReason(signal))
      cancel()
    }
    const fail = (failure: Error): void => {
      if (answer !== undefined) return
      const unprocessed = entry.used || stream.rstCode === constants.NGHTTP2_REFUSED_STREAM
      settle(unprocessed ? new StaleConnection() : failure)
    }
    stream.on('response', (headers) => {
      answer = { status: headers[':status'] ?? 0, retryAfter: headers['retry-after'] }
    })
    stream.on('data', (chunk: Uint8Array) => {
      bytes += chunk.byteLength
      if (bytes > maxBytes) cancel()
    })
    stream.on('end', () => stream.writableFinished || cancel())
    stream.on('error', fail)
    stream.on('close', () => answer === undefined ? fail(closedEarly()) : settle())
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    stream.end(request.body)
  })
}

/** @throws StaleConnection when the session takes no more requests. */
function start(
  session: ClientHttp2Session, { authority, path }: Destination, { headers }: WebhookRequest,
): ClientHttp2Stream {
  const all: OutgoingHttpHeaders = {
    ':method': 'POST', ':scheme': 'https', ':authority': authority, ':path': path, ...headers,
  }
  try {
    return session.request(all)
  } catch {
    throw new StaleConnection()
  }
}

function closedEarly(): Error {
  return Object.assign(new Error('closed without an answer'), { code: 'ECONNRESET' })
}
