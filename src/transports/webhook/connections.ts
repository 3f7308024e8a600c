/**
 * Chooses the connection of a request.
 *
 * Over TLS the first connection to an origin offers h2 and HTTP/1.1. If h2 is taken, its session serves
 * every further request; if not, the origin is remembered and gets HTTP/1.1 connections, `maxSockets` at a time.
 * While the first one is being made, the others wait for what it finds out.
 */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Answer } from './answer.js'
import type { Destination } from './destination.js'
import { Dialer, unlessAborted, type Dial } from './dialer.js'
import { deliveryFailed } from './failure.js'
import { Http1, StaleConnection, type WebhookRequest } from './http1.js'
import { Http2 } from './http2.js'
import type { WebhookSettings } from './settings.js'
import { Slots } from './slots.js'

/** Only remembered to save an offer that would be declined. */
const MAX_REMEMBERED_ORIGINS = 1_000

export class Connections {
  readonly #dialer: Dialer
  readonly #http1: Http1
  readonly #http2: Http2
  readonly #slots: Slots
  readonly #offersHttp2: boolean
  readonly #withoutHttp2 = new Set<string>()
  readonly #offers = new Map<string, Promise<unknown>>()

  constructor(settings: WebhookSettings, dial: Dial) {
    this.#dialer = new Dialer({ ...settings, dial })
    this.#http1 = new Http1(settings)
    this.#http2 = new Http2(settings)
    this.#slots = new Slots(settings.maxSockets)
    this.#offersHttp2 = settings.http2
  }

  /** @throws a WaybillError, or what a socket threw. */
  async send(destination: Destination, request: WebhookRequest, signal: AbortSignal): Promise<Answer> {
    try {
      return await this.#sendOnce(destination, request, signal, false)
    } catch (thrown) {
      if (!(thrown instanceof StaleConnection)) throw thrown
    }
    return this.#sendOnce(destination, request, signal, true).catch((thrown: unknown) => {
      if (thrown instanceof StaleConnection) {
        throw deliveryFailed(destination.place, 'ECONNRESET', 'the connection broke twice')
      }
      throw thrown
    })
  }

  async close(): Promise<void> {
    this.#http1.close()
    this.#http2.close()
    await this.#dialer.close()
  }

  async #sendOnce(
    destination: Destination, request: WebhookRequest, signal: AbortSignal, fresh: boolean,
  ): Promise<Answer> {
    const socket = await this.#offerHttp2(destination, signal)
    if (this.#http2.has(destination.origin)) return this.#http2.send(destination, request, signal)
    return this.#slots.within(destination.origin, signal, async () => {
      const reuse = socket === undefined && !fresh && this.#http1.hasIdle(destination)
      const chosen = reuse ? undefined : socket ?? await this.#dialer.open(destination, ['http/1.1'], signal)
      if (fresh) this.#http1.dropIdle(destination)
      return this.#http1.send(destination, request, chosen, signal)
    }).catch((thrown: unknown) => {
      socket?.destroy()
      throw thrown
    })
  }

  /** Leaves a session, or an origin known to have none; answers the socket that found it out, for its first use. */
  async #offerHttp2(destination: Destination, signal: AbortSignal): Promise<Socket | undefined> {
    const { origin } = destination
    if (!destination.secure || !this.#offersHttp2) return undefined
    while (!this.#http2.has(origin) && !this.#withoutHttp2.has(origin)) {
      const offer = this.#offers.get(origin)
      // Fails for reasons of whoever made it. The next one then makes its own.
      if (offer !== undefined) await unlessAborted(offer.catch(() => undefined), signal)
      else return this.#makeOffer(destination, signal)
    }
    return undefined
  }

  async #makeOffer(destination: Destination, signal: AbortSignal): Promise<Socket | undefined> {
    const { origin } = destination
    const opening = this.#dialer.open(destination, ['h2', 'http/1.1'], signal)
    this.#offers.set(origin, opening)
    try {
      const socket = await opening
      if ((socket as TLSSocket).alpnProtocol === 'h2') {
        this.#http2.open(destination, socket)
        return undefined
      }
      this.#remember(origin)
      return socket
    } finally {
      this.#offers.delete(origin)
    }
  }

  #remember(origin: string): void {
    const [oldest] = this.#withoutHttp2
    if (oldest !== undefined && this.#withoutHttp2.size >= MAX_REMEMBERED_ORIGINS) this.#withoutHttp2.delete(oldest)
    this.#withoutHttp2.add(origin)
  }
}
