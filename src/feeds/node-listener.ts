/** A web-standard handler behind `node:http`. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Makes a listener of `http.createServer` from a handler of `Request`s, such as a feed's. The answer is written no
 * faster than the client takes it, and the handler hears by `request.signal` when the client has gone. A
 * request's body is read no faster than the handler reads it. A handler that throws is answered 500.
 * @example
 * http.createServer(toNodeListener(feed.handler())).listen(8080)
 */
export function toNodeListener(
  handler: (request: Request) => Response | Promise<Response>,
): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  return (incoming, outgoing) => void serve(handler, incoming, outgoing)
}

async function serve(
  handler: (request: Request) => Response | Promise<Response>, incoming: IncomingMessage, outgoing: ServerResponse,
): Promise<void> {
  const gone = new AbortController()
  outgoing.once('close', () => gone.abort())
  // What a broken connection fails with; its close follows.
  outgoing.on('error', () => undefined)
  const request = requestOf(incoming, gone.signal)
  if (request === undefined) return void outgoing.writeHead(400).end()
  let response: Response
  try {
    response = await handler(request)
  } catch {
    return void outgoing.writeHead(500).end()
  }
  outgoing.writeHead(response.status, [...response.headers].flat())
  if (response.body === null) return void outgoing.end()
  outgoing.flushHeaders()
  await write(response.body, outgoing, gone.signal)
}

async function write(body: ReadableStream<Uint8Array>, outgoing: ServerResponse, gone: AbortSignal): Promise<void> {
  const reader = body.getReader()
  const leave = (): void => void reader.cancel().catch(() => undefined)
  if (gone.aborted) return leave()
  gone.addEventListener('abort', leave, { once: true })
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (gone.aborted) return
      if (done) return void outgoing.end()
      if (!outgoing.write(value)) await once(outgoing, 'drain', { signal: gone })
    }
  } catch {
    // The body was cut off, so must the answer be: an end would make it look whole.
    outgoing.destroy()
  } finally {
    gone.removeEventListener('abort', leave)
  }
}

/** Undefined for what is no address or method. */
function requestOf(incoming: IncomingMessage, signal: AbortSignal): Request | undefined {
  const headers = new Headers()
  try {
    for (const [name, values] of Object.entries(incoming.headersDistinct)) {
      // HTTP/2 has its own, which are no headers of a request.
      if (!name.startsWith(':')) for (const value of values ?? []) headers.append(name, value)
    }
    const isSecure = 'encrypted' in incoming.socket
    const origin = `${isSecure ? 'https' : 'http'}://${incoming.headers.host ?? 'localhost'}`
    const { method = 'GET' } = incoming
    const body = hasBody(incoming) ? { body: bodyOf(incoming), duplex: 'half' as const } : {}
    return new Request(new URL(incoming.url ?? '/', origin), { method, headers, signal, ...body })
  } catch {
    return undefined
  }
}

function hasBody({ method, headers }: IncomingMessage): boolean {
  return method !== 'GET' && method !== 'HEAD'
    && (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0)
}

/** What the handler does not read stays with the connection, which the answer's end clears or closes. */
function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  const chunks = incoming[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await chunks.next()
      if (done === true) controller.close()
      else controller.enqueue(new Uint8Array(value))
    },
  }, { highWaterMark: 0 })
}
