/** `npm run chaos -- feeds`: the run on each store. */
import type { Progress } from '../progress.js'
import { openRedisStage } from '../stage/redis-stage.js'
import { sqlStages } from '../stage/sql-stages.js'
import type { Stage } from '../stage/stage.js'
import { runOnStores, type RunKind } from '../store-runs.js'
import { FeedsRun } from './feeds-run.js'
import { shortOf } from './minima.js'
import { FULL, QUICK, soakOf } from './size.js'
import { summaryOf } from './summary.js'

const FEEDS: RunKind<Stage> = {
  name: 'feeds', stages: { ...sqlStages({}), redis: openRedisStage }, shortOf,
  async run({ size, minutes, ...run }) {
    const made = new FeedsRun({ ...run, size: size === 'soak' ? soakOf(minutes) : size === 'quick' ? QUICK : FULL })
    return summaryOf(run.stage, await made.run())
  },
}

export function runFeeds(args: string[], progress: Progress): Promise<number> {
  return runOnStores(FEEDS, args, progress)
}
