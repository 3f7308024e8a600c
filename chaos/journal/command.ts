/** `npm run chaos -- journal`: the run on each store. */
import type { Progress } from '../progress.js'
import { sqlStages } from '../stage/sql-stages.js'
import type { SqlStage } from '../stage/stage.js'
import { runOnStores, type RunKind } from '../store-runs.js'
import { JournalRun } from './journal-run.js'
import { shortOf } from './minima.js'
import { FULL, QUICK, soakOf } from './size.js'
import { summaryOf } from './summary.js'

const JOURNAL: RunKind<SqlStage> = {
  name: 'journal', stages: sqlStages({}), shortOf,
  async run({ size, minutes, ...run }) {
    const made = new JournalRun({ ...run, size: size === 'soak' ? soakOf(minutes) : size === 'quick' ? QUICK : FULL })
    return summaryOf(run.stage, await made.run())
  },
}

export function runJournal(args: string[], progress: Progress): Promise<number> {
  return runOnStores(JOURNAL, args, progress)
}
