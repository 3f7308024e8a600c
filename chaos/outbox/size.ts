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
  /** Messages. */
  readonly perSecond: Readonly<Record<Stage['store'], number>>
  /** At least so many messages are produced. */
  readonly messages: Readonly<Record<Stage['store'], number>>
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
  quietMs: 1_500, faultsMs: 7_000, calmMs: 300, perSecond: { postgres: 300, sqlite: 500 },
  messages: { postgres: 0, sqlite: 0 }, maxBehindMs: 1_000, cycleMs: 3_500, burst: 0.7,
  faults: {
    ...atEachPoint(1), 'kill-relay': 2, 'kill-producer': 1, 'pause-relay': 3, clock: 2, 'receiver-fail': 1,
    'receiver-hold': 1,
  },
  serverFaults: { restart: 1, 'terminate-relay': 2, 'terminate-producer': 1, 'lost-reply': 6 },
}

export const FULL: RunSize = {
  quietMs: 10_000, faultsMs: 150_000, calmMs: 5_000, perSecond: { postgres: 450, sqlite: 800 },
  messages: { postgres: 60_000, sqlite: 145_000 }, maxBehindMs: 1_000, cycleMs: 12_000, burst: 0.5,
  faults: {
    ...atEachPoint(4), 'kill-relay': 22, 'kill-producer': 6, 'pause-relay': 30, clock: 8, 'receiver-fail': 8,
    'receiver-hold': 6,
  },
  serverFaults: { restart: 12, 'terminate-relay': 24, 'terminate-producer': 10, 'lost-reply': 120 },
}

/** Half as many faults a minute as in the full run, but the oldest processes are spared the kills. */
export function soakOf(minutes: number): RunSize {
  const often = (counts: RunSize['faults']): RunSize['faults'] => Object.fromEntries(
    Object.entries(counts).map(([kind, count]) => [kind, Math.ceil((count * minutes * 60_000) / FULL.faultsMs / 2)]))
  return {
    ...FULL, faultsMs: minutes * 60_000,
    perSecond: { postgres: 250, sqlite: 400 }, messages: { postgres: 0, sqlite: 0 },
    faults: often(FULL.faults), serverFaults: often(FULL.serverFaults),
  }
}
