/** A run on PostgreSQL and on SQLite, one after the other, with its options, its verdict and its last line. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { LaneDeclarations } from 'waybill'
import { now } from './history/journal.js'
import { ledgerStamp, type LedgerEntry } from './ledger/entry.js'
import { enterLedger } from './ledger/ledger.js'
import type { Sample } from './processes/child.js'
import type { Progress } from './progress.js'
import { Slopes } from './slopes.js'
import { openPostgresStage } from './stage/postgres-stage.js'
import { openSqliteStage } from './stage/sqlite-stage.js'
import type { Stage } from './stage/stage.js'
import { totalOf, worst, type StoreSummary, type Total } from './summary.js'

const STORES = ['postgres', 'sqlite'] as const

const OPTIONS = {
  quick: { type: 'boolean', default: false }, soak: { type: 'boolean', default: false },
  minutes: { type: 'string', default: '20' },
  store: { type: 'string', multiple: true, default: [...STORES] as string[] },
  seed: { type: 'string' }, json: { type: 'boolean', default: false }, canary: { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false }, ledger: { type: 'boolean', default: false },
} as const

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']

/** One run, as its stage is open. */
export interface StoreRun {
  readonly stage: Stage
  readonly seed: number
  /** The journals are here. */
  readonly folder: string
  readonly size: 'quick' | 'full' | 'soak'
  /** Of a soak. */
  readonly minutes: number
  readonly canary: boolean
  readonly onProgress: (line: string) => void
  readonly onSample: (process: string, sample: Sample) => void
}

export interface RunKind {
  readonly name: string
  readonly lanes: LaneDeclarations
  run(run: StoreRun): Promise<StoreSummary>
  /** What a full run on both stores did too little of. */
  shortOf(total: Total): readonly string[]
}

export async function runOnStores(kind: RunKind, args: string[], progress: Progress): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS })
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
  const folder = mkdtempSync(join(tmpdir(), 'waybill-chaos-'))
  // Before the run, which may outlast the commit it is of. The compiled program is in build/chaos.
  const root = join(import.meta.dirname, '..', '..')
  const stamp = values.ledger ? ledgerStamp(root) : undefined
  const slopes = new Slopes()
  const summaries: StoreSummary[] = []
  progress.note(`seed ${seed}`)
  for (const store of STORES.filter((name) => values.store.includes(name))) {
    const summary = await runStore(kind, store, { seed, folder, values, progress, slopes })
    summaries.push(summary)
    progress.note(`${store}: ${summary.verdict}, ${summary.messages} in ${summary.seconds} s`)
    for (const problem of summary.found) progress.note(`  ${problem}`)
  }
  const counted = totalOf(summaries, seed)
  const short = isWhole(values) ? kind.shortOf(counted) : []
  for (const line of short) progress.note(line)
  const total = { ...counted, verdict: worst([counted.verdict, short.length > 0 ? 'unknown' : 'valid']) }
  if (total.verdict === 'valid' && !values.keep) rmSync(folder, { recursive: true, force: true })
  else progress.note(`the journals are in ${folder}`)
  if (stamp !== undefined) {
    const entered = { ...stamp, run: kind.name, size: sizeOf(values), seed }
    enterLedger(root, summaries.map((summary) => ({ ...entered, ...countsOf(summary) })))
  }
  const soaked = values.soak ? { slopes: slopes.result() } : {}
  const all = values.json ? { ...total, ...soaked, stores: summaries, short } : { ...total, ...soaked }
  process.stdout.write(`${JSON.stringify(all)}\n`)
  return total.verdict === 'valid' ? 0 : 1
}

interface Invocation {
  readonly seed: number
  readonly folder: string
  readonly values: Values
  readonly progress: Progress
  readonly slopes: Slopes
}

async function runStore(
  kind: RunKind, store: (typeof STORES)[number], { seed, folder, values, progress, slopes }: Invocation,
): Promise<StoreSummary> {
  const journals = join(folder, store)
  mkdirSync(journals)
  const stage = await (store === 'postgres' ? openPostgresStage(kind.lanes) : openSqliteStage(folder, kind.lanes))
  try {
    return await kind.run({
      stage, seed, folder: journals, size: sizeOf(values), minutes: Number(values.minutes), canary: values.canary,
      onProgress: (line) => progress.show(line),
      onSample: (process, sample) => {
        const at = now()
        for (const [what, value] of Object.entries(sample)) slopes.add(`${store} ${process}`, what, at, value as number)
      },
    })
  } finally {
    await stage.close()
  }
}

function sizeOf({ soak, quick }: Values): StoreRun['size'] {
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
