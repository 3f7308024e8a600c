/** What a part of the run is to deliver: made as fast as it is delivered, and written down as a producer would. */
import { createHash } from 'node:crypto'
import type { OutboxMessageDraft, Waybill } from 'waybill'
import { seededRandom, type HistoryEvent, type SeededRandom } from 'waybill/testkit'
import { now, type EventSink } from '../history/journal.js'
import { NAME_HEADER } from '../plan.js'
import {
  KEYS, KILLS_EACH, LANE, MAX_ATTEMPTS, MOST_BYTES, nameOf, POISONS, TARGET, type Part, type Poison,
} from './plan.js'

export interface Load {
  readonly part: Part
  readonly messages: number
  /** How many of each kind. */
  readonly poison: Readonly<Partial<Record<Poison, number>>>
  readonly seed: number
}

export interface LoadPorts {
  readonly waybill: RunWaybill
  readonly journal: EventSink<HistoryEvent>
  /** Resolves when there is room for this many more; false when there is no sense in going on. */
  readonly room: (messages: number) => Promise<boolean>
}

export type RunWaybill = Waybill<unknown, unknown, Readonly<Record<never, never>>, boolean>

const IN_A_TRANSACTION = 100
const WITHOUT_KEY = 0.1

export function poisonFor({ messages, onePoisonIn, killing }: {
  readonly messages: number; readonly onePoisonIn: number; readonly killing: number
}): Record<Poison, number> {
  const rest = Math.floor(messages / onePoisonIn) - killing
  const share = Math.floor(rest / (POISONS.length - 1))
  return { throws: rest - 3 * share, hangs: share, permanent: share, oversized: share, kills: killing }
}

export async function enqueueLoad({ waybill, journal, room }: LoadPorts, load: Load): Promise<void> {
  const random = seededRandom(load.seed)
  const poison = placesOf(load, random)
  for (let from = 0; from < load.messages; from += IN_A_TRANSACTION) {
    if (!await room(Math.min(IN_A_TRANSACTION, load.messages - from))) return
    const tx = `${load.part}-${from}`
    const drafts: OutboxMessageDraft[] = []
    journal.write({ kind: 'begin', at: now(), tx })
    for (let number = from; number < Math.min(from + IN_A_TRANSACTION, load.messages); number += 1) {
      const kind = poison.get(number)
      const message = nameOf(load.part, number, kind)
      const key = random.next() < WITHOUT_KEY ? undefined : `k${random.integer(0, KEYS - 1)}`
      const payload = Buffer.alloc(kind === 'oversized' ? MOST_BYTES + 1 : random.integer(50, 400), message)
      journal.write({ kind: 'enqueue', at: now(), tx, message, key, digest: digestOf(payload) })
      drafts.push({
        lane: LANE, target: TARGET, type: 'order.placed', payload, key, headers: { [NAME_HEADER]: message },
        maxAttempts: kind === 'kills' ? KILLS_EACH : MAX_ATTEMPTS,
      })
    }
    await waybill.transaction((handle) => waybill.outbox.enqueueMany(handle, drafts))
    journal.write({ kind: 'committed', at: now(), tx })
  }
}

/** Anywhere among the others, each kind spread over all of the load. */
function placesOf({ messages, poison }: Load, random: SeededRandom): Map<number, Poison> {
  const places = new Map<number, Poison>()
  for (const kind of POISONS) {
    const count = poison[kind] ?? 0
    for (let index = 0; index < count; index += 1) {
      let place = Math.floor(((index + random.next()) / count) * messages)
      while (places.has(place)) place = (place + 1) % messages
      places.set(place, kind)
    }
  }
  return places
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url')
}

