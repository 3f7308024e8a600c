/**
 * What a status means.
 *
 * | status | |
 * |---|---|
 * | 2xx | delivered |
 * | 3xx | permanent: a redirect is never followed, it may lead anywhere |
 * | 429, and 408, 425, 5xx with Retry-After | throttled |
 * | 408, 425, 5xx | retried |
 * | every other 4xx, 410 among them | permanent |
 */
import { permanentError, throttledError } from '../../core/transport.js'
import { deliveryFailed } from './failure.js'

export interface Answer {
  readonly status: number
  /** The header of that name. */
  readonly retryAfter: string | undefined
}

const DEFAULT_RETRY_AFTER_MS = 30_000
/** "Now" would be asked again without end, since a throttled delivery spends no attempt. */
const MIN_RETRY_AFTER_MS = 1_000
/** One day. */
const MAX_RETRY_AFTER_MS = 86_400_000
const COME_BACK_LATER = new Set([408, 425, 429])
const SECONDS = /^\d{1,15}$/
// tidy: long
const HTTP_DATE = /^(?:[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4}|[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2}) \d{2}:\d{2}:\d{2} GMT$/
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/

/** Returns when the message is delivered. @throws PERMANENT, THROTTLED, DELIVERY_FAILED. */
export function judge({ status, retryAfter }: Answer, place: string, now: number): void {
  if (status >= 200 && status < 300) return
  const answered = `answered ${status}`
  const details = { place, status }
  if (status >= 300 && status < 400) {
    throw permanentError(`${place}: ${answered}; redirects are not followed`, { details })
  }
  if (COME_BACK_LATER.has(status) || status >= 500) {
    const asked = retryAfterMs(retryAfter, now) ?? (status === 429 ? DEFAULT_RETRY_AFTER_MS : undefined)
    if (asked !== undefined) throw throttledError(`${place}: ${answered}, come back later`, asked)
    throw deliveryFailed(place, `status-${status}`, answered)
  }
  if (status >= 400) throw permanentError(`${place}: ${answered}`, { details })
  throw deliveryFailed(place, `status-${status}`, answered)
}

/** From seconds or an HTTP date to a wait of 1 s to 24 h; undefined when it is neither. */
export function retryAfterMs(text: string | undefined, now: number): number | undefined {
  const wait = text === undefined ? undefined : waitOf(text.trim(), now)
  if (wait === undefined || Number.isNaN(wait)) return undefined
  return Math.min(Math.max(wait, MIN_RETRY_AFTER_MS), MAX_RETRY_AFTER_MS)
}

function waitOf(text: string, now: number): number | undefined {
  if (SECONDS.test(text)) return Number(text) * 1_000
  if (HTTP_DATE.test(text)) return Date.parse(text) - now
  return ASCTIME.test(text) ? Date.parse(`${text} GMT`) - now : undefined
}
