/**
 * The only place that opens connections.
 *
 *   name → lookup → addresses that may be dialled → dial one of those → check where the socket ended up → TLS
 *
 * A name is resolved once, here, and what is dialled is an address: there is no second resolution that could
 * answer something else. An address that is written in the URL takes the same way.
 */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { addressRefused, abortReason, deliveryFailed, networkFailure } from './failure.js'
import { permanentError } from '../../core/transport.js'
import type { AddressPolicy } from './address-policy.js'
import type { Destination } from './destination.js'
import type { WebhookLookup, WebhookTls } from './settings.js'

/** Starts a TCP connection to an address, never to a name. */
export type Dial = (address: string, port: number) => Socket

export const dialTcp: Dial = (address, port) => connectTcp({ host: address, port, noDelay: true })

/** A later address of a name is tried when an earlier one has failed, or has not answered for so long. */
const NEXT_ADDRESS_AFTER_MS = 2_000
const MAX_ADDRESSES = 8

export interface DialerOptions {
  readonly policy: AddressPolicy
  readonly lookup: WebhookLookup
  readonly tls: WebhookTls
  readonly dial: Dial
}

export type Protocol = 'h2' | 'http/1.1'

export class Dialer {
  readonly #options: DialerOptions
  readonly #open = new Set<Socket>()

  constructor(options: DialerOptions) {
    this.#options = options
  }

  /** A connected, checked and, where the URL says so, encrypted socket. @throws a WaybillError. */
  async open(destination: Destination, protocols: readonly Protocol[], signal: AbortSignal): Promise<Socket> {
    const addresses = await this.#addresses(destination, signal)
    const socket = await this.#connectFirst(destination, addresses, signal)
    return destination.secure ? this.#encrypt(destination, socket, protocols, signal) : socket
  }

  /** Destroys every socket and resolves when the last one is gone. */
  async close(): Promise<void> {
    await Promise.all([...this.#open].map((socket) => new Promise<void>((resolve) => {
      socket.once('close', () => resolve())
      socket.destroy()
    })))
  }

  async #addresses(destination: Destination, signal: AbortSignal): Promise<string[]> {
    const { host, place, isAddress } = destination
    if (isAddress) {
      const range = this.#options.policy.refusal(host)
      if (range === undefined) return [host]
      const cause = addressRefused(place, range)
      // Written in the URL it is refused for ever; a name may lead somewhere else tomorrow.
      throw permanentError(cause.message, { cause, details: cause.details })
    }
    const found = await unlessAborted(this.#lookup(host, place), signal)
    const ranges = found.map((address) => this.#options.policy.refusal(address))
    const usable = found.filter((_, index) => ranges[index] === undefined)
    if (usable.length > 0) return usable.slice(0, MAX_ADDRESSES)
    if (found.length === 0) throw deliveryFailed(place, 'ENOTFOUND', 'the name has no address')
    throw addressRefused(place, ranges[0] ?? '')
  }

  async #lookup(host: string, place: string): Promise<string[]> {
    try {
      const answers: unknown = await this.#options.lookup(host, { all: true })
      if (!Array.isArray(answers)) return []
      return answers.map((answer: { readonly address?: unknown } | null) => String(answer?.address))
    } catch (thrown) {
      throw networkFailure(place, thrown)
    }
  }

  async #connectFirst(destination: Destination, addresses: readonly string[], signal: AbortSignal): Promise<Socket> {
    let failure: unknown
    for (const [index, address] of addresses.entries()) {
      const patience = index < addresses.length - 1 ? NEXT_ADDRESS_AFTER_MS : undefined
      try {
        return await this.#connect(destination, address, patience, signal)
      } catch (thrown) {
        if (signal.aborted) throw abortReason(signal)
        failure = thrown
      }
    }
    throw networkFailure(destination.place, failure)
  }

  async #connect(
    { port, place }: Destination, address: string, patience: number | undefined, signal: AbortSignal,
  ): Promise<Socket> {
    const socket = this.#track(this.#options.dial(address, port))
    if (patience !== undefined) socket.setTimeout(patience, () => socket.destroy(timedOut()))
    await ready(socket, 'connect', signal)
    socket.setTimeout(0)
    const range = this.#options.policy.refusal(socket.remoteAddress ?? '')
    if (range === undefined) return socket
    socket.destroy()
    throw addressRefused(place, range)
  }

  async #encrypt(
    { host, isAddress, place }: Destination, socket: Socket, protocols: readonly Protocol[], signal: AbortSignal,
  ): Promise<TLSSocket> {
    const { ca, cert, key } = this.#options.tls
    try {
      const secured = connectTls({
        socket, host, ALPNProtocols: [...protocols],
        ...!isAddress && { servername: host.replace(/\.$/, '') },
        ...ca !== undefined && { ca: [ca].flat() }, ...cert !== undefined && { cert }, ...key !== undefined && { key },
      })
      this.#track(secured)
      await ready(secured, 'secureConnect', signal)
      return secured
    } catch (thrown) {
      socket.destroy()
      throw networkFailure(place, thrown)
    }
  }

  #track<S extends Socket>(socket: S): S {
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))
    // Whoever uses the socket hears of its errors too; without a listener one after that would end the process.
    socket.on('error', () => undefined)
    return socket
  }
}

/** Resolves at the event; at an error, an early end or an abort the socket is destroyed and the reason thrown. */
function ready(socket: Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      socket.off(event, onReady).off('error', onError).off('close', onClose)
      signal.removeEventListener('abort', onAbort)
      settle()
    }
    const onReady = (): void => finish(resolve)
    const onError = (thrown: Error): void => finish(() => reject(thrown))
    const onClose = (): void => finish(() => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })))
    const onAbort = (): void => finish(() => {
      socket.destroy()
      reject(abortReason(signal))
    })
    if (signal.aborted) return onAbort()
    socket.on(event, onReady).on('error', onError).on('close', onClose)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** What is awaited goes on regardless; a lookup cannot be called off. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort = (): void => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(abortReason(signal))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function timedOut(): Error {
  return Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })
}
