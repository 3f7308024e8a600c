// One PostgreSQL database for a whole run, with Waybill's tables and graphile-worker's.
import { createWaybill } from '../../dist/index.js'
import { postgres } from '../../dist/postgres.js'
import { BenchDatabase } from '../measure/database.mjs'
import { openBusiness } from '../measure/user-transactions.mjs'
import { GraphileWorker } from '../peers/graphile-worker.mjs'
import { SCHEMA } from './events.mjs'

const EMPTY = `truncate ${SCHEMA}.journal_event, ${SCHEMA}.journal_stream, ${SCHEMA}.journal_tag, ${SCHEMA}.journal_key,
  ${SCHEMA}.journal_publisher, ${SCHEMA}.journal_part, ${SCHEMA}.journal_member, ${SCHEMA}.journal_hold,
  ${SCHEMA}.journal_dead`
const VACUUM = `vacuum analyze ${SCHEMA}.journal_event, ${SCHEMA}.journal_stream`
const COUNT = `select count(*) as n from ${SCHEMA}.journal_event`

export class JournalWorkbench extends BenchDatabase {
  waybill
  peers
  #publishers = 0

  async prepare() {
    this.waybill = this.newWaybill(this.pool)
    await this.waybill.migrate()
    await openBusiness(this)
    this.peers = { graphile: await GraphileWorker.open(this.url, this.admin) }
  }

  newWaybill(pool) {
    return createWaybill({ store: postgres({ pool, schema: SCHEMA }) })
  }

  /** That nobody had before: it begins at the first event. */
  newName() {
    this.#publishers += 1
    return `publisher-${this.#publishers}`
  }

  async empty() {
    await this.admin.query(EMPTY)
  }

  async vacuum() {
    await this.admin.query(VACUUM)
  }

  async mustHold(count, who) {
    const found = Number((await this.admin.query(COUNT)).rows[0].n)
    if (found !== count) throw new Error(`${who} left ${found} events, not ${count}`)
  }

  async close() {
    for (const peer of Object.values(this.peers ?? {})) await peer.close()
    await this.waybill?.close()
    await super.close()
  }
}
