/**
 * A producer: business rows and messages in one transaction, several transactions at a time. A process.
 *
 * It says `begin` before BEGIN, `enqueue` before each message is written, `committed` after the reply to COMMIT,
 * `aborted` when COMMIT was not sent, and `unknown` when it was and the reply was no success. What a killed producer
 * leaves without an end is unknown too; its parent writes that.
 */
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { createWaybill, type OutboxMessageDraft } from 'waybill'
import { seededRandom } from 'waybill/testkit'
import { Journal, now } from '../history/journal.js'
import { NAME_HEADER, nameIn, POISON_ATTEMPTS } from '../plan.js'
import { startChild } from '../processes/child.js'
import { bear, ChangedMind, produceOn, type ProducerCommand, type ProducerSettings } from '../processes/producing.js'
import { failStatement, insertOrder, openPlace } from '../stage/place.js'
import { zipf } from '../zipf.js'
import { LANES, MAX_ATTEMPTS, PRODUCER, TARGET, type Lane } from './plan.js'

interface Draft {
  readonly draft: OutboxMessageDraft
  readonly name: string
  readonly digest: string
}

const child = startChild<ProducerSettings, ProducerCommand>()
const { name: producer, folder, place, seed } = child.settings
const journal = new Journal(join(folder, `${producer}.jsonl`))
const random = seededRandom(seed)
const rank = zipf(PRODUCER.keys, PRODUCER.zipf)
const waybill = createWaybill({ store: openPlace(place, 'chaos-producer'), lanes: LANES })
const counts = { committed: 0, messages: 0, aborted: 0, unknown: 0 }

function draftOf(tx: string, number: number, lane: Lane): Draft {
  const poisoned = lane === 'mail' && random.next() < PRODUCER.poison
  const poison = !poisoned ? 'none' : random.next() < 0.5 ? 'refused' : 'hopeless'
  const name = nameIn(tx, number, poison)
  const key = random.next() < PRODUCER.withoutKey ? undefined : rank(() => random.next())
  const isBinary = random.next() < PRODUCER.binary
  const payload = isBinary ? randomBytes(64) : { name, filler: 'x'.repeat(random.integer(0, 200)) }
  const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(JSON.stringify(payload))
  const delayMs = lane === 'mail' && random.next() < PRODUCER.delayed ? random.integer(50, 500) : undefined
  return {
    name,
    digest: createHash('sha256').update(bytes).digest('base64url'),
    draft: {
      lane, target: TARGET, type: 'order.placed', payload, headers: { [NAME_HEADER]: name }, delayMs,
      ...(key === undefined ? {} : { key: `k${key}`, scope: `tenant-${key % PRODUCER.scopes}` }),
      maxAttempts: poison === 'hopeless' ? POISON_ATTEMPTS : MAX_ATTEMPTS,
    },
  }
}

async function enqueueAll(handle: unknown, tx: string, drafts: readonly Draft[]): Promise<void> {
  const cut = random.next() < PRODUCER.inTwoCalls ? random.integer(1, drafts.length) : drafts.length
  for (const part of [drafts.slice(0, cut), drafts.slice(cut)]) {
    for (const { draft: { key }, name: message, digest } of part) {
      journal.write({ kind: 'enqueue', at: now(), tx, message, key, digest })
    }
    const [first] = part
    if (part.length === 1 && first !== undefined) await waybill.outbox.enqueue(handle, first.draft)
    else await waybill.outbox.enqueueMany(handle, part.map(({ draft }) => draft))
  }
}

async function produce(tx: string, lane: Lane): Promise<number> {
  const size = random.integer(1, PRODUCER.mostMessages)
  const drafts = Array.from({ length: size }, (_, number) => draftOf(tx, number, lane))
  const luck = random.next()
  let committing = false
  journal.write({ kind: 'begin', at: now(), tx })
  try {
    await waybill.transaction(async (handle) => {
      await insertOrder(place, handle, { tx, lane, messages: size })
      await enqueueAll(handle, tx, drafts)
      if (luck < PRODUCER.aborts) throw new ChangedMind()
      if (luck < PRODUCER.aborts + PRODUCER.failingStatement) await failStatement(place, handle)
      committing = true
    })
    journal.write({ kind: 'committed', at: now(), tx })
    counts.committed += 1
    counts.messages += size
  } catch (error) {
    journal.write({ kind: committing ? 'unknown' : 'aborted', at: now(), tx })
    counts[committing ? 'unknown' : 'aborted'] += 1
    await bear(error)
  }
  return size
}

child.ready(() => counts)
await produceOn(child, (transaction) => {
  const lane: Lane = random.next() < 0.6 ? 'orders' : 'mail'
  return produce(`${lane[0]}${producer}.${transaction}`, lane)
})
await waybill.close()
child.end()
