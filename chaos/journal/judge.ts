/** Judges the journals of a run's processes. */
import type { FaultEvent } from 'waybill/testkit'
import { mergeJournals } from '../history/merge.js'
import { isHopeless, isPoison, LEASE_MS, POISON_ATTEMPTS, RECOVERY_MS } from '../plan.js'
import { unplannedStalls } from '../processes/stall-watch.js'
import type { RunEvent } from './history/events.js'
import { PublishingChecker } from './history/publishing-checker.js'
import type { Verdict } from './history/verdict.js'

export interface Judgement {
  readonly verdict: Verdict
  readonly stalls: number
  readonly events: number
}

export function judge(journals: readonly string[]): Judgement {
  const checker = new PublishingChecker({ recoveryMs: RECOVERY_MS, leaseMs: LEASE_MS, poison: givenUpAt })
  const faults: FaultEvent[] = []
  let events = 0
  for (const event of mergeJournals<RunEvent>(journals)) {
    events += 1
    if (event.kind === 'fault') faults.push(event)
    checker.push(event)
  }
  return { verdict: checker.finish(), stalls: unplannedStalls(faults), events }
}

/** What fails at every attempt is given up after some, what is refused for good at once. */
export function givenUpAt(event: string): number | undefined {
  if (!isPoison(event)) return undefined
  return isHopeless(event) ? POISON_ATTEMPTS : 1
}
