/** A run on each of its stores, one after the other, with its options, its verdict and its last line. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { now } from './history/journal.js'
import { ledgerStamp, type LedgerEntry } from './ledger/entry.js'
import { enterLedger } from './ledger/ledger.js'
import type { Sample } from './processes/child.js'
import type { Progress } from './progress.js'
import { Slopes } from './slopes.js'
import type { OpenStages, Stage, StoreName } from './stage/stage.js'
import { totalOf, worst, type StoreSummary, type Total } from './summary.js'

const OPTIONS = {
  quick: { type: 'boolean', default: false }, soak: { type: 'boolean', default: false },
  minutes: { type: 'string', default: '20' },
  /** Default all that the run is for. */
  store: { type: 'string', multiple: true },
  seed: { type: 'string' }, json: { type: 'boolean', default: false }, canary: { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false }, ledger: { type: 'boolean', default: false },
} as const

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']

/** One run, as its stage is open. */
export interface StoreRun<On extends Stage> {
  readonly stage: On
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

export interface RunKind<On extends Stage> {
  readonly name: string
  readonly stages: OpenStages<On>
  run(run: StoreRun<On>): Promise<StoreSummary>
  /** What a full run on all stores did too little of. */
  shortOf(total: Total): readonly string[]
}

export async function runOnStores<On extends Stage>(
  kind: RunKind<On>, args: string[], progress: Progress,
): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS })
  const stores = Object.keys(kind.stages) as StoreName[]
  const { store: wanted = stores } = values
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
  const folder = mkdtempSync(join(tmpdir(), 'waybill-chaos-'))
  // Before the run, which may outlast the commit it is of. The compiled program is in build/chaos.
  const root = join(import.meta.dirname, '..', '..')
  const stamp = values.ledger ? ledgerStamp(root) : undefined
  const slopes = new Slopes()
  const summaries: StoreSummary[] = []
  progress.note(`seed ${seed}`)
  for (const store of stores.filter((name) => wanted.includes(name))) {
    const summary = await runStore(kind, store, { seed, folder, values, progress, slopes })
    summaries.push(summary)
    progress.note(`${store}: ${summary.verdict}, ${summary.messages} in ${summary.seconds} s`)
    for (const problem of summary.found) progress.note(`  ${problem}`)
  }
  const counted = totalOf(summaries, seed)
  const isWhole = sizeOf(values) === 'full' && stores.every((name) => wanted.includes(name))
  const short = isWhole ? kind.shortOf(counted) : []
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

async function runStore<On extends Stage>(
  kind: RunKind<On>, store: StoreName, { seed, folder, values, progress, slopes }: Invocation,
): Promise<StoreSummary> {
  const journals = join(folder, store)
  mkdirSync(journals)
  const stage = await kind.stages[store]?.(folder)
  if (stage === undefined) throw new Error(`there is no run of ${kind.name} on ${store}`)
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

function sizeOf({ soak, quick }: Values): StoreRun<Stage>['size'] {
  return soak ? 'soak' : quick ? 'quick' : 'full'
}

type Stamped = keyof ReturnType<typeof ledgerStamp> | 'run' | 'size' | 'seed'

/** What the ledger keeps of a run. */
function countsOf(summary: StoreSummary): Omit<LedgerEntry, Stamped> {
  const { aborted: _aborted, decidedByTable: _decided, missed: _missed, events: _events, found: _found, ...counts } =
    summary
  return counts
}
