/** `npm run chaos -- outbox`: the run on each store, and what it says of itself. */
import type { Verdict } from 'waybill/testkit'
import type { Progress } from '../progress.js'
import { sqlStages } from '../stage/sql-stages.js'
import type { SqlStage } from '../stage/stage.js'
import { runOnStores, type RunKind } from '../store-runs.js'
import { tellFindings, worst, type StoreSummary } from '../summary.js'
import { shortOf } from './minima.js'
import { OutboxRun, type OutboxRunResult } from './outbox-run.js'
import { LANE_NAMES, LANES } from './plan.js'
import { FULL, QUICK, soakOf } from './size.js'

const OUTBOX: RunKind<SqlStage> = {
  name: 'outbox', stages: sqlStages(LANES), shortOf,
  async run({ size, minutes, ...run }) {
    const made = new OutboxRun({
      ...run, sparesFirst: size === 'soak', size: size === 'soak' ? soakOf(minutes) : size === 'quick' ? QUICK : FULL,
    })
    return summaryOf(run.stage, await made.run())
  },
}

export function runOutbox(args: string[], progress: Progress): Promise<number> {
  return runOnStores(OUTBOX, args, progress)
}

function summaryOf(stage: SqlStage, result: OutboxRunResult): StoreSummary {
  const { judgement, kills, faults, problems, seconds } = result
  const verdicts = LANE_NAMES.map((lane) => judgement.verdicts[lane])
  const sum = (name: keyof Verdict['counts']): number => verdicts.reduce((all, { counts }) => all + counts[name], 0)
  const found = [
    ...problems, ...LANE_NAMES.flatMap((lane) => tellFindings(lane, judgement.verdicts[lane])),
  ]
  return {
    store: stage.store, version: stage.version,
    verdict: worst([...verdicts.map(({ verdict }) => verdict), problems.length > 0 ? 'unknown' : 'valid']),
    messages: sum('committed'), aborted: sum('aborted'), deadLetters: sum('deadLetters'),
    duplicates: sum('duplicates'), decidedByTable: sum('decidedByTable'),
    kills, ...faults, recoveryMs: Math.round(judgement.recoveryMs), stalls: judgement.stalls,
    events: judgement.events, seconds, found,
  }
}
