/**
 * A consumer: takes what is due to it, does it through the inbox, and acknowledges what has committed. A process.
 *
 * It writes down how each transaction ended. What it had acknowledged before it was killed, its successor reads from
 * the journals of those before it; all else is delivered again, as a broker would.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createWaybill } from 'waybill'
import { seededRandom } from 'waybill/testkit'
import { Journal, now } from '../history/journal.js'
import { readJournal } from '../history/merge.js'
import { STALL } from '../plan.js'
import { startChild, type ChildSettings } from '../processes/child.js'
import { KillPoints } from '../processes/kill-points.js'
import { bear, ChangedMind } from '../processes/producing.js'
import { StallWatch } from '../processes/stall-watch.js'
import { failStatement, openPlace, type Place } from '../stage/place.js'
import { takeEffect } from './effects.js'
import type { DeliveryEnd, InboxEvent } from './events.js'
import { AT_A_TIME, CONSUMER, messageOf, MOST_AT_ONCE, receiversOf, TRANSACTION, type KillPoint } from './plan.js'

export interface ConsumerSettings extends ChildSettings {
  readonly name: string
  readonly folder: string
  readonly place: Place
  readonly seed: number
  /** Which of the consumers this is. */
  readonly index: number
  /** Message n is due at `startsAt` + n / `perSecond` s, by the machine's clock. */
  readonly startsAt: number
  readonly perSecond: number
  /** How many messages there are. */
  readonly messages: number
}

interface ConsumerCommand {
  readonly kind: 'arm'
  readonly point?: KillPoint
}

interface Work {
  readonly messages: readonly number[]
  readonly luck: number
  readonly skips: boolean
}

const child = startChild<ConsumerSettings, ConsumerCommand>()
const { name, folder, place, index, startsAt, perSecond, messages: last } = child.settings
const random = seededRandom(child.settings.seed)
const points = new KillPoints<KillPoint>()
/** Numbers of messages, each as often as it is still to be acknowledged here. */
const waiting: number[] = []
const acknowledged = acknowledgedBefore()
const journal = new Journal<InboxEvent>(join(folder, `${name}.jsonl`))
const waybill = createWaybill({ store: openPlace(place, 'chaos-consumer') })
const counts = { done: 0, skipped: 0, aborted: 0, unknown: 0, working: 0, waiting: 0, finished: 0 }
let next = 0
let stopping = false
new StallWatch(journal, STALL)
child.onCommand(({ point }) => points.arm(point))
void child.stopped.then(() => { stopping = true })

/** How often each number was, by the processes that were in this place before. */
function acknowledgedBefore(): Map<number, number> {
  const counted = new Map<number, number>()
  const slot = name.slice(0, name.indexOf('r') + 1)
  for (const file of readdirSync(folder).filter((each) => each.startsWith(slot) && each.endsWith('.jsonl'))) {
    for (const event of readJournal<InboxEvent>(join(folder, file))) {
      if (event.kind !== 'delivery' || (event.end !== 'done' && event.end !== 'skipped')) continue
      for (const number of event.messages) counted.set(number, (counted.get(number) ?? 0) + 1)
    }
  }
  return counted
}

/** What has become due since it looked last. */
function look(): void {
  for (; next < last && now() >= startsAt + (next * 1_000) / perSecond; next += 1) {
    const mine = receiversOf(next).filter((receiver) => receiver === index).length
    const left = mine - (acknowledged.get(next) ?? 0)
    for (let delivery = 0; delivery < left; delivery += 1) waiting.push(next)
  }
  counts.waiting = waiting.length
  counts.finished = next >= last && waiting.length === 0 && counts.working === 0 ? 1 : 0
}

/** One transaction for all of them. Numbers that come twice are the same message, delivered twice. */
async function does({ messages, luck, skips }: Work): Promise<ReadonlyMap<number, DeliveryEnd>> {
  const ends = new Map<number, DeliveryEnd>(messages.map((number) => [number, 'aborted']))
  let committing = false
  try {
    await waybill.transaction(async (handle) => {
      const effect = async (numbers: readonly number[]): Promise<void> => {
        points.reach('after-record')
        if (luck < TRANSACTION.swallows) throw new ChangedMind()
        for (const number of numbers) await takeEffect(place, handle, messageOf(number), name)
        points.reach('after-effect')
        if (luck < TRANSACTION.swallows + TRANSACTION.aborts) throw new ChangedMind()
        if (luck > 1 - TRANSACTION.failingStatement) await failStatement(place, handle)
      }
      const told = await record(handle, messages, skips, effect).catch((error: unknown) => {
        // Nothing was done and nothing is recorded: the commit is of nothing, and it comes again.
        if (luck < TRANSACTION.swallows && error instanceof ChangedMind) return undefined
        throw error
      })
      points.reach('before-commit')
      for (const [number, end] of told ?? []) ends.set(number, end)
      committing = true
    })
    points.reach('after-commit')
  } catch (error) {
    for (const number of messages) ends.set(number, committing ? 'unknown' : 'aborted')
    await bear(error)
  }
  return ends
}

async function record(
  handle: unknown, messages: readonly number[], skips: boolean, effect: (numbers: readonly number[]) => Promise<void>,
): Promise<ReadonlyMap<number, DeliveryEnd>> {
  const onConcurrent = skips ? 'skip' : 'wait'
  const [first] = messages
  if (messages.length === 1 && first !== undefined) {
    const result = await waybill.inbox.process(
      handle, CONSUMER, messageOf(first), () => effect([first]), { onConcurrent })
    return new Map([[first, result.processed ? 'done' : endOf(result.reason)]])
  }
  const wanted = messages.map((number) => ({ id: messageOf(number), number }))
  const { processed, skipped } = await waybill.inbox.processMany(handle, CONSUMER, wanted, (fresh) => (
    effect(fresh.map(({ number }) => number))), { onConcurrent })
  const reasons = new Map(skipped.map(({ id, reason }) => [id, reason]))
  return new Map([
    ...processed.map(({ number }) => [number, 'done'] as const),
    ...wanted.flatMap(({ id, number }) => {
      const reason = reasons.get(id)
      return reason === undefined ? [] : [[number, endOf(reason)] as const]
    }),
  ])
}

function endOf(reason: 'already_processed' | 'in_progress'): DeliveryEnd {
  return reason === 'already_processed' ? 'skipped' : 'in_progress'
}

function write(ends: ReadonlyMap<number, DeliveryEnd>, messages: readonly number[]): void {
  for (const [number, end] of ends) {
    journal.write({ kind: 'delivery', at: now(), consumer: name, messages: [number], end })
    if (end === 'done' || end === 'skipped') counts[end] += 1
    else if (end !== 'in_progress') counts[end] += 1
  }
  // What came twice in one transaction was one there; the second is still to be acknowledged, as what has failed.
  const done = new Set([...ends].filter(([, end]) => end === 'done' || end === 'skipped').map(([number]) => number))
  for (const number of messages) {
    if (!done.delete(number)) waiting.push(number)
  }
}

async function work(): Promise<void> {
  while (!stopping) {
    look()
    const size = random.next() < 0.5 ? 1 : random.integer(2, MOST_AT_ONCE)
    const messages = waiting.splice(0, size)
    if (messages.length === 0) {
      await wait(5)
      continue
    }
    counts.working += 1
    const skips = random.next() < TRANSACTION.skips
    const ends = await does({ messages, luck: random.next(), skips })
    write(ends, messages)
    counts.working -= 1
    if (skips && [...ends.values()].includes('in_progress')) await wait(5)
  }
}

child.ready(() => counts)
await Promise.all(Array.from({ length: AT_A_TIME }, work))
await waybill.close()
child.end()
