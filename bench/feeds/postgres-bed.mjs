// Feeds on PostgreSQL, one connection at a time; by hand: Waybill's own statements, prepared by name, on the same tables.
import { createWaybill } from '../../dist/index.js'
import { postgres } from '../../dist/postgres.js'
import { feedStatements } from '../../dist/stores/postgres/feed-statements.js'
import { SCHEMA, signatureOf } from './orders.mjs'

const statements = feedStatements(SCHEMA)
const LOWEST = -(2n ** 63n)
const CONFIG = 'by hand'

const FILL = `insert into ${SCHEMA}.feed_result (feed, sequence, content)
  select $1, ${LOWEST} + n, $3 from generate_series(1, $2::bigint) n`
const FILLED = `update ${SCHEMA}.feed set sequence = $2, first = 1, version = version + 1 where feed = $1`
const READ = `select sequence, content from ${SCHEMA}.feed_result where feed = $1 and sequence > $2::bigint
  order by sequence limit $3::integer`
const MAKE = `insert into ${SCHEMA}.feed (feed, incarnation, config_hash, sequence, first, capacity, version)
  values ($1, 'by hand', '${CONFIG}', 0, 1, $2, 0)`

export class PostgresBed {
  name = 'postgres'
  #bench
  #client
  #waybill
  #feeds = 0

  static async open(bench) {
    const bed = new PostgresBed()
    bed.#bench = bench
    bed.#client = bench.admin
    bed.#waybill = createWaybill({ store: postgres({ pool: bench.pool, schema: SCHEMA }) })
    await bed.#waybill.migrate()
    return bed
  }

  async feed(capacity) {
    const feed = this.#waybill.feed(this.#newName(), { capacity })
    await feed.commitAlone([{ op: 'add', signature: 0, after: {} }])
    await this.#bench.inTransaction((tx) => feed.reset(tx))
    return feed
  }

  async feedByHand(capacity) {
    const name = this.#newName()
    await this.#client.query(MAKE, [name, capacity])
    return { name, capacity }
  }

  async commit(feed, results) {
    await this.#inTransaction((tx) => feed.commitMany(tx, results))
  }

  async commitByHand({ name, capacity }, results) {
    const rows = new Map(results.map(({ n, row }) => [signatureOf(n), row]))
    const { text } = statements.commit([])
    await this.#inTransaction((tx) => tx.query({
      name: 'by_hand_commit', text,
      values: [
        name, CONFIG, results.length, capacity, results.map(({ result }) => result), [...rows.keys()].map((n) => n + LOWEST),
        [...rows.values()], [],
      ],
    }))
  }

  /** As if so many results had been committed. */
  async fillLog({ name }, count, content) {
    await this.#client.query(FILL, [name, count, content])
    await this.#client.query(FILLED, [name, count])
    await this.#client.query(`vacuum analyze ${SCHEMA}.feed, ${SCHEMA}.feed_result`)
  }

  async fillRows(feed, rows) {
    await this.#inTransaction((tx) => feed.bootstrap(tx, rows))
  }

  async* readByHand({ name }, limit) {
    for (let after = LOWEST; ;) {
      const { rows } = await this.#client.query({ name: 'by_hand_read', text: READ, values: [name, after, limit] })
      for (const { content } of rows) yield content
      if (rows.length < limit) return
      after = BigInt(rows.at(-1).sequence)
    }
  }

  async close() {
    await this.#waybill.close()
  }

  async #inTransaction(work) {
    const client = this.#client
    await client.query('begin')
    await work(client)
    await client.query('commit')
  }

  #newName() {
    this.#feeds += 1
    return `feed-${this.#feeds}`
  }
}
