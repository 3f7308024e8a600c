/** What a run of the inbox says of itself. */
import type { Stage } from '../stage/stage.js'
import { tellFindings, worst, type StoreSummary } from '../summary.js'
import type { InboxRunResult } from './inbox-run.js'

export const SKIPPED = 'deliveries of what was done before'
const EFFECTS = 'effects'
const IN_PROGRESS = 'deliveries of what another was doing'

export function summaryOf(stage: Stage, result: InboxRunResult): StoreSummary {
  const { judgement, kills, faults, problems, seconds } = result
  const { verdict, messages, recoveryMs, stalls, events } = judgement
  return {
    store: stage.store, version: stage.version,
    verdict: worst([verdict.verdict, problems.length > 0 ? 'unknown' : 'valid']),
    messages, aborted: verdict.deliveries.aborted, deadLetters: 0,
    duplicates: verdict.violations.filter(({ rule }) => rule === 'duplicate').length,
    decidedByTable: verdict.deliveries.unknown, kills, ...faults, recoveryMs: Math.round(recoveryMs), stalls, events,
    seconds,
    own: {
      [EFFECTS]: verdict.effects, [SKIPPED]: verdict.deliveries.skipped, [IN_PROGRESS]: verdict.deliveries.in_progress,
    },
    found: [...problems, ...tellFindings('inbox', verdict)],
  }
}
