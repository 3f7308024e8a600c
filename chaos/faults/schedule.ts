/**
 * When what is broken, from a seed: the same seed gives the same schedule.
 *
 * Faults come in bursts, so that between them there are stretches in which nothing explains a duplicate. Each kind is
 * spread over the whole time, one in each of as many equal parts as there are of it.
 */
import type { SeededRandom } from 'waybill/testkit'

export interface PlannedFault<Kind extends string = string> {
  /** After the beginning of the faults. */
  readonly atMs: number
  readonly kind: Kind
  /** Whom it hits, as a share of those that it may hit, in [0, 1). */
  readonly victim: number
  /** How strong or how long it is, in [0, 1). */
  readonly strength: number
}

export interface ScheduleOptions<Kind extends string> {
  readonly durationMs: number
  /** How many of each kind. */
  readonly counts: Readonly<Partial<Record<Kind, number>>>
  /** Of every so many ms, the first part is a burst. */
  readonly cycleMs: number
  /** The share of a cycle that is burst. */
  readonly burst: number
}

export function planFaults<Kind extends string>(
  random: SeededRandom, { durationMs, counts, cycleMs, burst }: ScheduleOptions<Kind>,
): PlannedFault<Kind>[] {
  const planned: PlannedFault<Kind>[] = []
  for (const [kind, count] of Object.entries(counts) as [Kind, number][]) {
    for (let index = 0; index < count; index += 1) {
      const share = (index + random.next()) / count
      const [victim, strength] = [random.next(), random.next()]
      planned.push({ atMs: inBurst(share * durationMs, cycleMs, burst), kind, victim, strength })
    }
  }
  return planned.sort((a, b) => a.atMs - b.atMs)
}

function inBurst(atMs: number, cycleMs: number, burst: number): number {
  const cycle = Math.floor(atMs / cycleMs)
  return cycle * cycleMs + (atMs - cycle * cycleMs) * burst
}

/** One of those, by a share in [0, 1). */
export function choose<T>(from: readonly T[], share: number): T | undefined {
  return from[Math.floor(share * from.length)]
}
