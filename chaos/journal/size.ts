/** How large a run is: how long its parts last, how much is produced, and how often what is broken. */
import type { Stage } from '../stage/stage.js'
import type { FaultKind } from './faults.js'
import { KILL_POINTS } from './plan.js'

export interface RunSize {
  /** Without faults, at first: no duplicate is explained here. */
  readonly quietMs: number
  readonly faultsMs: number
  /** Without faults, at the end, before the producers stop. */
  readonly calmMs: number
  /** Events. */
  readonly perSecond: Readonly<Record<Stage['store'], number>>
  /** Producers pause while more is not delivered than was delivered in so many ms. */
  readonly maxBehindMs: number
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
  quietMs: 2_000, faultsMs: 10_000, calmMs: 500, perSecond: { postgres: 250, sqlite: 300 }, maxBehindMs: 1_000,
  cycleMs: 5_000, burst: 0.7,
  faults: {
    ...atEachPoint(1), 'kill-publisher': 2, 'kill-producer': 1, 'pause-publisher': 4, 'restart-publishers': 1,
    'receiver-fail': 1, 'receiver-hold': 1,
  },
  serverFaults: { restart: 1, 'terminate-publisher': 2, 'terminate-producer': 1, 'lost-reply': 8 },
}

export const FULL: RunSize = {
  quietMs: 10_000, faultsMs: 150_000, calmMs: 5_000, perSecond: { postgres: 350, sqlite: 400 }, maxBehindMs: 1_000,
  cycleMs: 15_000, burst: 0.6,
  faults: {
    ...atEachPoint(5), 'kill-publisher': 24, 'kill-producer': 8, 'pause-publisher': 34, 'restart-publishers': 6,
    'receiver-fail': 8, 'receiver-hold': 6,
  },
  serverFaults: { restart: 8, 'terminate-publisher': 20, 'terminate-producer': 10, 'lost-reply': 120 },
}

/** Half as many faults a minute as in the full run. */
export function soakOf(minutes: number): RunSize {
  const often = (counts: RunSize['faults']): RunSize['faults'] => Object.fromEntries(
    Object.entries(counts).map(([kind, count]) => [kind, Math.ceil((count * minutes * 60_000) / FULL.faultsMs / 2)]))
  return {
    ...FULL, faultsMs: minutes * 60_000, perSecond: { postgres: 200, sqlite: 250 },
    faults: often(FULL.faults), serverFaults: often(FULL.serverFaults),
  }
}
