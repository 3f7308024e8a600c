/** Queues as the program shows them: their counts, and whether they are paused. */
import type { OutboxStats, PausedQueue } from '../outbox/contract.js'
import type { Connected } from './connection.js'
import type { QueueFlags } from './options.js'

export interface QueueState extends OutboxStats {
  /** It, or all of its lane. */
  readonly paused: boolean
}

export interface Queues {
  /** By lane and target. */
  readonly queues: readonly QueueState[]
  /** What is paused among those asked for, whether or not it has messages. */
  readonly paused: readonly PausedQueue[]
}

export async function readQueues({ outbox }: Connected, { lane, target, scope }: QueueFlags): Promise<Queues> {
  const filter = {
    ...(lane === undefined ? {} : { lane }),
    ...(target === undefined ? {} : { target }),
    ...(scope === undefined ? {} : { scope }),
  }
  const [stats, settings] = await Promise.all([outbox.stats(filter), outbox.settings()])
  const paused = settings.paused
    .filter((each) => lane === undefined || each.lane === lane)
    .filter((each) => target === undefined || each.target === undefined || each.target === target)
  return {
    queues: stats
      .map((each) => ({ ...each, paused: paused.some((queue) => covers(queue, each)) }))
      .sort((a, b) => order(queueName(a), queueName(b))),
    paused: [...paused].sort((a, b) => order(queueName(a), queueName(b))),
  }
}

export function queueName({ lane, target }: PausedQueue): string {
  return target === undefined ? lane : `${lane}/${target}`
}

/** As JSON: a whole lane has null for its target. */
export function queueDocument({ lane, target }: PausedQueue): object {
  return { lane, target: target ?? null }
}

export function covers(paused: PausedQueue, queue: PausedQueue): boolean {
  return paused.lane === queue.lane && (paused.target === undefined || paused.target === queue.target)
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
