// What all measurements commit: open orders, each a row of 200 bytes of JSON.
import { payloadOf } from '../outbox/order.mjs'

export const SCHEMA = 'waybill_bench'
/** So many different orders change in turn. */
const ORDERS = 1_000

export function signatureOf(n) {
  return BigInt(n % ORDERS)
}

export function changeOf(n) {
  return { op: 'update', signature: signatureOf(n), after: payloadOf(n) }
}

export function rowsOf(count) {
  return Array.from({ length: count }, (_, n) => ({ signature: BigInt(n), value: payloadOf(n) }))
}

/** What somebody by hand stores of a change, and of the row. */
export function bytesByHand(n) {
  const after = JSON.stringify(payloadOf(n))
  return { result: Buffer.from(`{"op":"update","row":"${signatureOf(n)}","after":${after}}`), row: Buffer.from(after) }
}
