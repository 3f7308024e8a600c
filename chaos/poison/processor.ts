/** A processor of dead letters: quarantines what has failed too often by the heap. A process. */
import { createWaybill, DlqProcessor } from 'waybill'
import { Journal, now } from '../history/journal.js'
import { join } from 'node:path'
import { startChild, type ChildSettings } from '../processes/child.js'
import { KillPoints } from '../processes/kill-points.js'
import { openPlace, type Place } from '../stage/place.js'
import { DRAIN_LEASE_MS, HEAP, LANES, THRESHOLD, TICK_MS, type KillPoint } from './plan.js'

export interface ProcessorSettings extends ChildSettings {
  readonly name: string
  readonly folder: string
  readonly place: Place
}

interface ProcessorCommand {
  readonly kind: 'arm'
  readonly point?: KillPoint
}

/** What the heap gave, and what became of it. */
export interface QuarantineEvent {
  readonly kind: 'quarantined'
  readonly at: number
  readonly drained: number
  readonly moved: number
}

const child = startChild<ProcessorSettings, ProcessorCommand>()
const { name, folder, place } = child.settings
const journal = new Journal<QuarantineEvent>(join(folder, `${name}.jsonl`))
const points = new KillPoints<KillPoint>()
const waybill = createWaybill({ store: openPlace(place, 'chaos-processor'), lanes: LANES })
const counts = { drained: 0, moved: 0 }
child.onCommand(({ point }) => points.arm(point))

const processor = new DlqProcessor({
  heap: waybill.heap(HEAP, { drainLeaseMs: DRAIN_LEASE_MS }), threshold: THRESHOLD, intervalMs: TICK_MS,
  async quarantine(entries) {
    points.reach('before-quarantine')
    const answers = await waybill.outbox.quarantine(
      entries.map(({ id, failures, lastError }) => ({ id, failures, error: lastError })))
    const moved = answers.filter((answer) => answer === 'dead_lettered').length
    journal.write({ kind: 'quarantined', at: now(), drained: entries.length, moved })
    counts.drained += entries.length
    counts.moved += moved
    points.reach('after-quarantine')
    return entries.map(({ id }) => id)
  },
})
await processor.start()
child.ready(() => counts)
await child.stopped
await processor.stop()
await waybill.close()
child.end()
