/** How large the runs of the journal are. */
import { countOfEach, lasting, type RunSize } from '../run-size.js'
import type { FaultKind } from './faults.js'
import { KILL_POINTS } from './plan.js'

/** Of events. */
export type JournalRunSize = RunSize<FaultKind>

export const QUICK: JournalRunSize = {
  quietMs: 2_000, faultsMs: 10_000, calmMs: 500, perSecond: { postgres: 250, sqlite: 300 }, maxBehindMs: 1_000,
  cycleMs: 5_000, burst: 0.7,
  faults: {
    ...countOfEach(KILL_POINTS, 1), 'kill-publisher': 2, 'kill-producer': 1, 'pause-publisher': 4,
    'restart-publishers': 1, 'receiver-fail': 1, 'receiver-hold': 1,
  },
  serverFaults: { restart: 1, 'terminate-publisher': 2, 'terminate-producer': 1, 'lost-reply': 8 },
}

export const FULL: JournalRunSize = {
  quietMs: 10_000, faultsMs: 180_000, calmMs: 5_000, perSecond: { postgres: 350, sqlite: 400 }, maxBehindMs: 1_000,
  cycleMs: 15_000, burst: 0.6,
  faults: {
    ...countOfEach(KILL_POINTS, 5), 'kill-publisher': 30, 'kill-producer': 10, 'pause-publisher': 44,
    'restart-publishers': 6, 'receiver-fail': 8, 'receiver-hold': 6,
  },
  serverFaults: { restart: 8, 'terminate-publisher': 20, 'terminate-producer': 10, 'lost-reply': 120 },
}

/** Half as many faults a minute as in the full run. */
export function soakOf(minutes: number): JournalRunSize {
  return { ...lasting<FaultKind, JournalRunSize>(FULL, minutes), perSecond: { postgres: 200, sqlite: 250 } }
}
