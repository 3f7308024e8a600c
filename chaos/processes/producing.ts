/**
 * What producers of every kind have in common: several transactions at a time, at a rate, as long as there is room, and
 * the failures that they bear.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { isWaybillError, type WaybillErrorCode } from 'waybill'
import type { Place, SqlPlace } from '../stage/place.js'
import type { Child, ChildSettings } from './child.js'

export interface ProducerSettings<At extends Place = SqlPlace> extends ChildSettings {
  readonly name: string
  readonly folder: string
  readonly place: At
  readonly seed: number
  /** Of what is produced. */
  readonly perSecond: number
}

/** Whether there is room for more. */
export interface ProducerCommand {
  readonly kind: 'go' | 'hold'
}

const AT_A_TIME = 4
const MAX_BEHIND_MS = 250
const AFTER_FAILURE_MS = 20
const BORNE = /chaos_no_such_table|ECONN|EPIPE|connection|terminat|not queryable/i

/** Thrown on purpose, as any bug or refusal would be. */
export class ChangedMind extends Error {}

/** Waits a little after a failure of its own, or of a database that fails or cannot be reached. Throws any other. */
export async function bear(error: unknown, also: readonly WaybillErrorCode[] = []): Promise<void> {
  const isBorne = isWaybillError(error)
    ? error.retryable || error.code === 'STORE_FAILED' || also.includes(error.code)
    : error instanceof ChangedMind || (error instanceof Error && BORNE.test(String(error)))
  if (!isBorne) throw error
  await wait(AFTER_FAILURE_MS)
}

/** Until the process is to stop. `produce` is given the number of its transaction, and answers how much it produced. */
export async function produceOn<Command extends { readonly kind: string }>(
  child: Child<ProducerSettings<Place>, Command | ProducerCommand>, produce: (transaction: number) => Promise<number>,
): Promise<void> {
  const { perSecond } = child.settings
  let closing = false
  let mayGo = true
  child.onCommand(({ kind }) => {
    if (kind === 'go' || kind === 'hold') mayGo = kind === 'go'
  })
  void child.stopped.then(() => { closing = true })
  let transactions = 0
  let dueAt = performance.now()
  await Promise.all(Array.from({ length: AT_A_TIME }, async () => {
    while (!closing) {
      transactions += 1
      const produced = mayGo ? await produce(transactions) : 0
      dueAt = Math.max(dueAt, performance.now() - MAX_BEHIND_MS) + (produced * 1_000) / perSecond
      const ahead = mayGo ? dueAt - performance.now() : 20
      if (ahead >= 1) await wait(ahead)
    }
  }))
}
