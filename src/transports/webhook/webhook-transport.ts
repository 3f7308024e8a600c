/** Messages as signed HTTP requests. */
import { isWaybillError, type WaybillError } from '../../core/errors.js'
import { permanentError, type DeliveryContext, type Envelope, type Transport } from '../../core/transport.js'
import { judge } from './answer.js'
import { Connections } from './connections.js'
import { parseDestination, type Destination } from './destination.js'
import { dialTcp, unlessAborted, type Dial } from './dialer.js'
import { abortReason, deliveryFailed, exchangeTimedOut, networkFailure, transportClosed } from './failure.js'
import type { WebhookRequest } from './http1.js'
import { envelopeHeaders } from './request-headers.js'
import { webhookSettings, type PerMessage, type WebhookOptions, type WebhookSettings } from './settings.js'
import { signedContent } from './signing.js'

/** Without a dot, so that the signed bytes can be read in one way only. */
const ID = /^[\x21-\x2b\x2d\x2f-\x7e]{1,255}$/

/** A transport that is closed by its owner: the relay does not. */
export type WebhookTransport = Required<Omit<Transport, 'deliverBatch'>> & AsyncDisposable

/**
 * Delivers each message as a POST request with its payload as the body, signed after Standard Webhooks.
 *
 * A redirect is never followed, and no address that leads inside is ever dialled unless `allowAddresses` says so.
 *
 * @example
 * const transport = webhook({ url: 'https://partner.example/hook', secrets: [secret] })
 * const relay = waybill.relay({ target: 'partner', transport })
 * @throws VALIDATION naming the option.
 */
export function webhook(options: WebhookOptions): WebhookTransport {
  return new Webhook(options, dialTcp)
}

/** Private to the last field: printing a transport prints no secret. */
export class Webhook implements WebhookTransport {
  readonly name = 'webhook'
  readonly #settings: WebhookSettings
  readonly #connections: Connections
  readonly #underWay = new Set<AbortController>()
  #closing: Promise<void> | undefined

  constructor(options: WebhookOptions, dial: Dial) {
    this.#settings = webhookSettings(options)
    this.#connections = new Connections(this.#settings, dial)
  }

  /**
   * Resolves once the destination has answered with 2xx.
   *
   * @throws PERMANENT, THROTTLED, ADDRESS_REFUSED, DELIVERY_FAILED, TIMEOUT, CLOSED, or the signal's reason.
   */
  async deliver(envelope: Envelope, { signal: outer }: DeliveryContext): Promise<void> {
    if (this.#closing !== undefined) throw transportClosed()
    if (outer.aborted) throw abortReason(outer)
    const { timeoutMs } = this.#settings
    const controller = new AbortController()
    const onAbort = (): void => controller.abort(abortReason(outer))
    const timer = setTimeout(() => controller.abort(exchangeTimedOut(timeoutMs)), timeoutMs)
    outer.addEventListener('abort', onAbort, { once: true })
    this.#underWay.add(controller)
    try {
      await this.#exchange(envelope, controller.signal)
    } finally {
      clearTimeout(timer)
      outer.removeEventListener('abort', onAbort)
      this.#underWay.delete(controller)
    }
  }

  /** Calls off what is under way, with CLOSED, and resolves when the last connection is gone. */
  async close(): Promise<void> {
    if (this.#closing === undefined) {
      for (const controller of this.#underWay) controller.abort(transportClosed())
      this.#closing = this.#connections.close()
    }
    await this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #exchange(envelope: Envelope, signal: AbortSignal): Promise<void> {
    const { allowHttp, now } = this.#settings
    const url = await this.#asked('url', this.#settings.url, envelope, signal)
    const destination = parseDestination(url, allowHttp)
    const request = await this.#request(envelope, destination, signal)
    try {
      judge(await this.#connections.send(destination, request, signal), destination.place, now())
    } catch (thrown) {
      throw networkFailure(destination.place, thrown)
    }
  }

  async #request(envelope: Envelope, { authority, path }: Destination, signal: AbortSignal): Promise<WebhookRequest> {
    const { id, payload: body } = envelope
    if (!ID.test(id)) throw permanentError('the message has an id that cannot be signed', { details: { reason: 'id' } })
    const [signers, custom] = [
      await this.#asked('secrets', this.#settings.signers, envelope, signal),
      await this.#asked('headers', this.#settings.headers, envelope, signal),
    ]
    const timestamp = String(Math.floor(this.#settings.now() / 1_000))
    const content = signedContent(id, timestamp, body)
    const headers = {
      ...envelopeHeaders(envelope, custom), 'webhook-id': id, 'webhook-timestamp': timestamp,
      'webhook-signature': signers.map((sign) => sign(content)).join(' '),
    }
    const fields = Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0)
    this.#checkSize(authority.length + path.length + fields + body.byteLength)
    return { headers, body }
  }

  #checkSize(bytes: number): void {
    const { maxRequestBytes } = this.#settings
    if (bytes <= maxRequestBytes) return
    const details = { bytes, maxRequestBytes }
    throw permanentError(`the request has ${bytes} bytes, at most ${maxRequestBytes} are sent`, { details })
  }

  /** What a caller's function throws may hold anything, so only what is a WaybillError already is passed on. */
  async #asked<T>(option: string, source: PerMessage<T>, envelope: Envelope, signal: AbortSignal): Promise<T> {
    if (typeof source !== 'function') return source
    const ask = source as (envelope: Envelope) => T | Promise<T>
    try {
      return await unlessAborted((async () => ask(envelope))(), signal)
    } catch (thrown) {
      if (isWaybillError(thrown, 'VALIDATION')) throw unusable(option, thrown)
      throw isWaybillError(thrown) ? thrown : deliveryFailed('webhook', option, `the ${option} function failed`)
    }
  }
}

/** The fault lies with the configuration, which may be mended before the attempts are spent. */
function unusable(option: string, { message }: WaybillError): WaybillError {
  return deliveryFailed('webhook', option, `the ${option} function answered what cannot be used: ${message}`)
}
