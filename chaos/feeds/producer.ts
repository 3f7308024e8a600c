/**
 * A producer: business rows and feeds in one transaction, several transactions at a time. A process.
 *
 * It says `begin` before BEGIN, `wrote` when a feed has answered and `began` when it was reset, both before COMMIT,
 * `committed` after the reply to it, `aborted` when it was not sent, and `unknown` when it was and the reply was no
 * success. What a killed producer leaves without an end is unknown too; its parent writes that.
 */
import { join } from 'node:path'
import { seededRandom } from 'waybill/testkit'
import { Journal, now } from '../history/journal.js'
import { startChild } from '../processes/child.js'
import { KillPoints } from '../processes/kill-points.js'
import { bear, ChangedMind, produceOn, type ProducerSettings } from '../processes/producing.js'
import { failStatement, insertOrder, openPlace } from '../stage/place.js'
import { changeRows, clearRows } from './business.js'
import { draftFeeds, type DraftedResult, type Row } from './drafts.js'
import type { RowChange, RunEvent } from './history/events.js'
import { placedFeeds } from './placed-feeds.js'
import { LANE, PRODUCER, RENEWED, type FeedProducerCommand, type ProducerPoint } from './plan.js'

const child = startChild<ProducerSettings, FeedProducerCommand>()
const { name: producer, folder, place, seed } = child.settings
const journal = new Journal<RunEvent>(join(folder, `${producer}.jsonl`))
const points = new KillPoints<ProducerPoint>()
const random = seededRandom(seed)
const store = openPlace(place, 'chaos-producer')
const { waybill, feedOf, commit: commitTo } = placedFeeds(store)
const counts = { committed: 0, results: 0, aborted: 0, unknown: 0, resets: 0 }

async function commit(handle: unknown, tx: string, name: string, drafted: readonly DraftedResult[]): Promise<number> {
  const placed = await commitTo(handle, name, drafted)
  if (placed === undefined) return 0
  const { incarnation, results } = placed
  journal.write({ kind: 'wrote', at: now(), tx, feed: name, incarnation, results })
  points.reach('after-feed-commit')
  for (const { changes } of results) await changeRows(place, handle, name, changes)
  return results.length
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
