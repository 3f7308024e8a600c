// One of several processes that share a publisher. It tells its parent, at most every few milliseconds, how many events
// it has published and when the last one was.
//   node publisher-process.mjs <url> <name>
import process from 'node:process'
import { createWaybill } from '../../dist/index.js'
import { postgres } from '../../dist/postgres.js'
import { SCHEMA } from './events.mjs'

const TELL_EVERY_MS = 5
/** Short, so that the processes soon know of each other. */
const LEASE_MS = 1_000

const [url, name] = process.argv.slice(2)
let published = 0
let told = 0
const waybill = createWaybill({ store: postgres({ url, schema: SCHEMA }) })
const publisher = waybill.publisher({
  name, leaseMs: LEASE_MS, pollMaxMs: TELL_EVERY_MS, publish: () => { published += 1 },
})
await publisher.start()
const telling = setInterval(() => {
  if (published === told) return
  told = published
  process.send({ published, at: performance.timeOrigin + performance.now() })
}, TELL_EVERY_MS)
process.send({ published, at: 0 })
process.once('message', async () => {
  clearInterval(telling)
  await publisher.stop()
  await waybill.close()
  process.disconnect()
})
