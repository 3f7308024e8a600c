/** One of the processes of a subscriber: Waybill's own over the run's store, until stopped or killed. A process. */
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import {
  createWaybill, type CheckpointStore, type FeedSnapshot, type FeedState, type FeedStore, type GapReport, type Result,
  type ResultContext,
} from 'waybill'
import { Journal, now } from '../history/journal.js'
import { DELIVERY_TIMEOUT_MS, STALL } from '../plan.js'
import { startChild, type ChildSettings } from '../processes/child.js'
import { KillPoints } from '../processes/kill-points.js'
import { StallWatch } from '../processes/stall-watch.js'
import { postTo } from '../receiver/post.js'
import { openPlace, type Place } from '../stage/place.js'
import { readChanges, rowsOf } from './drafts.js'
import { digestOfChanges, digestOfRows } from './history/digest.js'
import type { RunEvent, SeenResult, SeenSnapshot } from './history/events.js'
import { BATCHING, CAPACITIES, type SubscriberPoint } from './plan.js'
import { recordingCheckpoints } from './recording-checkpoints.js'
import { recordingFeeds } from './recording-feeds.js'
import { roleOf, subscriberOptions } from './subscriber-options.js'

export interface SubscriberSettings extends ChildSettings {
  readonly name: string
  readonly folder: string
  readonly place: Place
  readonly receivers: readonly number[]
  readonly subscriber: string
}

type SubscriberCommand =
  | { readonly kind: 'arm'; readonly point?: SubscriberPoint }
  /** The answer to the next save. */
  | { readonly kind: 'lose' }

const STOP_MS = 2 * DELIVERY_TIMEOUT_MS
const STATES_KEPT = 50

const child = startChild<SubscriberSettings, SubscriberCommand>()
const { name, folder, place, receivers, subscriber: id } = child.settings
const journal = new Journal<RunEvent>(join(folder, `${name}.jsonl`))
const stalls = new StallWatch(journal, STALL)
const points = new KillPoints<SubscriberPoint>()
const counts = { told: 0, snapshots: 0, lostAnswers: 0 }
let toLose = 0
const store = openPlace(place, 'chaos-subscriber')
/** The states that were read last, by which a report is known to be of an incarnation. */
let states: FeedState[] = []

const feedStore = recordingFeeds(store.feeds as FeedStore, {
  read: (state) => { states = [state, ...states].slice(0, STATES_KEPT) },
  paged: () => points.reach('after-page'),
})
const checkpoints = recordingCheckpoints(store.checkpoints as CheckpointStore, name, {
  journal, points, watch: (what, call) => stalls.during(what, call),
  losesAnswer: () => {
    if (toLose === 0) return false
    toLose -= 1
    counts.lostAnswers += 1
    return true
  },
})
const waybill = createWaybill({ store: { ...store, feeds: feedStore, checkpoints } })

let stopping: Promise<unknown> | undefined
function stopAndDie(): void {
  stopping ??= Promise.all([subscriber.stop({ timeoutMs: STOP_MS }), wait(2).then(() => points.reach('during-stop'))])
}

interface SideEffect {
  readonly name: string
  readonly payload: unknown
  readonly results?: readonly SeenResult[]
  readonly snapshot?: SeenSnapshot
}

async function send(effect: SideEffect, { feed, term, attempt, signal }: ResultContext): Promise<void> {
  const { results, snapshot } = effect
  await postTo(receivers, {
    place: `${id} ${feed.name}`, name: effect.name, attempt, contentType: 'application/json',
    payload: Buffer.from(JSON.stringify(effect.payload)), signal,
    note: { subscriber: id, feed: feed.name, term: Number(term), begunAt: now(), results, snapshot },
  })
}

async function handle(results: readonly Result[], context: ResultContext): Promise<void> {
  points.reach('before-handler')
  if (points.isArmed('during-stop')) stopAndDie()
  const seen = results.map(({ sequence, changes }) => ({ sequence: Number(sequence), ...readChanges(changes) }))
  await send({
    name: `${id}/${seen[0]?.result}-${seen.length}`, payload: seen.map(({ changes }) => changes),
    results: seen.map(({ sequence, result, changes }) => [sequence, result, digestOfChanges(changes)]),
  }, context)
  points.reach('after-handler')
}

async function handleSnapshot(snapshot: FeedSnapshot, context: ResultContext): Promise<void> {
  const rows = await rowsOf(snapshot, () => points.reach('during-snapshot'))
  // Where rows are set right while they are read, it is of the end.
  const { incarnation, sequence } = snapshot
  await send({
    name: `${id}/${incarnation}/${sequence}`, payload: rows,
    snapshot: { incarnation, sequence: Number(sequence), digest: digestOfRows(rows) },
  }, context)
  counts.snapshots += 1
}

function told({ feed, reason, action, requested, earliest, latest, lost }: GapReport): void {
  const state = states.find((each) => each.feed === feed.key && each.first === earliest && each.sequence === latest)
  counts.told += 1
  journal.write({
    kind: 'gap', at: now(), subscriber: id, feed: feed.name, incarnation: state?.incarnation ?? 'never read', reason,
    action, requested: Number(requested), earliest: Number(earliest), latest: Number(latest),
    lost: lost === undefined ? undefined : [Number(lost.from), Number(lost.to)],
  })
}

const { feeds: followed, inBatches, start, recovery } = roleOf(id)
const takesSnapshots = start === 'snapshot' || recovery === 'auto_reset'
const options = {
  ...subscriberOptions(id, name), onGap: told,
  feeds: followed.map((feed) => waybill.feed(feed, { capacity: CAPACITIES[feed] ?? 1 })),
  ...(takesSnapshots ? { onSnapshot: handleSnapshot } : {}),
}
const subscriber = waybill.subscriber(inBatches
  ? { ...options, onBatch: handle, batching: BATCHING }
  : { ...options, onResult: (result, context) => handle([result], context) })

child.onCommand((command) => {
  if (command.kind === 'lose') toLose += 1
  else points.arm(command.point)
})
await subscriber.start()
child.ready(() => {
  const { delivered, lostClaims, storeErrors } = subscriber.counters()
  const active = subscriber.status().term === undefined ? 0 : 1
  return { delivered, lostClaims, storeErrors, active, ...counts }
})
await child.stopped
await subscriber.stop({ timeoutMs: STOP_MS })
await waybill.close()
if (subscriber.failure !== undefined) throw subscriber.failure
child.end()
