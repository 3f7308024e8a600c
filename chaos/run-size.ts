/** How large a run is: how long its parts last, how much is produced, and how often what is broken. */
import { seededRandom } from 'waybill/testkit'
import { planFaults, type PlannedFault } from './faults/schedule.js'
import type { SqlStage, Stage, StoreName } from './stage/stage.js'

export type FaultCounts<Kind extends string> = Readonly<Partial<Record<Kind, number>>>

export interface RunSize<Kind extends string, Store extends StoreName = SqlStage['store']> {
  /** Without faults, at first: no duplicate is explained here. */
  readonly quietMs: number
  readonly faultsMs: number
  /** Without faults, at the end, before the producers stop. */
  readonly calmMs: number
  /** Of what is produced. */
  readonly perSecond: Readonly<Record<Store, number>>
  /** Producers pause while more is not delivered than was delivered in so many ms. */
  readonly maxBehindMs: number
  readonly faults: FaultCounts<Kind>
  /** Faults of a server, where there is one. */
  readonly serverFaults: FaultCounts<Kind>
  /** Of every cycle of so many ms, the first part has faults. */
  readonly cycleMs: number
  readonly burst: number
}

export function countOfEach<Kind extends string>(kinds: readonly Kind[], count: number): FaultCounts<Kind> {
  return Object.fromEntries(kinds.map((kind) => [kind, count])) as FaultCounts<Kind>
}

/** When what is broken on this stage. */
export function scheduleOf<Kind extends string>(
  size: RunSize<Kind>, stage: Stage, seed: number,
): readonly PlannedFault<Kind>[] {
  const counts = { ...size.faults, ...(stage.server === undefined ? {} : size.serverFaults) }
  const { faultsMs, cycleMs, burst } = size
  return planFaults<Kind>(seededRandom(seed), { durationMs: faultsMs, counts, cycleMs, burst })
}

/** For so many minutes, with half as many faults a minute. */
export function lasting<Kind extends string, Size extends RunSize<Kind>>(size: Size, minutes: number): Size {
  const faultsMs = minutes * 60_000
  const often = (counts: FaultCounts<Kind>): FaultCounts<Kind> => Object.fromEntries(
    Object.entries<number | undefined>(counts)
      .map(([kind, count = 0]) => [kind, Math.ceil((count * faultsMs) / size.faultsMs / 2)])) as FaultCounts<Kind>
  return { ...size, faultsMs, faults: often(size.faults), serverFaults: often(size.serverFaults) }
}
