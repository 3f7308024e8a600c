/** How large the runs of the feeds are. */
import { countOfEach, lasting, type RunSize } from '../run-size.js'
import type { StoreName } from '../stage/stage.js'
import type { FaultKind } from './faults.js'
import { PRODUCER_POINTS, SUBSCRIBER_POINTS } from './plan.js'

/** Of results. */
export type FeedsRunSize = RunSize<FaultKind, StoreName>

const POINTS = [...PRODUCER_POINTS, ...SUBSCRIBER_POINTS]

export const QUICK: FeedsRunSize = {
  quietMs: 1_500, faultsMs: 8_000, calmMs: 500, perSecond: { postgres: 100, sqlite: 100, redis: 100 },
  maxBehindMs: 1_000, cycleMs: 4_000, burst: 0.7,
  faults: {
    ...countOfEach(POINTS, 1), 'kill-subscriber': 1, 'pause-subscriber': 2, 'restart-subscribers': 1,
    'receiver-fail': 1, 'receiver-hold': 1, 'lost-save': 4,
  },
  serverFaults: { restart: 1, 'terminate-subscriber': 2, 'terminate-producer': 1, 'lost-reply': 6 },
}

export const FULL: FeedsRunSize = {
  quietMs: 8_000, faultsMs: 172_000, calmMs: 4_000, perSecond: { postgres: 130, sqlite: 130, redis: 130 },
  maxBehindMs: 1_000, cycleMs: 15_000, burst: 0.6,
  faults: {
    ...countOfEach(POINTS, 5), 'kill-subscriber': 20, 'kill-producer': 10, 'pause-subscriber': 40,
    'restart-subscribers': 6, 'receiver-fail': 8, 'receiver-hold': 6, 'lost-save': 40,
  },
  serverFaults: { restart: 8, 'terminate-subscriber': 20, 'terminate-producer': 10, 'lost-reply': 100 },
}

/** Half as many faults a minute as in the full run. */
export function soakOf(minutes: number): FeedsRunSize {
  return { ...lasting<FaultKind, FeedsRunSize>(FULL, minutes), perSecond: { postgres: 100, sqlite: 100, redis: 100 } }
}
