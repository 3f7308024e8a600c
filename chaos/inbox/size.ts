/** How large the runs of the inbox are. */
import { countOfEach, lasting, type RunSize } from '../run-size.js'
import type { FaultKind } from './faults.js'
import { KILL_POINTS } from './plan.js'

/** Of messages, each of which is delivered 1 to 5 times. */
export type InboxRunSize = RunSize<FaultKind>

export const QUICK: InboxRunSize = {
  quietMs: 1_000, faultsMs: 6_000, calmMs: 300, perSecond: { postgres: 60, sqlite: 120 }, maxBehindMs: 0,
  cycleMs: 3_000, burst: 0.7,
  faults: { ...countOfEach(KILL_POINTS, 1), 'kill-consumer': 2, 'pause-consumer': 3 },
  serverFaults: { restart: 1, 'terminate-consumer': 3, 'lost-reply': 6 },
}

export const FULL: InboxRunSize = {
  quietMs: 5_000, faultsMs: 120_000, calmMs: 3_000, perSecond: { postgres: 120, sqlite: 150 }, maxBehindMs: 0,
  cycleMs: 12_000, burst: 0.6,
  faults: { ...countOfEach(KILL_POINTS, 6), 'kill-consumer': 36, 'pause-consumer': 30 },
  serverFaults: { restart: 6, 'terminate-consumer': 30, 'lost-reply': 80 },
}

/** Half as many faults a minute as in the full run. */
export function soakOf(minutes: number): InboxRunSize {
  return lasting<FaultKind, InboxRunSize>(FULL, minutes)
}
