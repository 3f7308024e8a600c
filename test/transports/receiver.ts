/** A real server to deliver to: HTTP, HTTPS with HTTP/1.1 only, or HTTPS with HTTP/2. It tells what it sees. */
import { EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { createSecureServer, type ServerHttp2Session } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import { join } from 'node:path'
import type { DeliveryContext, Envelope } from '../../src/core/transport.js'
import type { WebhookOptions } from '../../src/webhook.js'

export const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

const fixture = (name: string): string => readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8')
const ca = fixture('ca.pem')
const identity = { cert: fixture('server.pem'), key: fixture('server-key.pem') }

export type Scheme = 'http' | 'https' | 'h2'

export interface Arrival {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
  readonly httpVersion: string
}

/** What both HTTP versions have of a response. */
export interface Reply {
  writeHead(status: number, headers?: Record<string, string>): unknown
  write(chunk: string | Uint8Array): boolean
  end(text?: string): unknown
  on(name: 'close' | 'drain', listener: () => void): unknown
}

export type Behaviour = (reply: Reply, arrival: Arrival) => void

export const accept: Behaviour = (reply) => {
  reply.writeHead(204)
  reply.end()
}

export const answer = (status: number, headers: Record<string, string> = {}, body = ''): Behaviour => (reply) => {
  reply.writeHead(status, headers)
  reply.end(body)
}

export class Receiver extends EventEmitter {
  readonly arrivals: Arrival[] = []
  readonly sockets = new Set<Socket>()
  readonly sessions = new Set<ServerHttp2Session>()
  behaviour: Behaviour = accept
  connections = 0
  private readonly scheme: Scheme
  private readonly server: Server

  constructor(scheme: Scheme) {
    super()
    this.scheme = scheme
    this.setMaxListeners(0)
    this.server = this.makeServer()
    this.server.on('connection', (socket) => {
      this.connections += 1
      this.sockets.add(socket)
      socket.on('error', () => undefined)
      socket.once('close', () => {
        this.sockets.delete(socket)
        this.emit('disconnected')
      })
    })
  }

  static async start(scheme: Scheme = 'http'): Promise<Receiver> {
    const receiver = new Receiver(scheme)
    receiver.server.listen(0, '127.0.0.1')
    await once(receiver.server, 'listening')
    return receiver
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  get url(): string {
    return `${this.scheme === 'http' ? 'http' : 'https'}://hooks.test:${this.port}/hook?key=1`
  }

  /** What a transport needs to deliver here. */
  options(changes: Partial<WebhookOptions> = {}): WebhookOptions {
    return {
      url: this.url, secrets: [SECRET], allowHttp: true, allowAddresses: ['127.0.0.0/8'], tls: { ca },
      lookup: async () => [{ address: '127.0.0.1', family: 4 }], ...changes,
    }
  }

  async untilArrived(count: number): Promise<void> {
    while (this.arrivals.length < count) await once(this, 'arrived')
  }

  async untilDisconnected(): Promise<void> {
    while (this.sockets.size > 0) await once(this, 'disconnected')
  }

  async close(): Promise<void> {
    for (const session of this.sessions) session.destroy()
    for (const socket of this.sockets) socket.destroy()
    this.server.close()
    await this.untilDisconnected()
  }

  private makeServer(): Server {
    const listener = (request: Omit<Arrival, 'body' | 'path'> & AsyncIterable<Uint8Array> & { url: string }, reply: Reply): void => {
      void this.receive(request, reply).catch(() => undefined)
    }
    if (this.scheme === 'http') return createServer(listener as never)
    if (this.scheme === 'https') return createHttpsServer(identity, listener as never)
    const server = createSecureServer(identity, listener as never)
    server.on('session', (session) => {
      this.sessions.add(session)
      session.on('error', () => undefined).on('close', () => this.sessions.delete(session))
    })
    return server
  }

  private async receive(
    request: Omit<Arrival, 'body' | 'path'> & AsyncIterable<Uint8Array> & { url: string }, reply: Reply,
  ): Promise<void> {
    const chunks: Uint8Array[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { method, url: path, headers, rawHeaders, httpVersion } = request
    const arrival = { method, path, headers, rawHeaders, httpVersion, body: Buffer.concat(chunks) }
    this.arrivals.push(arrival)
    this.emit('arrived')
    this.behaviour(reply, arrival)
  }
}

export const context = (): DeliveryContext => ({ signal: new AbortController().signal })

export function envelope(changes: Partial<Envelope> = {}): Envelope {
  return {
    id: 'abcdefgh-0000000000001', scope: '', lane: 'default', target: 'partner', type: 'order.placed', key: undefined,
    headers: {}, payload: Buffer.from('{"orderId":"o-7"}'), contentType: 'application/json', createdAt: 0, attempt: 1,
    claimToken: 'token', ...changes,
  }
}

/** What a promise was rejected with. */
export async function failureOf(promise: Promise<unknown>): Promise<Error & { code?: string; retryable?: boolean; details?: Record<string, unknown> }> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('it was not rejected')
}
