// The same statements by hand on SQLite, on Waybill's own tables, without Waybill.
import { randomUUID } from 'node:crypto'
import { LANE, TARGET, TYPE } from './order.mjs'

const COLUMNS = `scope, lane, target, type, key, content_type, headers, dedupe_key, max_attempts, available_at,
  created_at, payload`
const ROW = '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'
const ROWS_AT_ONCE = 8

export class SqliteByHand {
  #db
  #insert
  #insertMany
  #log
  #position
  #insertClaim
  #take
  #bodies
  #save
  #remove
  #forget
  #end

  constructor(db) {
    this.#db = db
    this.#insert = db.prepare(`insert into waybill_outbox_message (${COLUMNS}) values ${ROW}`)
    this.#insertMany = db.prepare(
      `insert into waybill_outbox_message (${COLUMNS}) values ${Array(ROWS_AT_ONCE).fill(ROW).join(', ')}`)
    this.#position = db.prepare('select pos from waybill_outbox_queue where lane = ? and target = ?')
    this.#log = db.prepare(`select seq from waybill_outbox_message
      where lane = ? and target = ? and available_at is null and seq > ? order by seq limit ?`)
    this.#insertClaim = db.prepare(`insert into waybill_outbox_claim
      (token, lane, target, consumer, claimed_at, lease_until, suspect, size, open, first_seq, last_seq)
      values (?, ?, ?, 'by-hand', ?, ?, 0, ?, ?, ?, ?)`)
    this.#take = db.prepare(
      'insert into waybill_outbox_claimed (seq, claim, attempts) select value, ?, 1 from json_each(?)')
    this.#bodies = db.prepare(`select m.* from json_each(?) j cross join waybill_outbox_message m on m.seq = j.value`)
    this.#save = db.prepare(`insert into waybill_outbox_queue (lane, target, pos, seen, lined) values (?, ?, ?, 0, 0)
      on conflict (lane, target) do update set pos = excluded.pos`)
    this.#remove = db.prepare('delete from waybill_outbox_message where seq in (select value from json_each(?))')
    this.#forget = db.prepare('delete from waybill_outbox_claimed where seq in (select value from json_each(?))')
    this.#end = db.prepare('delete from waybill_outbox_claim where id = ?')
  }

  /** One prepared INSERT, run for each. */
  enqueueSingly(payloads) {
    this.#inTransaction(() => {
      for (const payload of payloads) this.#insert.run(...row(payload))
    })
  }

  /** One prepared INSERT of eight rows. */
  enqueueByEight(payloads) {
    this.#inTransaction(() => {
      for (let from = 0; from < payloads.length; from += ROWS_AT_ONCE) {
        this.#insertMany.run(...payloads.slice(from, from + ROWS_AT_ONCE).flatMap(row))
      }
    })
  }

  /** Claim, parse, delete, until nothing is left. */
  drain(limit, onPayload) {
    for (;;) {
      const { id, sequences, bodies } = this.#inTransaction(() => this.#claim(limit))
      if (bodies.length === 0) return
      for (const { payload } of bodies) onPayload(JSON.parse(Buffer.from(payload).toString()))
      this.#inTransaction(() => {
        this.#remove.run(sequences)
        this.#forget.run(sequences)
        this.#end.run(id)
      })
    }
  }

  #claim(limit) {
    const position = this.#position.get(LANE, TARGET)?.pos ?? 0
    const rows = this.#log.all(LANE, TARGET, position, limit).map(({ seq }) => seq)
    if (rows.length === 0) return { bodies: [] }
    const now = Date.now()
    const [first, last] = [rows[0], rows[rows.length - 1]]
    const { lastInsertRowid: id } = this.#insertClaim.run(
      randomUUID(), LANE, TARGET, now, now + 30_000, rows.length, rows.length, first, last)
    const sequences = JSON.stringify(rows)
    this.#take.run(id, sequences)
    this.#save.run(LANE, TARGET, last)
    return { id, sequences, bodies: this.#bodies.all(sequences) }
  }

  #inTransaction(work) {
    this.#db.exec('begin immediate')
    const result = work()
    this.#db.exec('commit')
    return result
  }
}

function row(payload) {
  return [
    'default', LANE, TARGET, TYPE, null, 'application/json', '{}', null, 20, null, Date.now(),
    Buffer.from(JSON.stringify(payload)),
  ]
}
