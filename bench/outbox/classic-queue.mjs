// Two queues without Waybill's tables, for scale: a status column that a claim updates, and a table from which
// a claim deletes at once, in the transaction that delivers.
import { payloadOf } from './order.mjs'

const TABLES = `
create table classic_queue (
  id bigint generated always as identity primary key,
  payload text not null, status text not null default 'pending', locked_until timestamptz,
  created_at timestamptz not null default now()
);
create index classic_queue_pending on classic_queue (id) where status = 'pending';
create table deleted_queue (id bigint generated always as identity primary key, payload text not null)`

const FILL = (table) => `insert into ${table} (payload) select unnest($1::text[])`
const CLAIM = `
update classic_queue set status = 'claimed', locked_until = now() + interval '30 s'
where id in (select id from classic_queue where status = 'pending' order by id limit $1 for update skip locked)
returning id, payload`
const ACK = 'delete from classic_queue where id = any ($1::bigint[])'
const TAKE = `
delete from deleted_queue where id in (select id from deleted_queue order by id limit $1 for update skip locked)
returning id, payload`

export class ClassicQueue {
  #client

  static async open(client) {
    await client.query(TABLES)
    return new ClassicQueue(client)
  }

  constructor(client) {
    this.#client = client
  }

  /** `table` is `classic_queue` or `deleted_queue`. */
  async fill(table, count) {
    for (let done = 0; done < count; done += 1_000) {
      const size = Math.min(1_000, count - done)
      const payloads = Array.from({ length: size }, (_, n) => JSON.stringify(payloadOf(done + n)))
      await this.#client.query(FILL(table), [payloads])
    }
  }

  async vacuum(table) {
    await this.#client.query(`vacuum ${table}`)
  }

  async drainUpdating(limit, onPayload) {
    for (;;) {
      const { rows } = await this.#client.query({ name: 'classic_claim', text: CLAIM, values: [limit] })
      if (rows.length === 0) return
      for (const { payload } of rows) onPayload(JSON.parse(payload))
      await this.#client.query({ name: 'classic_ack', text: ACK, values: [rows.map(({ id }) => id)] })
    }
  }

  async drainDeleting(limit, onPayload) {
    for (;;) {
      await this.#client.query('begin')
      const { rows } = await this.#client.query({ name: 'deleted_take', text: TAKE, values: [limit] })
      for (const { payload } of rows) onPayload(JSON.parse(payload))
      await this.#client.query('commit')
      if (rows.length === 0) return
    }
  }
}
