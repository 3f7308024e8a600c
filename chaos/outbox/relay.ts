/** A relay: Waybill's own over the run's store, delivering by HTTP until it is stopped or killed. A process. */
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createWaybill } from 'waybill'
import { Journal } from '../history/journal.js'
import { DELIVERY_TIMEOUT_MS, LEASE_MS, RETRY, STALL } from '../plan.js'
import { startChild, type ChildSettings } from '../processes/child.js'
import { KillPoints } from '../processes/kill-points.js'
import { StallWatch } from '../processes/stall-watch.js'
import { openPlace, type Place } from '../stage/place.js'
import { BATCH, CONCURRENCY, LANE_NAMES, LANES, TARGET, type KillPoint } from './plan.js'
import { receiverTransport } from './receiver-transport.js'
import { ClaimRecord, recordingStore } from './recording-store.js'

export interface RelaySettings extends ChildSettings {
  readonly name: string
  readonly folder: string
  readonly place: Place
  readonly receivers: readonly number[]
}

interface RelayCommand {
  readonly kind: 'arm'
  readonly point?: KillPoint
}

const child = startChild<RelaySettings, RelayCommand>()
const { name, folder, place, receivers } = child.settings
const journal = new Journal(join(folder, `${name}.jsonl`))
const record = new ClaimRecord(journal)
const stalls = new StallWatch(journal, STALL)
const points = new KillPoints<KillPoint>()
const store = openPlace(place, 'chaos-relay')
const outbox = recordingStore(store.outbox, record, points, (what, call) => stalls.during(what, call))
const waybill = createWaybill({ store: { ...store, outbox }, lanes: LANES })

let draining: Promise<unknown> | undefined
function drain(): void {
  draining ??= Promise.all([
    ...relays.map((relay) => relay.stop({ timeoutMs: 2 * DELIVERY_TIMEOUT_MS })),
    wait(2).then(() => points.reach('during-drain')),
  ])
}

const relays = LANE_NAMES.map((lane) => waybill.relay({
  lane, target: TARGET, transport: receiverTransport({ receivers, points, record, drain }),
  leaseMs: LEASE_MS, timeoutMs: DELIVERY_TIMEOUT_MS, retry: RETRY, batch: BATCH, concurrency: CONCURRENCY,
  consumer: name,
}))
child.onCommand(({ point }) => points.arm(point))
for (const relay of relays) await relay.start()

child.ready(() => {
  const sums = { delivered: 0, lostClaims: 0, storeErrors: 0 }
  for (const relay of relays) {
    const counters = relay.counters()
    sums.delivered += counters.delivered
    sums.lostClaims += counters.lostClaims
    sums.storeErrors += counters.storeErrors
  }
  return sums
})
await child.stopped
await Promise.all(relays.map((relay) => relay.stop({ timeoutMs: 2 * DELIVERY_TIMEOUT_MS })))
await waybill.close()
child.end()
