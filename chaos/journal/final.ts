/** What there is when everything was stopped: events, dead letters, and how far the publisher is. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { createWaybill, type JournalStore, type ProgressStore, type Store } from 'waybill'
import { Journal, now } from '../history/journal.js'
import { NAME_HEADER } from '../plan.js'
import type { SqlStage } from '../stage/stage.js'
import type { RunEvent } from './history/events.js'
import { LANE, PUBLISHER } from './plan.js'
import { publisherOptions } from './publisher-options.js'

const PAGE = 1_000
const COUNT_EVENTS = `select coalesce(sum(messages), 0) as events from chaos_order where lane = '${LANE}'`

/** Committed, by the application's own table. */
export async function countEvents({ query }: SqlStage): Promise<number> {
  const [row] = await query(COUNT_EVENTS)
  return Number(row?.['events'])
}

export async function heldStreams({ own }: SqlStage): Promise<number> {
  const publishers = await progressOf(own).list({ after: '', limit: 1 })
  return publishers.reduce((sum, each) => sum + each.heldStreams, 0)
}

export async function writeFinal(stage: SqlStage, folder: string, canary: boolean): Promise<void> {
  const { own } = stage
  const journal = new Journal<RunEvent>(join(folder, 'final.jsonl'))
  const unfinished = [...await publishAgain(own), ...await behindCursors(own, journal)]
  await writeEvents(own, journal, canary)
  await writeDeadLetters(own, journal)
  journal.write({
    kind: 'end', at: now(), rows: await countEvents(stage), heldStreams: await heldStreams(stage), unfinished,
  })
  journal.close()
}

/** What one more publisher of the name has to do, which is nothing. */
async function publishAgain(own: Store): Promise<string[]> {
  const published: string[] = []
  const waybill = createWaybill({ store: own })
  const publisher = waybill.publisher({
    ...publisherOptions('afterwards'), publish: ({ id, headers }) => void published.push(headers[NAME_HEADER] ?? id),
  })
  await publisher.drain()
  await publisher.stop()
  return published
}

/** The stored cursors have passed everything. */
async function behindCursors(own: Store, journal: Journal<RunEvent>): Promise<string[]> {
  const askedAt = now()
  const state = await progressOf(own).look(PUBLISHER)
  if (state === undefined) return ['there is no progress']
  const parts = state.parts.map(({ part, term, slots, owner }) => (
    { part, term: Number(term), slots: slots.toString(16), owner }))
  journal.write({ kind: 'taken', at: now(), askedAt, owner: 'run', parts })
  const pages = await journalOf(own).readPages({
    tags: undefined, streams: undefined, scope: undefined, limit: 1,
    parts: state.parts.map(({ cursor, slots }) => ({ cursor, slots })),
  })
  return pages.flatMap(({ events }) => events.map(({ id, headers }) => headers[NAME_HEADER] ?? id))
}

async function writeEvents(own: Store, journal: Journal<RunEvent>, canary: boolean): Promise<void> {
  const { journal: events } = createWaybill({ store: own })
  let isTaken = !canary
  for (let cursor: string | undefined; ;) {
    const page = await events.readAll({ cursor, limit: PAGE })
    for (const { id, stream, sequence, headers, payload } of page.events) {
      const event = headers[NAME_HEADER] ?? id
      const digest = createHash('sha256').update(payload).digest('base64url')
      if (isTaken) journal.write({ kind: 'stored', at: now(), event, id, stream, sequence: Number(sequence), digest })
      isTaken = true
    }
    cursor = page.cursor
    if (!page.hasMore) return
  }
}

async function writeDeadLetters(own: Store, journal: Journal<RunEvent>): Promise<void> {
  for (let after = 0n; ;) {
    const page = await progressOf(own).deadLetters({ publisher: PUBLISHER, scope: undefined, after, limit: PAGE })
    for (const { id, attempts } of page) journal.write({ kind: 'dead', at: now(), id, attempts })
    after = page.at(-1)?.number ?? after
    if (page.length < PAGE) return
  }
}

function progressOf({ progress }: Store): ProgressStore {
  if (progress === undefined) throw new Error('this store keeps no progress')
  return progress
}

function journalOf({ journal }: Store): JournalStore {
  if (journal === undefined) throw new Error('this store has no journal')
  return journal
}
