/**
 * A producer: business rows and feeds in one transaction, several transactions at a time. A process.
 *
 * It says `begin` before BEGIN, `wrote` when a feed has answered and `began` when it was reset, both before COMMIT,
 * `committed` after the reply to it, `aborted` when it was not sent, and `unknown` when it was and the reply was no
 * success. What a killed producer leaves without an end is unknown too; its parent writes that.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { join } from 'node:path'
import { createWaybill, type FeedState, type FeedStore } from 'waybill'
import { seededRandom } from 'waybill/testkit'
import { Journal, now } from '../history/journal.js'
import { startChild } from '../processes/child.js'
import { KillPoints } from '../processes/kill-points.js'
import { bear, ChangedMind, produceOn, type ProducerCommand, type ProducerSettings } from '../processes/producing.js'
import { failStatement, insertOrder, openPlace } from '../stage/place.js'
import { changeRows, clearRows } from './business.js'
import { draftFeeds, type DraftedResult, type Row } from './drafts.js'
import { digestOfChanges } from './history/digest.js'
import type { RowChange, RunEvent } from './history/events.js'
import { CAPACITIES, FEEDS, LANE, PRODUCER, RENEWED, type ProducerPoint } from './plan.js'
import { recordingFeeds } from './recording-feeds.js'

type FeedProducerCommand = ProducerCommand | { readonly kind: 'arm'; readonly point?: ProducerPoint }

const child = startChild<ProducerSettings, FeedProducerCommand>()
const { name: producer, folder, place, seed } = child.settings
const journal = new Journal<RunEvent>(join(folder, `${producer}.jsonl`))
const points = new KillPoints<ProducerPoint>()
const random = seededRandom(seed)
const store = openPlace(place, 'chaos-producer')
/** What the feed store answered to the commits of one transaction. */
const answers = new AsyncLocalStorage<FeedState[]>()
const feedStore = recordingFeeds(store.feeds as FeedStore, {
  committed: (state) => void answers.getStore()?.push(state),
})
const waybill = createWaybill({ store: { ...store, feeds: feedStore } })
const feeds = new Map(FEEDS.map((name) => [name, waybill.feed(name, { capacity: CAPACITIES[name] ?? 1 })]))
const counts = { committed: 0, results: 0, aborted: 0, unknown: 0, resets: 0 }

function feedOf(name: string) {
  const feed = feeds.get(name)
  if (feed === undefined) throw new Error(`there is no feed ${name}`)
  return feed
}

async function commit(handle: unknown, tx: string, name: string, results: readonly DraftedResult[]): Promise<number> {
  const states: FeedState[] = []
  const { advanced, sequence = 0n } = await answers.run(states, () => (
    feedOf(name).commitMany(handle as never, results.map(({ drafts }) => drafts))))
  const real = results.filter(({ changes }) => changes.length > 0)
  if (advanced !== real.length > 0) throw new Error(`${tx}: ${real.length} results, advanced: ${advanced}`)
  const state = states.at(-1)
  if (state === undefined) return 0
  journal.write({
    kind: 'wrote', at: now(), tx, feed: name, incarnation: state.incarnation,
    results: real.map(({ result, changes }, index) => ({
      result, changes, digest: digestOfChanges(changes), sequence: Number(sequence) - real.length + index + 1,
    })),
  })
  points.reach('after-feed-commit')
  for (const { changes } of real) await changeRows(place, handle, name, changes)
  return real.length
}

async function commitAll(handle: unknown, tx: string): Promise<number> {
  let added = 0
  for (const [name, results] of draftFeeds(random, tx)) added += await commit(handle, tx, name, results)
  return added
}

/** Empties a feed, or removes it, so that the next commit makes it anew. */
async function renew(handle: unknown, tx: string, removes: boolean): Promise<number> {
  const name = RENEWED[random.integer(0, RENEWED.length - 1)] ?? RENEWED[0]
  const feed = feedOf(name)
  if (removes) await feed.delete(handle)
  else {
    const { incarnation } = await feed.reset(handle)
    const rows = Array.from({ length: random.integer(0, PRODUCER.mostBootstrapped) }, (_, number): RowChange => (
      [`row-${number + 1}`, `${tx}:${number}`]))
    await feed.bootstrap(handle, rows.map(([key, value]) => (
      { key, value: { key, value: value ?? '', result: tx } satisfies Row })))
    journal.write({ kind: 'began', at: now(), tx, feed: name, incarnation, rows })
    await clearRows(place, handle, name)
    await changeRows(place, handle, name, rows)
    counts.resets += 1
    return 1
  }
  await clearRows(place, handle, name)
  return 1
}

async function produce(tx: string): Promise<number> {
  const [luck, kind] = [random.next(), random.next()]
  let committing = false
  let added = 1
  journal.write({ kind: 'begin', at: now(), tx })
  try {
    await waybill.transaction(async (handle) => {
      const renews = kind < PRODUCER.resets + PRODUCER.removals
      added = await (renews ? renew(handle, tx, kind < PRODUCER.removals) : commitAll(handle, tx))
      await insertOrder(place, handle, { tx, lane: LANE, messages: added })
      if (luck < PRODUCER.aborts) throw new ChangedMind()
      if (luck < PRODUCER.aborts + PRODUCER.failingStatement) await failStatement(place, handle)
      committing = true
      points.reach('before-commit')
    })
    points.reach('after-commit')
    journal.write({ kind: 'committed', at: now(), tx })
    counts.committed += 1
    counts.results += added
  } catch (error) {
    journal.write({ kind: committing ? 'unknown' : 'aborted', at: now(), tx })
    counts[committing ? 'unknown' : 'aborted'] += 1
    await bear(error)
  }
  return Math.max(1, added)
}

child.onCommand((command) => {
  if (command.kind === 'arm') points.arm(command.point)
})
child.ready(() => counts)
await produceOn(child, (transaction) => produce(`${producer}.${transaction}`))
await waybill.close()
child.end()
