// The same statements by hand on SQLite, on Waybill's own tables, without Waybill.
import { randomUUID } from 'node:crypto'
import { LANE, TARGET, TYPE } from './order.mjs'

const COLUMNS = `scope, lane, target, type, key, content_type, headers, dedupe_key, max_attempts, available_at,
  created_at, payload`
const ROW = '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'
/** The second divides a thousand and is about as many as Waybill's own INSERT takes. */
const EIGHT = 8
const FIFTY = 50

export class SqliteByHand {
  #db
  #insert
  #insertEight
  #insertFifty
  #insertPayloads
  #due
  #log
  #position
  #insertClaim
  #take
  #bodies
  #save
  #held
  #remove
  #forget
  #end

  constructor(db) {
    this.#db = db
    this.#insert = db.prepare(`insert into waybill_outbox_message (${COLUMNS}) values ${ROW}`)
    this.#insertEight = db.prepare(manyRows(EIGHT))
    this.#insertFifty = db.prepare(manyRows(FIFTY))
    this.#insertPayloads = db.prepare(`insert into waybill_outbox_message (${COLUMNS})
      select s.*, column1 from (select ${Array(11).fill('?').join(', ')}) s
      cross join (values ${Array(FIFTY).fill('(?)').join(', ')})`)
    this.#position = db.prepare('select pos from waybill_outbox_queue where lane = ? and target = ?')
    this.#due = db.prepare(`select seq from waybill_outbox_due
      where lane = ? and target = ? and timed = 1 and available_at <= ? limit 1`)
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
    this.#held = db.prepare(`select count(*) as n from json_each(?) j
      cross join waybill_outbox_claimed c on c.seq = j.value where c.claim = ?`)
    this.#remove = db.prepare('delete from waybill_outbox_message where seq in (select value from json_each(?))')
    this.#forget = db.prepare('delete from waybill_outbox_claimed where seq in (select value from json_each(?))')
    this.#end = db.prepare('delete from waybill_outbox_claim where id = ?')
  }

  /** One prepared INSERT, run for each. Each of these answers the last number, as Waybill tells what it wrote. */
  enqueueSingly(payloads) {
    return this.#inTransaction(() => {
      let last
      for (const payload of payloads) last = this.#insert.run(...row(payload)).lastInsertRowid
      return last
    })
  }

  /** One prepared INSERT of several rows. */
  enqueueByEight(payloads) {
    return this.#inTransaction(() => (
      inBatches(payloads, EIGHT, (batch) => this.#insertEight.run(...batch.flatMap(row)))))
  }

  enqueueByFifty(payloads) {
    return this.#inTransaction(() => (
      inBatches(payloads, FIFTY, (batch) => this.#insertFifty.run(...batch.flatMap(row)))))
  }

  /** For whoever knows that all but the payload is the same for all of them. */
  enqueuePayloads(payloads) {
    return this.#inTransaction(() => inBatches(payloads, FIFTY, (batch) => (
      this.#insertPayloads.run(...withoutPayload(), ...batch.map(encode)))))
  }

  /** Claim, parse, delete what is still claimed, until nothing is left. Here nothing is ever retried or taken over. */
  drain(limit, onPayload) {
    for (;;) {
      const { id, sequences, bodies } = this.#inTransaction(() => this.#claim(limit))
      if (bodies.length === 0) return
      for (const { payload } of bodies) onPayload(decode(payload))
      this.#inTransaction(() => {
        const { n } = this.#held.get(sequences, id)
        if (n !== bodies.length) throw new Error(`a claim of ${bodies.length} messages holds ${n}`)
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
    if (this.#due.get(LANE, TARGET, now) !== undefined) throw new Error('something is due for a retry')
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

function inBatches(payloads, size, insert) {
  if (payloads.length % size !== 0) throw new Error(`${payloads.length} messages are not a multiple of ${size}`)
  let last
  for (let from = 0; from < payloads.length; from += size) {
    last = insert(payloads.slice(from, from + size)).lastInsertRowid
  }
  return last
}

function manyRows(count) {
  return `insert into waybill_outbox_message (${COLUMNS}) values ${Array(count).fill(ROW).join(', ')}`
}

function row(payload) {
  return ['default', LANE, TARGET, TYPE, null, 'application/json', '{}', null, 20, null, Date.now(), encode(payload)]
}

function withoutPayload() {
  return ['default', LANE, TARGET, TYPE, null, 'application/json', '{}', null, 20, null, Date.now()]
}

function encode(payload) {
  return Buffer.from(JSON.stringify(payload))
}

/** Without a copy of the bytes. */
function decode(bytes) {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
}
