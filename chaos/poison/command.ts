/** `npm run chaos -- poison`: the run on each store, and what it says of itself. */
import type { Progress } from '../progress.js'
import { sqlStages } from '../stage/sql-stages.js'
import type { SqlStage } from '../stage/stage.js'
import { runOnStores, type RunKind } from '../store-runs.js'
import { shortOf } from './minima.js'
import { LANES } from './plan.js'
import { PoisonRun } from './poison-run.js'
import { FULL, QUICK, soakOf } from './size.js'
import { summaryOf } from './summary.js'

const POISON: RunKind<SqlStage> = {
  name: 'poison', stages: sqlStages(LANES), shortOf,
  async run({ size, minutes, ...run }) {
    const made = new PoisonRun({ ...run, size: size === 'soak' ? soakOf(minutes) : size === 'quick' ? QUICK : FULL })
    return summaryOf(run.stage, await made.run())
  },
}

export function runPoison(args: string[], progress: Progress): Promise<number> {
  return runOnStores(POISON, args, progress)
}
