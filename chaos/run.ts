/**
 * Fault runs: `npm run chaos -- <run> [options]`. Each run breaks things by a schedule, judges what was written down
 * meanwhile, prints its result as the last line, and exits with 0 when the verdict is `valid`, else with 1.
 */
import { runBroken } from './broken/command.js'
import { runCanary } from './canary.js'
import { runFeeds } from './feeds/command.js'
import { runJournal } from './journal/command.js'
import { runOutbox } from './outbox/command.js'
import { Progress } from './progress.js'

const RUNS: Readonly<Record<string, (args: string[], progress: Progress) => Promise<number>>> = {
  outbox: runOutbox,
  journal: runJournal,
  feeds: runFeeds,
  broken: runBroken,
  canary: runCanary,
}

const [name = '', ...args] = process.argv.slice(2)
const run = Object.hasOwn(RUNS, name) ? RUNS[name] : undefined
if (run === undefined) {
  console.error(`no run is called '${name}'; there are ${Object.keys(RUNS).join(', ')}`)
  process.exitCode = 2
} else {
  process.exitCode = await run(args, new Progress())
}
