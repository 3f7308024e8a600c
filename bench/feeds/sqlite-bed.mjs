// Feeds in a SQLite file; by hand: Waybill's own statements, prepared, on the same tables.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createWaybill } from '../../dist/index.js'
import { sqlite } from '../../dist/sqlite.js'
import { signatureOf } from './orders.mjs'

const LOWEST = -(2n ** 63n)
const CONFIG = 'by hand'

const TEXT = {
  make: `insert into waybill_feed (feed, incarnation, config_hash, sequence, first, capacity)
    values (?, 'by hand', '${CONFIG}', 0, 1, ?)`,
  move: `update waybill_feed set sequence = sequence + ?, first = max(first, sequence + ?), capacity = ?
    where feed = ? and config_hash = ? returning id, sequence, first`,
  put: 'insert into waybill_feed_result (feed, sequence, data) values (?, ?, ?)',
  evict: 'delete from waybill_feed_result where feed = ? and sequence < ?',
  row: `insert into waybill_feed_row (feed, signature, data) values (?, ?, ?)
    on conflict (feed, signature) do update set data = excluded.data`,
  id: 'select id from waybill_feed where feed = ?',
  filled: 'update waybill_feed set sequence = ?, first = 1 where feed = ?',
  read: 'select sequence, data from waybill_feed_result where feed = ? and sequence > ? order by sequence limit ?',
}

export class SqliteBed {
  name = 'sqlite'
  #folder
  #db
  #waybill
  #sql
  #feeds = 0

  static async open() {
    const bed = new SqliteBed()
    bed.#folder = mkdtempSync(join(tmpdir(), 'waybill-bench-'))
    const path = join(bed.#folder, 'bench.db')
    const store = sqlite({ path, engine: 'node:sqlite' })
    bed.#waybill = createWaybill({ store })
    await bed.#waybill.migrate()
    // What the store sets on its own connections.
    bed.#db = new DatabaseSync(path)
    bed.#db.exec('pragma busy_timeout = 5000; pragma journal_mode = wal; pragma synchronous = normal')
    bed.#sql = Object.fromEntries(Object.entries(TEXT).map(([name, text]) => {
      const statement = bed.#db.prepare(text)
      statement.setReadBigInts(true)
      return [name, statement]
    }))
    return bed
  }

  async feed(capacity) {
    const feed = this.#waybill.feed(this.#newName(), { capacity })
    await feed.commitAlone([{ op: 'add', signature: 0, after: {} }])
    await this.#inTransaction(() => feed.reset(this.#db))
    return feed
  }

  async feedByHand(capacity) {
    const name = this.#newName()
    this.#sql.make.run(name, capacity)
    return { name, capacity }
  }

  async commit(feed, results) {
    await this.#inTransaction(() => feed.commitMany(this.#db, results))
  }

  async commitByHand({ name, capacity }, results) {
    await this.#inTransaction(() => {
      const count = BigInt(results.length)
      const { id, sequence, first } = this.#sql.move.get(count, count - BigInt(capacity) + 1n, capacity, name, CONFIG)
      results.forEach(({ result }, n) => this.#sql.put.run(id, LOWEST + sequence - count + BigInt(n) + 1n, result))
      if (first > 1n) this.#sql.evict.run(id, LOWEST + first)
      const rows = new Map(results.map(({ n, row }) => [signatureOf(n), row]))
      for (const [signature, row] of rows) this.#sql.row.run(id, LOWEST + signature, row)
    })
  }

  /** As if so many results had been committed. */
  async fillLog({ name }, count, content) {
    const { id } = this.#sql.id.get(name)
    await this.#inTransaction(() => {
      for (let n = 1n; n <= BigInt(count); n += 1n) this.#sql.put.run(id, LOWEST + n, content)
      this.#sql.filled.run(count, name)
    })
  }

  async fillRows(feed, rows) {
    await this.#inTransaction(() => feed.bootstrap(this.#db, rows))
  }

  async* readByHand({ name }, limit) {
    const { id } = this.#sql.id.get(name)
    for (let after = LOWEST; ;) {
      const rows = this.#sql.read.all(id, after, limit)
      for (const { data } of rows) yield Buffer.from(data.buffer, data.byteOffset, data.byteLength)
      if (rows.length < limit) return
      after = rows.at(-1).sequence
    }
  }

  async close() {
    this.#db.close()
    await this.#waybill.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #inTransaction(work) {
    this.#db.exec('begin immediate')
    await work()
    this.#db.exec('commit')
  }

  #newName() {
    this.#feeds += 1
    return `feed-${this.#feeds}`
  }
}
