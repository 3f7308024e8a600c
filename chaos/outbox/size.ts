/** How large the runs of the outbox are. */
import { countOfEach, lasting, type RunSize } from '../run-size.js'
import type { SqlStage } from '../stage/stage.js'
import type { FaultKind } from './faults.js'
import { KILL_POINTS } from './plan.js'

/** Of messages. */
export interface OutboxRunSize extends RunSize<FaultKind> {
  /** At least so many are produced. */
  readonly messages: Readonly<Record<SqlStage['store'], number>>
}

export const QUICK: OutboxRunSize = {
  quietMs: 1_500, faultsMs: 7_000, calmMs: 300, perSecond: { postgres: 300, sqlite: 500 },
  messages: { postgres: 0, sqlite: 0 }, maxBehindMs: 1_000, cycleMs: 3_500, burst: 0.7,
  faults: {
    ...countOfEach(KILL_POINTS, 1), 'kill-relay': 2, 'kill-producer': 1, 'pause-relay': 3, clock: 2, 'receiver-fail': 1,
    'receiver-hold': 1,
  },
  serverFaults: { restart: 1, 'terminate-relay': 2, 'terminate-producer': 1, 'lost-reply': 6 },
}

export const FULL: OutboxRunSize = {
  quietMs: 10_000, faultsMs: 150_000, calmMs: 5_000, perSecond: { postgres: 450, sqlite: 800 },
  messages: { postgres: 60_000, sqlite: 145_000 }, maxBehindMs: 1_000, cycleMs: 12_000, burst: 0.5,
  faults: {
    ...countOfEach(KILL_POINTS, 4), 'kill-relay': 22, 'kill-producer': 6, 'pause-relay': 30, clock: 8,
    'receiver-fail': 8,
    'receiver-hold': 6,
  },
  serverFaults: { restart: 12, 'terminate-relay': 24, 'terminate-producer': 10, 'lost-reply': 120 },
}

/** Half as many faults a minute as in the full run, but the oldest processes are spared the kills. */
export function soakOf(minutes: number): OutboxRunSize {
  return {
    ...lasting<FaultKind, OutboxRunSize>(FULL, minutes),
    perSecond: { postgres: 250, sqlite: 400 }, messages: { postgres: 0, sqlite: 0 },
  }
}
