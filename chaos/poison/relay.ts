/**
 * A relay, whose handler is the destination: it takes what it is given, unless that is poison, and writes it down. A
 * process, which some of the poison kills.
 */
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createWaybill, permanentError } from 'waybill'
import { Journal, now } from '../history/journal.js'
import { forwarding } from '../outbox/recording-store.js'
import { LEASE_MS, NAME_HEADER, RETRY, STALL } from '../plan.js'
import { startChild, type ChildSettings } from '../processes/child.js'
import { StallWatch } from '../processes/stall-watch.js'
import { openPlace, type Place } from '../stage/place.js'
import { digestOf } from './load.js'
import {
  BATCH, CONCURRENCY, HEAP, LANE, LANES, MOST_BYTES, poisonOf, REFUSAL, TARGET, TIMEOUT_MS, WORK_MS,
} from './plan.js'

export interface RelaySettings extends ChildSettings {
  readonly name: string
  readonly folder: string
  readonly place: Place
  /** Does not wait for `go`. */
  readonly begins: boolean
}

interface Delivered {
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: Uint8Array
}

interface RelayCommand {
  readonly kind: 'go'
}

const child = startChild<RelaySettings, RelayCommand>()
const { name, folder, place, begins } = child.settings
const journal = new Journal(join(folder, `${name}.jsonl`))
const stalls = new StallWatch(journal, STALL)
const store = openPlace(place, 'chaos-relay')
/** A call that takes long may cost a lease. */
const outbox: typeof store.outbox = {
  ...forwarding(store.outbox),
  claim: (request) => stalls.during('claim', () => store.outbox.claim(request)),
  settle: (request) => stalls.during('settle', () => store.outbox.settle(request)),
  extend: (request) => stalls.during('extend', () => store.outbox.extend(request)),
}
const waybill = createWaybill({ store: { ...store, outbox }, lanes: LANES })
const counts = { accepted: 0, refused: 0 }

async function receive({ headers, bytes }: Delivered): Promise<void> {
  const message = headers[NAME_HEADER] ?? ''
  const poison = poisonOf(message)
  await wait(poison === 'kills' ? 0 : WORK_MS)
  if (poison === 'kills') die()
  const accepted = poison === undefined
  journal.write({ kind: 'received', at: now(), message, digest: digestOf(bytes), accepted })
  counts[accepted ? 'accepted' : 'refused'] += 1
  if (poison === 'throws') throw new TypeError('cannot read properties of undefined')
  // As a handler that has forgotten its signal: it never ends.
  if (poison === 'hangs') await new Promise(() => undefined)
  if (poison === 'permanent') throw permanentError(REFUSAL)
  if (bytes.byteLength > MOST_BYTES) throw new Error(`413: ${bytes.byteLength} bytes, at most ${MOST_BYTES} are taken`)
}

function die(): never {
  process.kill(process.pid, 'SIGKILL')
  // The signal may take a moment; nothing may happen in it.
  for (;;);
}

const relay = waybill.relay({
  lane: LANE, handlers: { [TARGET]: receive }, heap: waybill.heap(HEAP), leaseMs: LEASE_MS, timeoutMs: TIMEOUT_MS,
  retry: RETRY, batch: BATCH, concurrency: CONCURRENCY, consumer: name,
})
child.onCommand(() => void relay.start())
if (begins) await relay.start()
child.ready(() => ({ ...counts, storeErrors: relay.counters().storeErrors }))
await child.stopped
await relay.stop({ timeoutMs: 5_000 })
await waybill.close()
child.end()
