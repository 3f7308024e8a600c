// The process that memory.mjs measures: drains, and prints how much memory it had meanwhile.
import { createWaybill } from '../../dist/index.js'
import { postgres } from '../../dist/postgres.js'
import { RELAY, SCHEMA } from './relay-settings.mjs'

const EVERY_MS = 20
const waybill = createWaybill({ store: postgres({ url: process.argv[2], schema: SCHEMA, retainDeliveredMs: 0 }) })
let delivered = 0
const relay = waybill.relay({ ...RELAY, handlers: { mailer: () => { delivered += 1 } } })
const rss = [process.memoryUsage.rss()]
const sampling = setInterval(() => rss.push(process.memoryUsage.rss()), EVERY_MS)
const began = performance.now()
await relay.drain()
const seconds = (performance.now() - began) / 1_000
clearInterval(sampling)
await relay.stop()
await waybill.close()
console.log(JSON.stringify({ delivered, seconds, rss }))
