/** Judges the journals of a run's processes. */
import type { FaultEvent } from 'waybill/testkit'
import { mergeJournals } from '../history/merge.js'
import { LEASE_MS, RECOVERY_MS } from '../plan.js'
import { unplannedStalls } from '../processes/stall-watch.js'
import type { RunEvent } from './history/events.js'
import { FollowingChecker } from './history/following-checker.js'
import type { Verdict } from './history/verdict.js'
import { CAPACITIES, ROLES } from './plan.js'

export interface Judgement {
  readonly verdict: Verdict
  readonly stalls: number
  readonly events: number
}

export function judge(journals: readonly string[]): Judgement {
  const checker = new FollowingChecker({
    recoveryMs: RECOVERY_MS, leaseMs: LEASE_MS, capacities: CAPACITIES,
    subscribers: Object.fromEntries(Object.entries(ROLES).map(([id, { feeds, start }]) => (
      [id, { feeds, fromSnapshot: start === 'snapshot' }]))),
  })
  const faults: FaultEvent[] = []
  let events = 0
  for (const event of mergeJournals<RunEvent>(journals)) {
    events += 1
    if (event.kind === 'fault') faults.push(event)
    checker.push(event)
  }
  return { verdict: checker.finish(), stalls: unplannedStalls(faults), events }
}
