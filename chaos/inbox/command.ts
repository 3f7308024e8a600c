/** `npm run chaos -- inbox`: the run on each store, and what it says of itself. */
import type { Progress } from '../progress.js'
import { sqlStages } from '../stage/sql-stages.js'
import type { SqlStage } from '../stage/stage.js'
import { runOnStores, type RunKind } from '../store-runs.js'
import { InboxRun } from './inbox-run.js'
import { shortOf } from './minima.js'
import { FULL, QUICK, soakOf } from './size.js'
import { summaryOf } from './summary.js'

const INBOX: RunKind<SqlStage> = {
  name: 'inbox', stages: sqlStages({}), shortOf,
  async run({ size, minutes, ...run }) {
    const made = new InboxRun({ ...run, size: size === 'soak' ? soakOf(minutes) : size === 'quick' ? QUICK : FULL })
    return summaryOf(run.stage, await made.run())
  },
}

export function runInbox(args: string[], progress: Progress): Promise<number> {
  return runOnStores(INBOX, args, progress)
}
