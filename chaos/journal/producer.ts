/**
 * A producer: business rows and events in one transaction, several transactions at a time. A process.
 *
 * It says `begin` before BEGIN, `append` before each event is written, `committed` after the reply to COMMIT, `aborted`
 * when COMMIT was not sent, and `unknown` when it was and the reply was no success. What has a key is then appended
 * again, until somebody knows. What a killed producer leaves without an end is unknown too; its parent writes that.
 */
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createWaybill, isWaybillError, type AppendToOptions } from 'waybill'
import { seededRandom } from 'waybill/testkit'
import { Journal, now } from '../history/journal.js'
import { startChild } from '../processes/child.js'
import { bear, ChangedMind, produceOn, type ProducerCommand, type ProducerSettings } from '../processes/producing.js'
import { failStatement, insertOrder, openPlace } from '../stage/place.js'
import { Batches, type Batch, type Draft } from './batches.js'
import type { RunEvent } from './history/events.js'
import { LANE, LATE_MS, PRODUCER } from './plan.js'

const child = startChild<ProducerSettings, ProducerCommand>()
const { name: producer, folder, place, seed } = child.settings
const journal = new Journal<RunEvent>(join(folder, `${producer}.jsonl`))
const random = seededRandom(seed)
const waybill = createWaybill({ store: openPlace(place, 'chaos-producer') })
/** Of its own making: it expects numbers that others may have taken. */
const BORNE = ['SEQUENCE_CONFLICT'] as const

const batches = new Batches(producer, random)
const counts = { committed: 0, events: 0, aborted: 0, unknown: 0, conflicts: 0, repeats: 0 }

/** Answers how many events are new. */
async function append(
  handle: unknown, tx: string, drafts: readonly Draft[],
  options: Pick<AppendToOptions, 'idempotencyKey' | 'expectedSequence'>,
  sequences: Record<string, number>,
): Promise<number> {
  for (const { name: event, digest, draft: { stream } } of drafts) {
    journal.write({ kind: 'append', at: now(), tx, event, stream, digest })
  }
  const { created, events } = await waybill.journal.append(handle, drafts.map(({ draft }) => draft), options)
  drafts.forEach(({ name: event }, index) => { sequences[event] = Number(events[index]?.sequence) })
  return created ? events.length : 0
}

async function appendAll(
  handle: unknown, tx: string, batch: Batch, sequences: Record<string, number>,
): Promise<number> {
  const { key, expected } = batch
  let added = 0
  for (const [number, drafts] of batch.calls.entries()) {
    const idempotencyKey = key === undefined ? undefined : `${key}/${number}`
    const expectedSequence = number === 0 ? expected : undefined
    added += await append(handle, tx, drafts, { idempotencyKey, expectedSequence }, sequences)
  }
  return added
}

async function produce(tx: string): Promise<number> {
  const batch = await batches.next(tx, (stream) => waybill.journal.highestSequence(stream))
  const luck = random.next()
  const lateMs = random.integer(LATE_MS[place.kind].least, LATE_MS[place.kind].most)
  const sequences: Record<string, number> = {}
  let committing = false
  journal.write({ kind: 'begin', at: now(), tx })
  try {
    await waybill.transaction(async (handle) => {
      const messages = await appendAll(handle, tx, batch, sequences)
      await insertOrder(place, handle, { tx, lane: LANE, messages })
      if (batch.isLate) await wait(lateMs)
      if (luck < PRODUCER.aborts) throw new ChangedMind()
      if (luck < PRODUCER.aborts + PRODUCER.failingStatement) await failStatement(place, handle)
      committing = true
    })
    journal.write({ kind: 'committed', at: now(), tx, sequences })
    counts.committed += 1
    counts.events += batch.size
    if (batch.isRepeated) counts.repeats += 1
    batches.ended(batch, random.next() < PRODUCER.repeats)
  } catch (error) {
    journal.write({ kind: committing ? 'unknown' : 'aborted', at: now(), tx })
    counts[committing ? 'unknown' : 'aborted'] += 1
    if (isWaybillError(error, 'SEQUENCE_CONFLICT')) counts.conflicts += 1
    // What is repeated until somebody knows must not be forgotten because the database was down.
    batches.ended(batch, committing || batch.isRepeated)
    await bear(error, BORNE)
  }
  return batch.size
}

child.ready(() => counts)
await produceOn(child, async (transaction) => {
  try {
    return await produce(`${producer}.${transaction}`)
  } catch (error) {
    // The look before a transaction may fail as one does.
    await bear(error, BORNE)
    return 0
  }
})
await waybill.close()
child.end()
