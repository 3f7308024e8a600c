/** From what a caller calls a URL to where a request goes. */
import { isIP } from 'node:net'
import type { WaybillError } from '../../core/errors.js'
import { permanentError } from '../../core/transport.js'

const MAX_URL_LENGTH = 2_048
// The URL parser would quietly remove some of these.
 
const BLANK_OR_CONTROL = /[\u0000-\u0020\u007f]/

export interface Destination {
  /** Scheme, host and port: requests with the same origin may share a connection. */
  readonly origin: string
  readonly secure: boolean
  /** A name, or an address without brackets. */
  readonly host: string
  readonly isAddress: boolean
  readonly port: number
  /** The value of the `host` header. */
  readonly authority: string
  /** Path and query. Secret: never part of an error. */
  readonly path: string
  /** What errors call it: host and port only. */
  readonly place: string
}

/**
 * The WHATWG parser has the last word on what the host is, so that `0x7f.1`, `2130706433` and full-width digits
 * are the address they stand for before anything is checked.
 *
 * @throws PERMANENT: a URL that cannot be used now never can.
 */
export function parseDestination(text: unknown, allowHttp: boolean): Destination {
  if (typeof text !== 'string' || text.length > MAX_URL_LENGTH) throw badUrl('longer than 2048 characters, or no text')
  if (BLANK_OR_CONTROL.test(text) || !URL.canParse(text)) throw badUrl('malformed')
  const url = new URL(text)
  const secure = url.protocol === 'https:'
  if (!secure && url.protocol !== 'http:') throw badUrl('neither https nor http')
  if (!secure && !allowHttp) throw badUrl('not https, and allowHttp is not set')
  if (url.username !== '' || url.password !== '') throw badUrl('with a user or a password')
  if (url.port === '0') throw badUrl('with port 0')
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port || (secure ? 443 : 80))
  return {
    origin: url.origin, secure, host, isAddress: isIP(host) !== 0, port, authority: url.host,
    path: url.pathname + url.search, place: `${url.hostname}:${port}`,
  }
}

/** Says nothing of the URL itself: it may be a secret as a whole. */
function badUrl(problem: string): WaybillError {
  return permanentError(`the webhook's url is ${problem}`, { details: { reason: 'url' } })
}
