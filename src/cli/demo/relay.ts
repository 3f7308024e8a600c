/** The relay: delivers the shop's messages by HTTP, until it is stopped or killed. A process of its own. */
import { sqlite } from '../../sqlite.js'
import { createWaybill } from '../../waybill.js'
import { startChild } from './child.js'
import { httpTransport } from './http-transport.js'
import { DELIVERY_TIMEOUT_MS, LEASE_MS, type RelaySettings } from './plan.js'

const child = startChild<RelaySettings>()
const { database, port, run } = child.settings
const waybill = createWaybill({ store: sqlite({ path: database }) })
const relay = waybill.relay({
  target: 'warehouse',
  transport: httpTransport(`http://127.0.0.1:${port}/orders`, { 'demo-run': String(run) }),
  leaseMs: LEASE_MS,
  timeoutMs: DELIVERY_TIMEOUT_MS,
  concurrency: 20,
  batch: 20,
  retry: { baseMs: 200, maxMs: 2_000 },
})
await relay.start()
child.ready(() => ({ delivered: relay.counters().delivered }))
await child.stopped
await relay.stop({ timeoutMs: 2 * DELIVERY_TIMEOUT_MS })
await waybill.close()
child.end()
