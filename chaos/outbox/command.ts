/** `npm run chaos -- outbox`: the run on PostgreSQL and on SQLite, and its verdict. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Progress } from '../progress.js'
import { OutboxRun, type OutboxRunResult } from './outbox-run.js'
import { openPostgresStage } from './postgres-stage.js'
import { FULL, QUICK } from './size.js'
import { openSqliteStage } from './sqlite-stage.js'
import { summaryOf, type StoreSummary, totalOf } from './summary.js'

const STORES = ['postgres', 'sqlite'] as const
type StoreName = (typeof STORES)[number]

export async function runOutbox(args: string[], progress: Progress): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false },
      canary: { type: 'boolean', default: false }, keep: { type: 'boolean', default: false },
      seed: { type: 'string' }, store: { type: 'string', multiple: true },
    },
  })
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
  const size = values.quick ? QUICK : FULL
  const folder = mkdtempSync(join(tmpdir(), 'waybill-chaos-'))
  const summaries: StoreSummary[] = []
  progress.note(`seed ${seed}`)
  for (const store of STORES.filter((name) => values.store?.includes(name) ?? true)) {
    const journals = join(folder, store)
    mkdirSync(journals)
    const stage = await openStage(store, folder)
    let result: OutboxRunResult
    try {
      const run = new OutboxRun({
        stage, size, seed, folder: journals, canary: values.canary, onProgress: (line) => progress.show(line),
      })
      result = await run.run()
    } finally {
      await stage.close()
    }
    const summary = summaryOf(stage, result)
    summaries.push(summary)
    progress.note(`${store}: ${summary.verdict}, ${summary.messages} messages in ${summary.seconds} s`)
    for (const problem of summary.found) progress.note(`  ${problem}`)
  }
  const total = totalOf(summaries, seed)
  if (total.verdict === 'valid' && !values.keep) rmSync(folder, { recursive: true, force: true })
  else progress.note(`the journals are in ${folder}`)
  process.stdout.write(`${JSON.stringify(values.json ? { ...total, stores: summaries } : total)}\n`)
  return total.verdict === 'valid' ? 0 : 1
}

function openStage(store: StoreName, folder: string): ReturnType<typeof openPostgresStage> {
  return store === 'postgres' ? openPostgresStage() : openSqliteStage(folder)
}
