/**
 * Deliveries that go out together. Those that begin in one turn of the event loop are one batch; what refuses it as a
 * whole does not say whose fault that is, so it is halved until the culprit is alone:
 *
 *     a b c d e f g h ✗     a b c d ✓     e f g h ✗     e f ✗  g h ✓     e ✗  f ✓
 *
 * One item is always delivered by itself, so what it fails with is its own error. A batch of n costs at most 2n − 1
 * calls, also when the destination refuses everything. It is not halved when the destination asks to come back later,
 * which is about all of them; nor when the time is over, because whoever took too long cannot be told from those that
 * waited for it. That is why an item that was tried before, or has only this try, goes alone: one that hangs costs its
 * neighbours one try of several.
 *
 * A runner starts the items of a chain one after another, so no two of a batch have an order. All of a batch began
 * together, so their time is over together, and one signal does for all.
 */
import { WaybillError } from '../core/errors.js'
import type { Deliver, DeliverContext, RunnerItem } from './source.js'

export interface BatchDelivery<Item extends RunnerItem> {
  readonly one: Deliver<Item>
  /** Resolves when all are delivered; of two or more. */
  readonly many: (items: readonly Member<Item>[], signal: AbortSignal) => Promise<unknown>
}

export interface Member<Item extends RunnerItem> {
  readonly item: Item
  readonly context: DeliverContext
}

interface WaitingMember<Item extends RunnerItem> extends Member<Item> {
  readonly resolve: (value?: unknown) => void
  readonly reject: (reason: unknown) => void
}

/** How many are in a batch is bounded by how many deliveries the runner has under way. */
export function inBatches<Item extends RunnerItem>({ one, many }: BatchDelivery<Item>): Deliver<Item> {
  let waiting: WaitingMember<Item>[] = []
  const send = async (members: readonly WaitingMember<Item>[]): Promise<void> => {
    const [first] = members
    if (first === undefined) return
    if (members.length === 1) return answerAlone(first, one)
    const { signal } = first.context
    try {
      signal.throwIfAborted()
      await many(members, signal)
      for (const { resolve } of members) resolve()
    } catch (error) {
      if (signal.aborted || isAboutAll(error)) return rejectAll(members, error)
      const half = Math.ceil(members.length / 2)
      await send(members.slice(0, half))
      await send(members.slice(half))
    }
  }
  const flush = (): void => {
    const members = waiting
    waiting = []
    void send(members)
  }
  return (item, context) => {
    if (item.attempt > 1 || item.isLast === true) return one(item, context)
    if (waiting.length === 0) setImmediate(flush)
    return new Promise((resolve, reject) => {
      waiting.push({ item, context, resolve, reject })
    })
  }
}

async function answerAlone<Item extends RunnerItem>(
  { item, context, resolve, reject }: WaitingMember<Item>, one: Deliver<Item>,
): Promise<void> {
  try {
    context.signal.throwIfAborted()
    resolve(await one(item, context))
  } catch (error) {
    reject(error)
  }
}

function rejectAll<Item extends RunnerItem>(members: readonly WaitingMember<Item>[], error: unknown): void {
  for (const { reject } of members) reject(error)
}

function isAboutAll(error: unknown): boolean {
  return error instanceof WaybillError && error.code === 'THROTTLED'
}
