// One PostgreSQL database for a whole run, with Waybill's tables, the same statements by hand, and the peers.
import pg from 'pg'
import { createWaybill } from '../../dist/index.js'
import { postgres } from '../../dist/postgres.js'
import { ServerLoad } from '../measure/server-load.mjs'
import { GraphileWorker } from '../peers/graphile-worker.mjs'
import { PgBossQueue } from '../peers/pg-boss.mjs'
import { PgTransactionalOutbox } from '../peers/pg-transactional-outbox.mjs'
import { ByHand } from './by-hand.mjs'
import { ClassicQueue } from './classic-queue.mjs'
import { SCHEMA } from './relay-settings.mjs'

export const CONNECTIONS = 10
const ORDERED = { ordered: { ordering: 'block' } }
const EMPTY = `truncate ${SCHEMA}.outbox_message, ${SCHEMA}.outbox_claim, ${SCHEMA}.outbox_delivered,
  ${SCHEMA}.outbox_line, ${SCHEMA}.outbox_key, ${SCHEMA}.outbox_due`
const VACUUM = `vacuum ${SCHEMA}.outbox_message, ${SCHEMA}.outbox_claim, ${SCHEMA}.outbox_line, ${SCHEMA}.outbox_key`
const COUNT = `select count(*) as n from ${SCHEMA}.outbox_message`

export class Workbench {
  url
  sizes
  pool
  admin
  load
  waybill
  /** The same tables, but what is delivered stays for a day, as by default. */
  retaining
  byHand = new ByHand(SCHEMA)
  classic
  peers
  #home
  #database

  /** In a database of its own, so that a server that was lent is left as it was. */
  static async open(serverUrl, sizes) {
    const home = new pg.Client({ connectionString: serverUrl })
    await home.connect()
    const database = `waybill_bench_${process.pid}`
    await home.query(`create database ${database}`)
    const url = new URL(serverUrl)
    url.pathname = `/${database}`
    const bench = new Workbench(home, database, url.href, sizes)
    await bench.#open()
    return bench
  }

  constructor(home, database, url, sizes) {
    this.#home = home
    this.#database = database
    this.url = url
    this.sizes = sizes
  }

  async #open() {
    this.pool = this.#newPool()
    this.admin = new pg.Client({ connectionString: this.url })
    await this.admin.connect()
    this.load = await ServerLoad.open(this.admin)
    this.waybill = this.#newWaybill(this.pool, 0)
    this.retaining = this.#newWaybill(this.pool, 86_400_000)
    await this.waybill.migrate()
    await this.admin.query('create table business (id bigint generated always as identity primary key, total integer)')
    this.classic = await ClassicQueue.open(this.admin)
    this.peers = {
      graphile: await GraphileWorker.open(this.url, this.admin),
      boss: await PgBossQueue.open(this.url, this.admin),
      pto: await PgTransactionalOutbox.open(this.url, this.admin),
    }
  }

  #newPool() {
    const pool = new pg.Pool({ connectionString: this.url, max: CONNECTIONS })
    // `end` does not wait for the server, so dropping the database may find a connection that is about to go. A query
    // that loses its connection fails in any case.
    pool.on('error', () => undefined)
    return pool
  }

  #newWaybill(pool, retainDeliveredMs) {
    return createWaybill({ store: postgres({ pool, schema: SCHEMA, retainDeliveredMs }), lanes: ORDERED })
  }

  async inTransaction(work) {
    const client = await this.pool.connect()
    try {
      await client.query('begin')
      const result = await work(client)
      await client.query('commit')
      return result
    } finally {
      client.release()
    }
  }

  async messages() {
    return Number((await this.admin.query(COUNT)).rows[0].n)
  }

  async mustHold(count, who) {
    const found = await this.messages()
    if (found !== count) throw new Error(`${who} left ${found} messages, not ${count}`)
  }

  /** Nothing is left, and nothing of what was there lies in anybody's way. */
  async empty() {
    await this.admin.query(EMPTY)
  }

  async vacuum() {
    await this.admin.query(VACUUM)
  }

  async close() {
    for (const peer of Object.values(this.peers ?? {})) await peer.close()
    await this.waybill?.close()
    await this.retaining?.close()
    await this.pool?.end()
    await this.admin?.end()
    await this.#home.query(`drop database ${this.#database} with (force)`)
    await this.#home.end()
  }
}
