// The events of all measurements: orders as the outbox sends them, spread over streams in turn.
import { payloadOf, TYPE } from '../outbox/order.mjs'

export const SCHEMA = 'waybill_bench'
/** What a publisher reads at a time, unless told otherwise. */
export const PAGE = 1_000

export function eventOf(n, streams) {
  return { stream: `order-${n % streams}`, type: TYPE, payload: payloadOf(n) }
}

export function eventsOf(count, streams, first = 0) {
  return Array.from({ length: count }, (_, n) => eventOf(first + n, streams))
}
