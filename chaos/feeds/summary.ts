/** What the feeds' run says of itself. */
import type { Stage } from '../stage/stage.js'
import { tellFindings, worst, type StoreSummary } from '../summary.js'
import type { FeedsRunResult } from './feeds-run.js'

/** What only this run counts. */
export const SUBSCRIBER_RESTARTS = 'all subscribers stopped and started'
export const GAPS_TOLD = 'gaps that subscribers were told'
export const SNAPSHOTS = 'snapshots taken'
export const INCARNATIONS = 'incarnations'
const LOST_SAVES = 'answers to saves lost'
const REFUSED_SAVES = 'saves under a term that was over, refused'
const STALE_DELIVERIES = 'deliveries begun under a term that was over, each explained by a fault'
const TERMS = 'terms'

export function summaryOf(stage: Stage, result: FeedsRunResult): StoreSummary {
  const { judgement: { verdict, stalls, events }, kills, faults, problems, seconds } = result
  const { counts } = verdict
  return {
    store: stage.store, version: stage.version,
    verdict: worst([verdict.verdict, problems.length > 0 ? 'unknown' : 'valid']),
    messages: counts.committed, aborted: counts.aborted, deadLetters: 0,
    duplicates: counts.duplicates, decidedByTable: counts.decidedByTable,
    kills, ...faults, recoveryMs: Math.round(counts.recoveryMs), stalls, events, seconds,
    own: {
      [SUBSCRIBER_RESTARTS]: result.subscriberRestarts, [INCARNATIONS]: counts.incarnations,
      [GAPS_TOLD]: counts.told, [SNAPSHOTS]: counts.snapshots, [LOST_SAVES]: result.lostSaves,
      [REFUSED_SAVES]: counts.refusedSaves, [STALE_DELIVERIES]: counts.staleDeliveries, [TERMS]: counts.terms,
    },
    found: [...problems, ...tellFindings('feeds', verdict)],
  }
}
