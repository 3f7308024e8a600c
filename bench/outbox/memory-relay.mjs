// The process that memory.mjs measures: drains, by a relay or by hand, and prints how much memory it had meanwhile.
import pg from 'pg'
import { createWaybill } from '../../dist/index.js'
import { postgres } from '../../dist/postgres.js'
import { ByHand } from './by-hand.mjs'
import { BATCH, RELAY, SCHEMA } from './relay-settings.mjs'

const EVERY_MS = 20
const [, , url, work] = process.argv
let delivered = 0

const WORKS = {
  async relay() {
    const waybill = createWaybill({ store: postgres({ url, schema: SCHEMA, retainDeliveredMs: 0 }) })
    const relay = waybill.relay({ ...RELAY, handlers: { mailer: () => { delivered += 1 } } })
    await relay.drain()
    await relay.stop()
    await waybill.close()
  },
  async 'by hand'() {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await new ByHand(SCHEMA).drain(client, BATCH, () => { delivered += 1 })
    await client.end()
  },
}

const rss = [process.memoryUsage.rss()]
const sampling = setInterval(() => rss.push(process.memoryUsage.rss()), EVERY_MS)
const began = performance.now()
await WORKS[work]()
const seconds = (performance.now() - began) / 1_000
clearInterval(sampling)
console.log(JSON.stringify({ delivered, seconds, rss }))
