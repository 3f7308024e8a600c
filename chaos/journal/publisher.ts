/** One of the publishers of one name: Waybill's own over the run's store, until it is stopped or killed. A process. */
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createWaybill, type ProgressStore, type PublishedEvent } from 'waybill'
import { Journal, now } from '../history/journal.js'
import { DELIVERY_TIMEOUT_MS, NAME_HEADER, STALL } from '../plan.js'
import { startChild, type ChildSettings } from '../processes/child.js'
import { KillPoints } from '../processes/kill-points.js'
import { StallWatch } from '../processes/stall-watch.js'
import { postTo } from '../receiver/post.js'
import { openPlace, type Place } from '../stage/place.js'
import type { RunEvent } from './history/events.js'
import type { KillPoint } from './plan.js'
import { publisherOptions } from './publisher-options.js'
import { recordingProgress } from './recording-progress.js'

export interface PublisherSettings extends ChildSettings {
  readonly name: string
  readonly folder: string
  readonly place: Place
  readonly receivers: readonly number[]
}

interface PublisherCommand {
  readonly kind: 'arm'
  readonly point?: KillPoint
}

const STOP_MS = 2 * DELIVERY_TIMEOUT_MS

const child = startChild<PublisherSettings, PublisherCommand>()
const { name, folder, place, receivers } = child.settings
const journal = new Journal<RunEvent>(join(folder, `${name}.jsonl`))
const stalls = new StallWatch(journal, STALL)
const points = new KillPoints<KillPoint>()
const store = openPlace(place, 'chaos-publisher')
const progress = recordingProgress(store.progress as ProgressStore, name, {
  journal, points, watch: (what, call) => stalls.during(what, call),
})
const waybill = createWaybill({ store: { ...store, progress } })

let stopping: Promise<unknown> | undefined
function stopAndDie(): void {
  stopping ??= Promise.all([publisher.stop({ timeoutMs: STOP_MS }), wait(2).then(() => points.reach('during-stop'))])
}

async function publish(event: PublishedEvent, claimToken: string, signal: AbortSignal): Promise<void> {
  points.reach('before-publish')
  if (points.isArmed('during-stop')) stopAndDie()
  const [part, term] = claimToken.split(':').map(Number)
  const { id, stream, attempt } = event
  await postTo(receivers, {
    place: stream, name: event.headers[NAME_HEADER] ?? id, attempt, payload: event.bytes,
    contentType: event.contentType,
    note: { id, stream, sequence: Number(event.sequence), attempt, part, term, begunAt: now() }, signal,
  })
  points.reach('after-publish')
}

const publisher = waybill.publisher({
  ...publisherOptions(name), publish: (event, { claimToken, signal }) => publish(event, claimToken, signal),
})
child.onCommand(({ point }) => points.arm(point))
await publisher.start()

child.ready(() => {
  const { delivered, lostClaims, storeErrors } = publisher.counters()
  return { delivered, lostClaims, storeErrors }
})
await child.stopped
await publisher.stop({ timeoutMs: STOP_MS })
await waybill.close()
if (publisher.failure !== undefined) throw publisher.failure
child.end()
