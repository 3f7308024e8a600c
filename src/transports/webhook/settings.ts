/** What the webhook transport can be told. */
import type { LookupAddress } from 'node:dns'
import { lookup as systemLookup } from 'node:dns/promises'
import { systemClock, type Clock } from '../../core/environment.js'
import { validationError } from '../../core/errors.js'
import { DEFAULT_MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES } from '../../core/limits.js'
import type { Envelope } from '../../core/transport.js'
import { assertDuration, assertInteger } from '../../core/validate.js'
import { AddressPolicy } from './address-policy.js'
import { parseDestination, type Destination } from './destination.js'
import { headerProblem, type RequestHeaders } from './request-headers.js'
import { signerOf, type Signer } from './signing.js'

/** The same for all messages, or asked for each. */
export type PerMessage<T> = T | ((envelope: Envelope) => T | Promise<T>)

/** `lookup` of `node:dns/promises`, called with `all: true`. */
export type WebhookLookup =
  (host: string, options: { readonly all: true }) => Promise<readonly LookupAddress[]>

/** Passed on to `tls.connect`. */
export interface WebhookTls {
  /** Certificates of authorities in PEM, in place of those that come with Node. */
  readonly ca?: string | readonly string[] | undefined
  /** The sender's own certificate and key in PEM, for destinations that ask for one. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

export interface WebhookOptions {
  /** Where to. At most 2,048 characters, without user and password. */
  readonly url: PerMessage<string>
  /**
   * 1 to 8 `whsec_` or `whsk_` secrets. Each signs every request, so that a receiver can change from one to the
   * next at its own time.
   */
  readonly secrets: PerMessage<readonly string[]>
  /** Sent along, `authorization` for example. Names the protocol or Waybill uses are refused. */
  readonly headers?: PerMessage<RequestHeaders> | undefined
  /** From the first function asked to the end of the answer. Default 15,000 ms. */
  readonly timeoutMs?: number | undefined
  /** Body and headers of a request together. Default 294,912: the largest default payload, and 32 KiB. */
  readonly maxRequestBytes?: number | undefined
  /** How much of an answer's body is read before it is cut off; its status counts all the same. Default 65,536. */
  readonly maxResponseBytes?: number | undefined
  /** Addresses and ranges, such as `10.1.0.0/16`, that may be dialled although they lead inside. */
  readonly allowAddresses?: readonly string[] | undefined
  /** Also deliver over plain http. Default false. */
  readonly allowHttp?: boolean | undefined
  /** `auto` uses HTTP/2 where the destination offers it over TLS. Default `auto`. */
  readonly http2?: 'auto' | false | undefined
  /** HTTP/1.1 connections to one origin at a time; more deliveries wait. Default 32. */
  readonly maxSockets?: number | undefined
  /** How long an unused connection is kept. Default 10,000 ms. */
  readonly idleTimeoutMs?: number | undefined
  readonly tls?: WebhookTls | undefined
  /** Replaces the system's resolver. What it answers is checked like any other answer. */
  readonly lookup?: WebhookLookup | undefined
  /** Replaces the system clock, for tests. */
  readonly now?: Clock | undefined
}

export interface WebhookSettings {
  readonly url: PerMessage<string>
  readonly signers: PerMessage<readonly Signer[]>
  readonly headers: PerMessage<RequestHeaders>
  readonly allowHttp: boolean
  readonly timeoutMs: number
  readonly maxRequestBytes: number
  readonly maxResponseBytes: number
  readonly policy: AddressPolicy
  readonly http2: boolean
  readonly maxSockets: number
  readonly idleTimeoutMs: number
  readonly tls: WebhookTls
  readonly lookup: WebhookLookup
  readonly now: Clock
}

const MAX_SECRETS = 8
const HEADERS_ROOM = 32 * 1_024
const MAX_TIMER_MS = 2 ** 31 - 1

/** @throws VALIDATION naming the option. */
export function webhookSettings(options: WebhookOptions): WebhookSettings {
  const { url, secrets, headers = {}, http2 = 'auto', allowHttp = false, tls = {} } = options
  if (http2 !== 'auto' && http2 !== false) throw validationError('http2', "must be 'auto' or false")
  if (typeof allowHttp !== 'boolean') throw validationError('allowHttp', 'must be true or false')
  const policy = new AddressPolicy(addressList(options.allowAddresses))
  if (typeof url !== 'function') assertUrl(url, allowHttp, policy)
  return {
    url, allowHttp,
    signers: mapped(secrets, signersOf),
    headers: mapped(headers, checked),
    timeoutMs: assertDuration('timeoutMs', options.timeoutMs ?? 15_000, 1, MAX_TIMER_MS),
    maxRequestBytes: assertInteger('maxRequestBytes',
      options.maxRequestBytes ?? DEFAULT_MAX_PAYLOAD_BYTES + HEADERS_ROOM, 1, MAX_PAYLOAD_BYTES + HEADERS_ROOM),
    maxResponseBytes: assertInteger('maxResponseBytes', options.maxResponseBytes ?? 65_536, 0, MAX_PAYLOAD_BYTES),
    policy,
    http2: http2 === 'auto',
    maxSockets: assertInteger('maxSockets', options.maxSockets ?? 32, 1, 10_000),
    idleTimeoutMs: assertDuration('idleTimeoutMs', options.idleTimeoutMs ?? 10_000, 1, MAX_TIMER_MS),
    tls: { ca: tls.ca, cert: tls.cert, key: tls.key },
    lookup: options.lookup ?? systemLookup,
    now: options.now ?? systemClock,
  }
}

/** What comes from a function is checked whenever it comes. */
function mapped<T, R>(source: PerMessage<T>, map: (value: T) => R): PerMessage<R> {
  if (typeof source !== 'function') return map(source)
  const ask = source as (envelope: Envelope) => T | Promise<T>
  return async (envelope) => map(await ask(envelope))
}

/** A mistake in the configuration is told as one, not as messages that cannot be delivered. */
function assertUrl(url: string, allowHttp: boolean, policy: AddressPolicy): void {
  const { host, isAddress } = destinationOf(url, allowHttp)
  const range = isAddress ? policy.refusal(host) : undefined
  if (range !== undefined) throw validationError('url', `leads to a refused address (${range}); see allowAddresses`)
}

function destinationOf(url: string, allowHttp: boolean): Destination {
  try {
    return parseDestination(url, allowHttp)
  } catch (error) {
    throw validationError('url', `cannot be used: ${(error as Error).message}`)
  }
}

function signersOf(secrets: unknown): readonly Signer[] {
  if (!Array.isArray(secrets) || secrets.length === 0 || secrets.length > MAX_SECRETS) {
    throw validationError('secrets', `must be a list of 1 to ${MAX_SECRETS}`)
  }
  return secrets.map((secret, index) => signerOf(secret, `secrets[${index}]`))
}

function checked(headers: RequestHeaders): RequestHeaders {
  if (typeof headers !== 'object' || headers === null) throw validationError('headers', 'must be an object')
  for (const [name, value] of Object.entries(headers)) {
    const problem = headerProblem(name, value)
    if (problem !== undefined) throw validationError('headers', problem)
  }
  return { ...headers }
}

function addressList(addresses: unknown = []): readonly string[] {
  if (!Array.isArray(addresses)) throw validationError('allowAddresses', 'must be a list')
  return addresses
}
