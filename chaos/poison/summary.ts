/** What a run with poison says of itself. */
import type { Stage } from '../stage/stage.js'
import { tellFindings, worst, type StoreSummary } from '../summary.js'
import type { PoisonRunResult } from './poison-run.js'

export const QUARANTINED = 'dead letters by quarantine'
export const EXPIRED = 'dead letters that killed their process'

export function summaryOf(stage: Stage, result: PoisonRunResult): StoreSummary {
  const { judgement, kills, faults, problems, seconds } = result
  const { verdict, messages, stalls, events } = judgement
  return {
    store: stage.store, version: stage.version,
    verdict: worst([verdict.verdict, problems.length > 0 ? 'unknown' : 'valid']),
    messages, aborted: verdict.counts.aborted, deadLetters: verdict.counts.deadLetters,
    duplicates: verdict.counts.duplicates, decidedByTable: verdict.counts.decidedByTable, kills, ...faults,
    recoveryMs: 0, stalls, events, seconds,
    healthyThroughput: verdict.healthyThroughput, healthyToTheLast: verdict.toTheLast,
    healthyPerSecond: verdict.perSecond.poisoned, baselinePerSecond: verdict.perSecond.baseline,
    own: {
      [QUARANTINED]: verdict.ways.quarantined, 'dead letters at once': verdict.ways['at once'],
      [EXPIRED]: verdict.ways['after its lease expired'],
    },
    found: [...problems, ...tellFindings('poison', verdict)],
  }
}
