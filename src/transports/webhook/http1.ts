/** HTTP/1.1 over sockets that the dialer made, kept alive between requests. */
import { Agent, request as startRequest, type ClientRequest, type RequestOptions } from 'node:http'
import type { Socket } from 'node:net'
import type { Answer } from './answer.js'
import type { Destination } from './destination.js'
import { abortReason } from './failure.js'
import type { RequestHeaders } from './request-headers.js'

export interface WebhookRequest {
  readonly headers: RequestHeaders
  readonly body: Uint8Array
}

/** The connection was an old one and broke before any answer: worth one try on a new one, within the same delivery. */
export class StaleConnection extends Error {}

export interface Http1Options {
  readonly idleTimeoutMs: number
  readonly maxSockets: number
  readonly maxResponseBytes: number
}

export class Http1 {
  readonly #agent: SocketAgent
  readonly #options: Http1Options

  constructor(options: Http1Options) {
    this.#options = options
    this.#agent = new SocketAgent({
      keepAlive: true, maxFreeSockets: options.maxSockets, timeout: options.idleTimeoutMs, scheduling: 'lifo',
    })
  }

  hasIdle(destination: Destination): boolean {
    return this.#agent.freeSockets[destination.origin]?.some((socket) => !socket.destroyed) ?? false
  }

  /** Trusts no connection that was made before. */
  dropIdle({ origin }: Destination): void {
    for (const socket of this.#agent.freeSockets[origin] ?? []) socket.destroy()
  }

  /** With a socket on it, without one on an idle connection. @throws StaleConnection, or what the socket threw. */
  async send(
    destination: Destination, { headers, body }: WebhookRequest, socket: Socket | undefined, signal: AbortSignal,
  ): Promise<Answer> {
    const offer: SocketOffer = { origin: destination.origin, socket }
    socket?.setTimeout(this.#options.idleTimeoutMs)
    const request = startRequest({
      ...offer, agent: this.#agent, method: 'POST', path: destination.path,
      headers: { host: destination.authority, ...headers },
    } as RequestOptions)
    // Another connection became idle while this one was made, and the agent has preferred it.
    if (request.reusedSocket) socket?.destroy()
    const answer = exchange(request, this.#options.maxResponseBytes, signal)
    request.end(body)
    return answer
  }

  close(): void {
    this.#agent.destroy()
  }
}

interface SocketOffer {
  readonly origin: string
  readonly socket: Socket | undefined
}

/** Never dials: it reuses what is idle, or takes the socket that comes with the request. */
class SocketAgent extends Agent {
  override getName(options?: object): string {
    return (options as SocketOffer).origin
  }

  override createConnection(options: object): Socket {
    const { socket } = options as SocketOffer
    if (socket === undefined) throw new StaleConnection()
    return socket
  }
}

/** Resolves when the answer has ended, one way or another: once there is a status, nothing changes it. */
function exchange(request: ClientRequest, maxBytes: number, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let answer: Answer | undefined
    const settle = (failure = closedEarly()): void => {
      signal.removeEventListener('abort', onAbort)
      if (answer !== undefined) resolve(answer)
      else reject(failure)
    }
    const onAbort = (): void => {
      settle(abortReason(signal))
      request.destroy()
    }
    const fail = (failure: Error): void => {
      if (answer === undefined) settle(request.reusedSocket ? new StaleConnection() : failure)
    }
    request.on('error', fail)
    // The agent has the connection back right after this event: the next delivery will find it.
    request.on('close', () => answer === undefined ? fail(closedEarly()) : settle())
    request.on('response', (response) => {
      answer = { status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] }
      let bytes = 0
      response.on('data', (chunk: Uint8Array) => {
        bytes += chunk.byteLength
        if (bytes > maxBytes) request.destroy()
      })
      response.on('error', () => undefined)
      // A destination that has answered without reading the request would hold the connection for ever.
      response.on('end', () => request.writableFinished || request.destroy())
    })
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}

function closedEarly(): Error {
  return Object.assign(new Error('closed without an answer'), { code: 'ECONNRESET' })
}
