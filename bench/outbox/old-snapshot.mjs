// Claims after many messages have come and gone while somebody held an old snapshot, so that no dead row of them
// could be removed. Two databases, because a snapshot holds back the cleanup of its own database only: so both are
// measured in turns.
import pg from 'pg'
import { createWaybill } from '../../dist/index.js'
import { postgres } from '../../dist/postgres.js'
import { bar } from '../measure/bars.mjs'
import { interleave } from '../measure/rounds.mjs'
import { ByHand, fill } from './by-hand.mjs'
import { RELAY } from './relay-settings.mjs'
import { draftsOf, LANE, TARGET } from './order.mjs'

const BATCH = 100
const SCHEMA = 'history'
const VACUUM = 'vacuum'
const HOLD = 'select count(*) from pg_class'

class History {
  #admin
  #url
  #name
  #holder
  #waybill

  static async open(admin, serverUrl, name, isHeld) {
    await admin.query(`create database ${name}`)
    const url = new URL(serverUrl)
    url.pathname = `/${name}`
    const history = new History(admin, url.href, name)
    await history.#open(isHeld)
    return history
  }

  constructor(admin, url, name) {
    this.#admin = admin
    this.#url = url
    this.#name = name
  }

  async #open(isHeld) {
    this.#waybill = createWaybill({ store: postgres({ url: this.#url, schema: SCHEMA, retainDeliveredMs: 0 }) })
    await this.#waybill.migrate()
    if (!isHeld) return
    this.#holder = new pg.Client({ connectionString: this.#url })
    await this.#holder.connect()
    await this.#holder.query('begin isolation level repeatable read')
    await this.#holder.query(HOLD)
  }

  /** Messages come and go; then the cleanup that autovacuum would do some time later. */
  async pass(count) {
    const client = new pg.Client({ connectionString: this.#url })
    await client.connect()
    await fill(client, new ByHand(SCHEMA), count)
    let delivered = 0
    const relay = this.#waybill.relay({ ...RELAY, handlers: { [TARGET]: () => { delivered += 1 } } })
    await relay.drain()
    await relay.stop()
    if (delivered !== count) throw new Error(`delivered ${delivered} of ${count}`)
    await client.query(VACUUM)
    await client.end()
  }

  async measure() {
    const { outbox } = this.#waybill
    await this.#waybill.transaction((tx) => outbox.enqueueMany(tx, draftsOf(BATCH)))
    const ask = () => outbox.claim({ lane: LANE, target: TARGET, consumer: 'bench', limit: BATCH })
    const began = performance.now()
    const { token, messages } = await ask()
    const claimMs = performance.now() - began
    if (messages.length !== BATCH) throw new Error(`claimed ${messages.length} of ${BATCH}`)
    await outbox.settle(token, messages.map(({ id }) => ({ id, kind: 'ack' })))
    const asked = performance.now()
    if (await ask() !== null) throw new Error('something was left')
    return { claimMs, pollMs: performance.now() - asked }
  }

  async close() {
    await this.#waybill.close()
    await this.#holder?.end()
    await this.#admin.query(`drop database ${this.#name} with (force)`)
  }
}

export async function oldSnapshot(bench) {
  const { history, claimRounds } = bench.sizes
  const plain = await History.open(bench.admin, bench.url, `waybill_plain_${process.pid}`, false)
  const held = await History.open(bench.admin, bench.url, `waybill_held_${process.pid}`, true)
  await plain.pass(history)
  await held.pass(history)
  const measurements = await interleave({ plain: () => plain.measure(), held: () => held.measure() }, claimRounds)
  await plain.close()
  await held.close()
  const ratio = measurements.ratio('held', 'plain', 'claimMs')
  const row = (name, label) => [
    label, measurements.median(name, 'claimMs').toFixed(2), measurements.ratio(name, 'plain', 'claimMs').toFixed(2),
    measurements.median(name, 'pollMs').toFixed(2),
  ]
  return {
    title: `A claim of ${BATCH} after ${history.toLocaleString('en-US')} messages have come and gone`,
    columns: ['', 'claim ms', 'to without', 'empty poll ms'],
    rows: [row('plain', 'without an old snapshot'), row('held', 'with a snapshot from before, held open')],
    bars: [bar('postgres claim with an old snapshot held / without', ratio, '<=', 2)],
  }
}
