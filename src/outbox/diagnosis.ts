/** Whether messages flow, asked of any store through its contract. */
import { ok, problem, someOf, spanText, warning, type Finding } from '../core/diagnosis.js'
import type { OutboxStats, OutboxStore, PausedQueue } from './contract.js'
import type { OutboxMessage } from './message.js'

/** A relay that polls ends an expired claim within seconds. */
const EXPIRED_FOR_MS = 60_000
const READY_FOR_MS = 600_000
/** Claimed messages that are looked at; the oldest are the ones that hang. */
const CLAIMED_LIMIT = 1_000

/** `now` is this process's clock: spans are compared with minutes. */
export async function diagnoseOutbox(store: OutboxStore, now: number): Promise<readonly Finding[]> {
  const stats = await store.stats({})
  const { paused } = await store.settings()
  const claimed = await store.list({ status: 'claimed', limit: CLAIMED_LIMIT })
  const running = (queue: Queue): boolean => !paused.some((each) => covers(each, queue))
  return [
    pausedQueues(paused),
    deadLetters(stats),
    expiredClaims(claimed.filter(running), now),
    oldestReady(stats.filter(running)),
  ]
}

type Queue = Pick<OutboxStats, 'lane' | 'target'>

function pausedQueues(paused: readonly PausedQueue[]): Finding {
  if (paused.length === 0) return ok('paused', 'no queue is paused')
  const names = paused.map(({ lane, target }) => (target === undefined ? lane : `${lane}/${target}`))
  return warning('paused', `${names.length} paused: ${someOf(names)}`, 'let them go on with `waybill resume`')
}

function deadLetters(stats: readonly OutboxStats[]): Finding {
  const total = stats.reduce((sum, { deadLetter }) => sum + deadLetter, 0)
  if (total === 0) return ok('dead_letters', 'none')
  const names = stats.filter(({ deadLetter }) => deadLetter > 0).map((each) => `${nameOf(each)} ${each.deadLetter}`)
  return warning('dead_letters', `${total}: ${someOf(names)}`,
    'look at them with `waybill dead list`, then `waybill dead redrive` or `waybill dead discard`')
}

/** Whoever claims from a queue first ends what has expired there. */
function expiredClaims(claimed: readonly OutboxMessage[], now: number): Finding {
  const expired = claimed.filter(({ leaseExpiresAt = now }) => leaseExpiresAt < now - EXPIRED_FOR_MS)
  if (expired.length === 0) return ok('expired_claims', 'no claim waits for a relay to end it')
  const names = [...new Set(expired.map(nameOf))]
  return problem('expired_claims',
    `${expired.length} messages are in claims that expired more than ${spanText(EXPIRED_FOR_MS)} ago: ${someOf(names)}`,
    'nobody claims from these queues: start a relay for each lane and target')
}

function oldestReady(stats: readonly OutboxStats[]): Finding {
  const late = stats.filter(({ oldestReadyAgeMs = 0 }) => oldestReadyAgeMs > READY_FOR_MS)
  if (late.length === 0) return ok('oldest_ready', `nothing has been due for more than ${spanText(READY_FOR_MS)}`)
  const names = late.map((each) => `${nameOf(each)} ${spanText(each.oldestReadyAgeMs ?? 0)}`)
  return warning('oldest_ready', `due, and not claimed: ${someOf(names)}`,
    'check that a relay runs for these queues, and raise its concurrency if it does')
}

function covers(paused: PausedQueue, { lane, target }: Queue): boolean {
  return paused.lane === lane && (paused.target === undefined || paused.target === target)
}

function nameOf({ lane, target }: Queue): string {
  return `${lane}/${target}`
}
