/**
 * Fault runs: `npm run chaos -- <run> [options]`. Each run breaks things by a schedule, judges what was written down
 * meanwhile, prints its result as the last line, and exits with 0 when the verdict is `valid`, else with 1.
 */
import { runBroken } from './broken/command.js'
import { runCanary } from './canary.js'
import { runFeeds } from './feeds/command.js'
import { runInbox } from './inbox/command.js'
import { runJournal } from './journal/command.js'
import { runOutbox } from './outbox/command.js'
import { runPoison } from './poison/command.js'
import { Progress } from './progress.js'

const RUNS: Readonly<Record<string, (args: string[], progress: Progress) => Promise<number>>> = {
  outbox: runOutbox,
  journal: runJournal,
  feeds: runFeeds,
  inbox: runInbox,
  poison: runPoison,
  broken: runBroken,
  canary: runCanary,
}

const HELP = `npm run chaos -- <run> [options]

  outbox    producers, relays and receivers                      postgres, sqlite
  journal   producers, and publishers of one name                postgres, sqlite
  feeds     producers, and three subscribers of two processes    postgres, sqlite, redis
  inbox     eight consumers, to whom messages come 1 to 5 times  postgres, sqlite
  poison    1 % of five kinds, and what it leaves of throughput    postgres, sqlite
  broken    what is wrong on purpose: each must be caught
  canary    takes one message away: this must be found

of outbox, journal, feeds, inbox and poison
  --quick               half a minute a store at most
  --soak --minutes 20   half as many faults a minute
  --store redis         one store only; may be given again
  --seed 7              repeats a schedule
  --json                each store's numbers, too
  --keep                keeps the journals
  --canary              plants a loss
  --ledger              adds the run to the ledger

The last line is JSON. Exit code 0: valid, 1: anything else, 2: there is no such run.
`

const [name = '', ...args] = process.argv.slice(2)
const run = Object.hasOwn(RUNS, name) ? RUNS[name] : undefined
if (name === '--help' || args.includes('--help')) {
  process.stdout.write(HELP)
} else if (run === undefined) {
  console.error(`no run is called '${name}'; there are ${Object.keys(RUNS).join(', ')}`)
  process.exitCode = 2
} else {
  process.exitCode = await run(args, new Progress())
}
