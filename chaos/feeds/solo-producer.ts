/**
 * A producer where there are no transactions: each commit to a feed takes effect by itself. A process.
 *
 * What it is about to commit it writes down before it asks (`begin`, `meant`), and where that is when it was answered
 * (`answered`, `committed`); the former bears the time before it asked: others may have had it before the answer was
 * here. When no answer came, `unknown`, it commits something else: what is committed again might be there twice. What
 * became of it is told by the server's append-only file. Lines are on the disk before it goes on, as the server's are
 * before it answers.
 *
 * A feed that is made, or begins anew, is a transaction of its own, under a name that the incarnation gives it.
 */
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { FeedState, FeedStore, NewFeed } from 'waybill'
import { seededRandom } from 'waybill/testkit'
import { Journal, now } from '../history/journal.js'
import { startChild } from '../processes/child.js'
import { KillPoints } from '../processes/kill-points.js'
import { bear, produceOn, type ProducerSettings } from '../processes/producing.js'
import { openPlace, type Place } from '../stage/place.js'
import { draftFeeds, type DraftedResult } from './drafts.js'
import type { RunEvent } from './history/events.js'
import { meantBy, placedFeeds } from './placed-feeds.js'
import { PRODUCER, RENEWED, type FeedProducerCommand, type ProducerPoint } from './plan.js'
import { forwardingFeeds } from './recording-feeds.js'

const child = startChild<ProducerSettings<Place>, FeedProducerCommand>()
const { name: producer, folder, place, seed } = child.settings
const journal = new Journal<RunEvent>(join(folder, `${producer}.jsonl`), { synced: true })
const points = new KillPoints<ProducerPoint>()
const random = seededRandom(seed)
const store = openPlace(place, 'chaos-producer')
const own = store.feeds as FeedStore
const { waybill, feedOf, commit } = placedFeeds(store, {
  ...forwardingFeeds(own),
  open: (tx, feed) => makeFeed(feed, () => own.open(tx, feed)),
  reset: (tx, feed) => makeFeed(feed, () => own.reset(tx, feed)),
  commit(tx, request) {
    points.reach('before-commit')
    const answer = own.commit(tx, request)
    // It was sent, and the answer is hardly here.
    if (points.isArmed('after-feed-commit')) void wait(1).then(() => points.reach('after-feed-commit'))
    return answer
  },
})
const counts = { committed: 0, results: 0, unknown: 0, resets: 0 }

async function makeFeed(feed: NewFeed, make: () => Promise<FeedState>): Promise<FeedState> {
  const { feed: name, incarnation } = feed
  const tx = `made ${incarnation}`
  journal.write({ kind: 'begin', at: now(), tx }, { kind: 'began', at: now(), tx, feed: name, incarnation, rows: [] })
  try {
    const state = await make()
    // Somebody else had made it before.
    const isMade = state.incarnation === incarnation
    journal.write({ kind: isMade ? 'committed' : 'aborted', at: now(), tx })
    return state
  } catch (error) {
    journal.write({ kind: 'unknown', at: now(), tx })
    throw error
  }
}

async function commitTo(name: string, tx: string, drafted: readonly DraftedResult[]): Promise<number> {
  const meant = meantBy(drafted)
  if (meant.length > 0) {
    journal.write({ kind: 'begin', at: now(), tx }, { kind: 'meant', at: now(), tx, feed: name, results: meant })
  }
  try {
    const placed = await waybill.transaction((handle) => commit(handle, name, drafted))
    if (placed === undefined) return 0
    points.reach('after-commit')
    const { askedAt, incarnation, results } = placed
    journal.write(
      { kind: 'answered', at: askedAt, tx, feed: name, incarnation, results }, { kind: 'committed', at: now(), tx })
    counts.committed += 1
    counts.results += meant.length
  } catch (error) {
    journal.write({ kind: 'unknown', at: now(), tx })
    counts.unknown += 1
    await bear(error)
  }
  return meant.length
}

/** Empties a feed, or removes it, so that the next commit makes it anew. */
async function renew(removes: boolean): Promise<void> {
  const feed = feedOf(RENEWED[random.integer(0, RENEWED.length - 1)] ?? RENEWED[0])
  try {
    await waybill.transaction(async (handle) => { await (removes ? feed.delete(handle) : feed.reset(handle)) })
    counts.resets += 1
  } catch (error) {
    await bear(error)
  }
}

async function produce(tx: string): Promise<number> {
  const kind = random.next()
  let added = 0
  if (kind < PRODUCER.resets + PRODUCER.removals) await renew(kind < PRODUCER.removals)
  else for (const [name, drafted] of draftFeeds(random, tx)) added += await commitTo(name, `${tx}/${name}`, drafted)
  return Math.max(1, added)
}

child.onCommand((command) => {
  if (command.kind === 'arm') points.arm(command.point)
})
child.ready(() => counts)
await produceOn(child, (transaction) => produce(`${producer}.${transaction}`))
await waybill.close()
child.end()
