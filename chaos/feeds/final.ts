/** Before and after: the feeds as the run makes them, and what there is when everything was stopped. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createWaybill, type CheckpointStore, type FeedStore, type Store, type SubscriberState } from 'waybill'
import { Journal, now } from '../history/journal.js'
import { mergeJournals } from '../history/merge.js'
import { insertOrder } from '../stage/place.js'
import type { Stage } from '../stage/stage.js'
import { readAppended } from './appended-feeds.js'
import { changeRows, createRows, readRows } from './business.js'
import { decide } from './deciding.js'
import { readChanges, rowsOf, type Row } from './drafts.js'
import { digestOfChanges, digestOfRows } from './history/digest.js'
import type { ProducerEvent, RowChange, RunEvent, SeenResult } from './history/events.js'
import { CAPACITIES, FEEDS, LANE, ROLES } from './plan.js'
import { placesOf } from './recording-checkpoints.js'

const PAGE = 1_000
const FIRST_ROWS = 10
const PRODUCERS_JOURNAL = /^(?:first|p\d+r\d+)\.jsonl$/
const ALL_ORDERS = 'select tx from chaos_order'

/** Each feed begins with rows that no result tells of. */
export async function prepareFeeds(stage: Stage, folder: string): Promise<void> {
  const journal = new Journal<RunEvent>(join(folder, 'first.jsonl'))
  await createRows(stage)
  const waybill = createWaybill({ store: stage.own })
  for (const name of FEEDS) {
    const tx = `first.${name}`
    const feed = waybill.feed(name, { capacity: CAPACITIES[name] ?? 1 })
    const rows = Array.from({ length: FIRST_ROWS }, (_, number): RowChange => [`row-${number + 1}`, `${tx}:${number}`])
    journal.write({ kind: 'begin', at: now(), tx })
    await waybill.transaction(async (handle) => {
      const { incarnation } = await feed.reset(handle)
      await feed.bootstrap(handle, rows.map(([key, value]) => (
        { key, value: { key, value: value ?? '', result: tx } satisfies Row })))
      await changeRows(stage.direct, handle, name, rows)
      await insertOrder(stage.direct, handle, { tx, lane: LANE, messages: 1 })
      journal.write({ kind: 'began', at: now(), tx, feed: name, incarnation, rows })
    })
    journal.write({ kind: 'committed', at: now(), tx })
  }
  journal.close()
}

/** How many results the subscribers are behind, all together. */
export async function countWaiting({ own }: Stage): Promise<number> {
  const subscribers = await subscribersOf(own)
  const { feeds } = storesOf(own)
  const states = await feeds.list({ after: '', limit: PAGE })
  let waiting = 0
  for (const [id, role] of Object.entries(ROLES)) {
    const stored = subscribers.find(({ subscriber }) => subscriber === id)?.checkpoints ?? []
    for (const { feed, incarnation, sequence } of states.filter((state) => role.feeds.includes(state.feed))) {
      const checkpoint = stored.find((each) => each.feed === feed)
      waiting += checkpoint?.incarnation === incarnation ? Number(sequence - checkpoint.sequence) : Number(sequence) + 1
    }
  }
  return waiting
}

export async function writeFinal(stage: Stage, folder: string, canary: boolean): Promise<void> {
  const { own } = stage
  const orders = await findOrders(stage, folder)
  const journal = new Journal<RunEvent>(join(folder, 'final.jsonl'))
  for (const tx of canary ? orders.slice(1) : orders) journal.write({ kind: 'order', at: now(), tx })
  for (const name of FEEDS) await writeFeed(stage, journal, name)
  for (const { subscriber, checkpoints } of await subscribersOf(own)) {
    for (const place of placesOf(checkpoints)) journal.write({ kind: 'checkpoint', at: now(), subscriber, ...place })
  }
  journal.write({ kind: 'end', at: now() })
  journal.close()
}

/** The transactions that committed: by the application's own table, or by what the server has appended to its file. */
async function findOrders(stage: Stage, folder: string): Promise<readonly string[]> {
  if (stage.store !== 'redis') return (await stage.query(ALL_ORDERS)).map(({ tx }) => String(tx))
  const paths = readdirSync(folder).filter((name) => PRODUCERS_JOURNAL.test(name)).map((name) => join(folder, name))
  const { orders, written } = decide(mergeJournals<ProducerEvent>(paths), readAppended(stage))
  const journal = new Journal<RunEvent>(join(folder, 'decided.jsonl'))
  journal.write(...written)
  journal.close()
  return orders
}

async function writeFeed(stage: Stage, journal: Journal<RunEvent>, name: string): Promise<void> {
  const feed = createWaybill({ store: stage.own }).feed(name, { capacity: CAPACITIES[name] ?? 1 })
  const snapshot = await feed.snapshot()
  if (snapshot === undefined) return
  const rows = await rowsOf(snapshot)
  const own = digestOfRows(await readRows(stage, name))
  const { incarnation, sequence } = snapshot
  const first = (await storesOf(stage.own).feeds.state(name))?.first ?? 1n
  const log: SeenResult[] = []
  for (let after = first - 1n; ;) {
    const page = await feed.after(after)
    if (page.kind !== 'results') break
    for (const { sequence: number, changes: all } of page.results) {
      const { result, changes } = readChanges(all)
      log.push([Number(number), result, digestOfChanges(changes)])
    }
    after = page.results.at(-1)?.sequence ?? after
    if (!page.hasMore) break
  }
  journal.write({
    kind: 'feed', at: now(), feed: name, incarnation, sequence: Number(sequence), rows: digestOfRows(rows), own, log,
  })
}

function subscribersOf(own: Store): Promise<readonly SubscriberState[]> {
  return storesOf(own).checkpoints.list({ after: '', limit: PAGE })
}

function storesOf({ feeds, checkpoints }: Store): { feeds: FeedStore; checkpoints: CheckpointStore } {
  if (feeds === undefined || checkpoints === undefined) throw new Error('this store has no feeds')
  return { feeds: feeds, checkpoints }
}
