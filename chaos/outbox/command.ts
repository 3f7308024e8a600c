/** `npm run chaos -- outbox`: the run on PostgreSQL and on SQLite, and its verdict. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { now } from '../history/journal.js'
import { ledgerStamp, type LedgerEntry } from '../ledger/entry.js'
import { enterLedger } from '../ledger/ledger.js'
import type { Progress } from '../progress.js'
import { Slopes } from '../slopes.js'
import { shortOf } from './minima.js'
import { OutboxRun } from './outbox-run.js'
import { openPostgresStage } from './postgres-stage.js'
import { FULL, QUICK, soakOf } from './size.js'
import { openSqliteStage } from './sqlite-stage.js'
import { summaryOf, totalOf, worst, type StoreSummary } from './summary.js'

const STORES = ['postgres', 'sqlite'] as const
type StoreName = (typeof STORES)[number]

const OPTIONS = {
  quick: { type: 'boolean', default: false }, soak: { type: 'boolean', default: false },
  minutes: { type: 'string', default: '20' },
  store: { type: 'string', multiple: true, default: [...STORES] as string[] },
  seed: { type: 'string' }, json: { type: 'boolean', default: false }, canary: { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false }, ledger: { type: 'boolean', default: false },
} as const

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']

export async function runOutbox(args: string[], progress: Progress): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS })
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
  const folder = mkdtempSync(join(tmpdir(), 'waybill-chaos-'))
  // Before the run, which may outlast the commit it is of. The compiled program is in build/chaos/outbox.
  const root = join(import.meta.dirname, '..', '..', '..')
  const stamp = values.ledger ? ledgerStamp(root) : undefined
  const slopes = new Slopes()
  const summaries: StoreSummary[] = []
  progress.note(`seed ${seed}`)
  for (const store of STORES.filter((name) => values.store.includes(name))) {
    const summary = await runStore(store, { seed, folder, values, progress, slopes })
    summaries.push(summary)
    progress.note(`${store}: ${summary.verdict}, ${summary.messages} messages in ${summary.seconds} s`)
    for (const problem of summary.found) progress.note(`  ${problem}`)
  }
  const counted = totalOf(summaries, seed)
  const short = isWhole(values) ? shortOf(counted) : []
  for (const line of short) progress.note(line)
  const total = { ...counted, verdict: worst([counted.verdict, short.length > 0 ? 'unknown' : 'valid']) }
  if (total.verdict === 'valid' && !values.keep) rmSync(folder, { recursive: true, force: true })
  else progress.note(`the journals are in ${folder}`)
  if (stamp !== undefined) {
    const entered = { ...stamp, run: 'outbox', size: sizeOf(values), seed }
    enterLedger(root, summaries.map((summary) => ({ ...entered, ...countsOf(summary) })))
  }
  const soaked = values.soak ? { slopes: slopes.result() } : {}
  const all = values.json ? { ...total, ...soaked, stores: summaries, short } : { ...total, ...soaked }
  process.stdout.write(`${JSON.stringify(all)}\n`)
  return total.verdict === 'valid' ? 0 : 1
}

interface StoreRun {
  readonly seed: number
  readonly folder: string
  readonly values: Values
  readonly progress: Progress
  readonly slopes: Slopes
}

async function runStore(store: StoreName, { seed, folder, values, progress, slopes }: StoreRun): Promise<StoreSummary> {
  const journals = join(folder, store)
  mkdirSync(journals)
  const stage = await (store === 'postgres' ? openPostgresStage() : openSqliteStage(folder))
  try {
    const run = new OutboxRun({
      stage, seed, folder: journals, canary: values.canary, sparesFirst: values.soak,
      size: values.soak ? soakOf(Number(values.minutes)) : values.quick ? QUICK : FULL,
      onProgress: (line) => progress.show(line),
      onSample: (process, sample) => {
        const at = now()
        for (const [what, value] of Object.entries(sample)) slopes.add(`${store} ${process}`, what, at, value as number)
      },
    })
    return summaryOf(stage, await run.run())
  } finally {
    await stage.close()
  }
}

function sizeOf({ soak, quick }: Values): string {
  return soak ? 'soak' : quick ? 'quick' : 'full'
}

function isWhole(values: Values): boolean {
  return sizeOf(values) === 'full' && STORES.every((name) => values.store.includes(name))
}

type Stamped = keyof ReturnType<typeof ledgerStamp> | 'run' | 'size' | 'seed'

/** What the ledger keeps of a run. */
function countsOf(summary: StoreSummary): Omit<LedgerEntry, Stamped> {
  const { aborted: _aborted, decidedByTable: _decided, missed: _missed, events: _events, found: _found, ...counts } =
    summary
  return counts
}
