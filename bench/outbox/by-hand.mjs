// The other side of the ratios on PostgreSQL: what somebody writes who knows Waybill's tables and has no Waybill.
// Every statement is prepared by name, as Waybill's are.
import { randomUUID } from 'node:crypto'
import { LANE, payloadOf, TARGET, TYPE } from './order.mjs'

const NOW = 'floor(extract(epoch from clock_timestamp()) * 1000)::bigint'
const COLUMNS = 'scope, lane, target, type, key, payload, content_type, headers, max_attempts, created_at'

export class ByHand {
  #schema

  /** The schema's name must be a plain identifier. */
  constructor(schema) {
    this.#schema = schema
  }

  /** One message, in the transaction of `client`. */
  async enqueue(client, payload) {
    const { rows } = await client.query({
      name: 'by_hand_insert',
      text: `insert into ${this.#schema}.outbox_message (${COLUMNS})
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, ${NOW}) returning seq`,
      values: ['default', LANE, TARGET, TYPE, null, Buffer.from(JSON.stringify(payload)), 'application/json', '{}', 20],
    })
    return rows[0].seq
  }

  /** The same columns of many messages, as arrays. */
  async enqueueMany(client, payloads) {
    const every = (value) => payloads.map(() => value)
    const { rows } = await client.query({
      name: 'by_hand_unnest',
      text: `insert into ${this.#schema}.outbox_message (${COLUMNS})
        select scope, lane, target, type, key, payload, content_type, headers, max_attempts, ${NOW}
        from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::text[], $8::text[],
          $9::integer[]) u(scope, lane, target, type, key, payload, content_type, headers, max_attempts)
        returning seq`,
      values: [
        every('default'), every(LANE), every(TARGET), every(TYPE), every(null),
        payloads.map((payload) => Buffer.from(JSON.stringify(payload))),
        every('application/json'), every('{}'), every(20),
      ],
    })
    return rows.length
  }

  /** Only the payloads as an array: for whoever knows that all else is the same for all of them. */
  async enqueuePayloads(client, payloads) {
    const { rows } = await client.query({
      name: 'by_hand_payloads',
      text: `insert into ${this.#schema}.outbox_message (${COLUMNS})
        select 'default', $2, $3, $4, null, convert_to(payload, 'UTF8'), 'application/json', '{}', 20, ${NOW}
        from unnest($1::text[]) payload returning seq`,
      values: [payloads.map((payload) => JSON.stringify(payload)), LANE, TARGET, TYPE],
    })
    return rows.length
  }

  /** Rows of one claim; none when nothing is due. */
  async claim(client, limit, token) {
    const { rows } = await client.query({
      name: 'by_hand_claim',
      text: `select * from ${this.#schema}.outbox_claim(
        $1, $2, $3::text[], $4::integer, $5::bigint, $6, $7, $8::bigint)`,
      values: [LANE, TARGET, null, limit, 30_000, 'by-hand', token, null],
    })
    return rows
  }

  /** Deletes what was delivered: everything the claim holds. */
  async settle(client, token, sequences) {
    const { rows: [all] } = await client.query({
      name: 'by_hand_settle',
      text: `select place, answer from ${this.#schema}.outbox_settle($1, $2::bigint[], $3::text[], $4::text[],
        $5::bigint[], $6::bigint[], $7, $8::boolean, $9::bigint)`,
      values: [token, sequences, null, null, null, null, null, false, null],
    })
    if (all?.place !== null || all.answer !== 'delivered') throw new Error('the claim was not settled as a whole')
  }

  /** One claim: parsed, handled, settled. Answers how many there were. */
  async drainOnce(client, limit, onPayload) {
    const token = randomUUID()
    const rows = await this.claim(client, limit, token)
    for (const { payload } of rows) onPayload(JSON.parse(payload.toString()))
    if (rows.length > 0) await this.settle(client, token, rows.map(({ seq }) => seq))
    return rows.length
  }

  async drain(client, limit, onPayload) {
    while (await this.drainOnce(client, limit, onPayload) > 0);
  }
}

/** A thousand to a transaction, untimed: what the drains find. */
export async function fill(client, byHand, count) {
  for (let done = 0; done < count; done += 1_000) {
    const size = Math.min(1_000, count - done)
    await byHand.enqueuePayloads(client, Array.from({ length: size }, (_, n) => payloadOf(done + n)))
  }
}
