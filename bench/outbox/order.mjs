// The message of all measurements: its payload is 200 bytes of JSON.

export const TYPE = 'order.placed'
export const TARGET = 'mailer'
export const LANE = 'default'
const BYTES = 200

const skeleton = { orderId: '00000000', customer: 'customer-000042', placedAt: '2026-01-01T12:00:00.000Z', note: '' }
const note = 'x'.repeat(BYTES - JSON.stringify(skeleton).length)

export function payloadOf(n) {
  return { ...skeleton, orderId: String(n).padStart(8, '0'), note }
}

export function draftOf(n) {
  return { type: TYPE, target: TARGET, payload: payloadOf(n) }
}

export function draftsOf(count) {
  return Array.from({ length: count }, (_, n) => draftOf(n))
}

/** Whether a handler was given one of these. */
function isOrder(payload) {
  return typeof payload === 'object' && payload !== null && payload.note === note
}

/** Counts deliveries, and refuses what was never sent, what comes twice and what does not come. */
export class Tally {
  #seen = new Set()

  add(payload) {
    if (!isOrder(payload)) throw new Error(`delivered what was not sent: ${JSON.stringify(payload)}`)
    this.#seen.add(payload.orderId)
    this.deliveries += 1
  }

  deliveries = 0

  mustBe(count, who) {
    if (this.#seen.size !== count || this.deliveries !== count) {
      throw new Error(`${who} delivered ${this.#seen.size} different messages, ${this.deliveries} in all, of ${count}`)
    }
  }
}
