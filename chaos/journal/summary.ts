/** What the journal's run says of itself. */
import type { Stage } from '../stage/stage.js'
import { tellFindings, worst, type StoreSummary } from '../summary.js'
import type { JournalRunResult } from './journal-run.js'

/** What only this run counts. */
export const PUBLISHER_RESTARTS = 'all publishers stopped and started'
const REFUSED_SAVES = 'saves under a term that was over, refused'
const STALE_DELIVERIES = 'deliveries begun under a term that was over, each explained by a fault'
const TERMS = 'terms'

export function summaryOf(stage: Stage, result: JournalRunResult): StoreSummary {
  const { judgement: { verdict, stalls, events }, kills, faults, publisherRestarts, problems, seconds } = result
  const { counts } = verdict
  return {
    store: stage.store, version: stage.version,
    verdict: worst([verdict.verdict, problems.length > 0 ? 'unknown' : 'valid']),
    messages: counts.committed, aborted: counts.aborted, deadLetters: counts.deadLetters,
    duplicates: counts.duplicates, decidedByTable: counts.decidedByJournal,
    kills, ...faults, recoveryMs: Math.round(counts.recoveryMs), stalls, events, seconds,
    own: {
      [PUBLISHER_RESTARTS]: publisherRestarts, [REFUSED_SAVES]: counts.refusedSaves,
      [STALE_DELIVERIES]: counts.staleDeliveries, [TERMS]: counts.terms,
    },
    found: [...problems, ...tellFindings('journal', verdict)],
  }
}
