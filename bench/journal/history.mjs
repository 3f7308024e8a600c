// A page at the end of a long journal, and of one whose publisher has saved its progress many times while somebody held
// an old snapshot, so that no dead row of it could be removed. Databases of their own, because a snapshot holds back
// the cleanup of its own database only: so all are measured in turns.
import pg from 'pg'
import { createWaybill } from '../../dist/index.js'
import { postgres } from '../../dist/postgres.js'
import { bar } from '../measure/bars.mjs'
import { interleave } from '../measure/rounds.mjs'
import { fill } from './append-by-hand.mjs'
import { PAGE, SCHEMA } from './events.mjs'

const STREAMS = 1_000
const PUBLISHER = 'history'
const HOLD = 'select count(*) from pg_class'
/** The publisher's row is written again and again, each time by a transaction of its own. */
const SAVE_AGAIN = (saves) => `do $$ begin
  for n in 1..${saves} loop
    update ${SCHEMA}.journal_part set cursor = cursor where publisher = '${PUBLISHER}';
    commit;
  end loop;
end $$`

class History {
  #bench
  #name
  #pool
  #client
  #holder
  #waybill
  #publisher
  #appended = 0
  #published = 0

  /** With `heldSaves`, a snapshot is held open, and progress is saved so many times under it. */
  static async open(bench, name, count, heldSaves = 0) {
    await bench.admin.query(`create database ${name}`)
    const url = new URL(bench.url)
    url.pathname = `/${name}`
    const history = new History(bench, name)
    await history.#open(url.href, heldSaves > 0)
    await history.#pass(count, heldSaves)
    return history
  }

  constructor(bench, name) {
    this.#bench = bench
    this.#name = name
  }

  async #open(connectionString, isHeld) {
    this.#pool = this.#bench.newPool({ connectionString })
    this.#waybill = createWaybill({ store: postgres({ pool: this.#pool, schema: SCHEMA }) })
    await this.#waybill.migrate()
    this.#client = new pg.Client({ connectionString })
    await this.#client.connect()
    this.#publisher = this.#waybill.publisher({ name: PUBLISHER, publish: () => { this.#published += 1 } })
    if (!isHeld) return
    this.#holder = new pg.Client({ connectionString })
    await this.#holder.connect()
    await this.#holder.query('begin isolation level repeatable read')
    await this.#holder.query(HOLD)
  }

  /** Events come and are published; then the cleanup that autovacuum would do some time later. */
  async #pass(count, saves) {
    await this.#append(count)
    await this.#publish()
    await this.#client.query('set synchronous_commit = off')
    await this.#client.query(SAVE_AGAIN(saves))
    await this.#client.query('reset synchronous_commit')
    await this.#client.query('vacuum analyze')
  }

  async #append(count) {
    await fill(this.#client, count, { streams: STREAMS, each: PAGE, first: this.#appended })
    this.#appended += count
  }

  async #publish() {
    await this.#publisher.drain()
    if (this.#published !== this.#appended) throw new Error(`published ${this.#published} of ${this.#appended}`)
  }

  /** Read, published and saved. */
  async measure(pages) {
    await this.#append(pages * PAGE)
    const began = performance.now()
    await this.#publish()
    return { pageMs: (performance.now() - began) / pages }
  }

  async close() {
    await this.#publisher?.stop()
    await this.#waybill?.close()
    await this.#holder?.end()
    await this.#client?.end()
    await this.#pool?.end()
    await this.#bench.admin.query(`drop database ${this.#name} with (force)`)
  }
}

export async function histories(bench) {
  const { few: count, retained, heldSaves, historyPages, historyRounds } = bench.sizes
  const few = await History.open(bench, `waybill_few_${process.pid}`, count)
  const long = await History.open(bench, `waybill_long_${process.pid}`, retained)
  const held = await History.open(bench, `waybill_held_${process.pid}`, count, heldSaves)
  const measurements = await interleave({
    few: () => few.measure(historyPages), long: () => long.measure(historyPages),
    held: () => held.measure(historyPages),
  }, historyRounds)
  for (const history of [few, long, held]) await history.close()
  const ratio = (name) => measurements.ratio(name, 'few', 'pageMs')
  const row = (name, label) => [label, measurements.median(name, 'pageMs').toFixed(2), ratio(name).toFixed(2)]
  const number = (count) => count.toLocaleString('en-US')
  return {
    title: `A page of ${number(PAGE)} new events, read, published and saved`,
    columns: ['', 'page ms', 'to few'],
    rows: [
      row('few', `behind ${number(count)} events`), row('long', `behind ${number(retained)} events`),
      row('held', `behind ${number(count)} events, and ${number(heldSaves)} saves of progress, under a snapshot held open`),
    ],
    bars: [
      bar(`postgres page with ${number(retained)} retained events / with few`, ratio('long'), '<=', 1.3),
      bar('postgres page with an old snapshot held / without', ratio('held'), '<=', 1.3),
    ],
  }
}
