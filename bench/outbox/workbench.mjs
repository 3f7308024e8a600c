// One PostgreSQL database for a whole run, with Waybill's tables, the same statements by hand, and the peers.
import { createWaybill } from '../../dist/index.js'
import { postgres } from '../../dist/postgres.js'
import { BenchDatabase } from '../measure/database.mjs'
import { openBusiness } from '../measure/user-transactions.mjs'
import { GraphileWorker } from '../peers/graphile-worker.mjs'
import { PgBossQueue } from '../peers/pg-boss.mjs'
import { PgTransactionalOutbox } from '../peers/pg-transactional-outbox.mjs'
import { ByHand } from './by-hand.mjs'
import { ClassicQueue } from './classic-queue.mjs'
import { SCHEMA } from './relay-settings.mjs'

const ORDERED = { ordered: { ordering: 'block' } }
const EMPTY = `truncate ${SCHEMA}.outbox_message, ${SCHEMA}.outbox_claim, ${SCHEMA}.outbox_delivered,
  ${SCHEMA}.outbox_line, ${SCHEMA}.outbox_key, ${SCHEMA}.outbox_due`
const VACUUM = `vacuum ${SCHEMA}.outbox_message, ${SCHEMA}.outbox_claim, ${SCHEMA}.outbox_line, ${SCHEMA}.outbox_key`
const COUNT = `select count(*) as n from ${SCHEMA}.outbox_message`

export class Workbench extends BenchDatabase {
  waybill
  /** The same tables, but what is delivered stays for a day, as by default. */
  retaining
  byHand = new ByHand(SCHEMA)
  classic
  peers

  async prepare() {
    this.waybill = this.#newWaybill(0)
    this.retaining = this.#newWaybill(86_400_000)
    await this.waybill.migrate()
    await openBusiness(this)
    this.classic = await ClassicQueue.open(this.admin)
    this.peers = {
      graphile: await GraphileWorker.open(this.url, this.admin),
      boss: await PgBossQueue.open(this.url, this.admin),
      pto: await PgTransactionalOutbox.open(this.url, this.admin),
    }
  }

  #newWaybill(retainDeliveredMs) {
    return createWaybill({ store: postgres({ pool: this.pool, schema: SCHEMA, retainDeliveredMs }), lanes: ORDERED })
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
    await super.close()
  }
}
