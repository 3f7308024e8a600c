/** How large a run is: how long its parts last, how much is produced, and how often what is broken. */
import { KILL_POINTS } from './plan.js'
import type { FaultKind } from './faults.js'

export interface RunSize {
  /** Without faults, at first: no duplicate is explained here. */
  readonly quietMs: number
  readonly faultsMs: number
  /** Without faults, at the end, before the producers stop. */
  readonly calmMs: number
  readonly perSecond: number
  /** Producers pause while more than this is not delivered. */
  readonly maxBacklog: number
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>
  /** Faults of a server, where there is one. */
  readonly serverFaults: Readonly<Partial<Record<FaultKind, number>>>
  /** Of every cycle of so many ms, the first part has faults. */
  readonly cycleMs: number
  readonly burst: number
}

const atEachPoint = (count: number): Partial<Record<FaultKind, number>> =>
  Object.fromEntries(KILL_POINTS.map((point) => [point, count]))

export const QUICK: RunSize = {
  quietMs: 2_000, faultsMs: 8_000, calmMs: 500, perSecond: 500, maxBacklog: 1_000, cycleMs: 4_000, burst: 0.7,
  faults: {
    ...atEachPoint(1), 'kill-relay': 3, 'kill-producer': 1, 'pause-relay': 4, clock: 2, 'receiver-fail': 1,
    'receiver-hold': 1,
  },
  serverFaults: { restart: 1, 'terminate-relay': 2, 'terminate-producer': 1, 'lost-reply': 6 },
}

export const FULL: RunSize = {
  quietMs: 10_000, faultsMs: 180_000, calmMs: 5_000, perSecond: 700, maxBacklog: 2_000, cycleMs: 12_000, burst: 0.5,
  faults: {
    ...atEachPoint(5), 'kill-relay': 25, 'kill-producer': 6, 'pause-relay': 32, clock: 10, 'receiver-fail': 10,
    'receiver-hold': 8,
  },
  serverFaults: { restart: 14, 'terminate-relay': 25, 'terminate-producer': 10, 'lost-reply': 125 },
}
