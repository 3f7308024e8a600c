// Waybill's outbox against the same work by hand and against others; what is measured: docs/performance.md.
//   npm run bench -- outbox [--quick] [--json] [--write] [--only enqueue,drain,…]
import { parseArgs } from 'node:util'
import { verdict } from '../measure/bars.mjs'
import { startPostgres } from '../stores.mjs'
import { claimsBesideBacklogs } from './claims.mjs'
import { drain } from './drain.mjs'
import { enqueueMany, enqueueOne } from './enqueue.mjs'
import { latency } from './latency.mjs'
import { memory } from './memory.mjs'
import { oldSnapshot } from './old-snapshot.mjs'
import { printReport, writeReport } from './report.mjs'
import { runSettings } from './run-settings.mjs'
import { SIZES } from './sizes.mjs'
import { sqliteOutbox } from './sqlite.mjs'
import { Workbench } from './workbench.mjs'

/** In the order of the report. `throughput` is one part: its end-to-end figure needs both halves. */
const PARTS = {
  enqueue: async (bench) => [await enqueueOne(bench)],
  throughput: async (bench) => {
    const enqueued = await enqueueMany(bench)
    return [enqueued, await drain(bench, enqueued.walBytes)]
  },
  latency: async (bench) => [await latency(bench)],
  claims: async (bench) => [await claimsBesideBacklogs(bench)],
  snapshot: async (bench) => [await oldSnapshot(bench)],
  memory: async (bench) => [await memory(bench)],
  sqlite: async (bench) => [await sqliteOutbox(bench)],
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false }, smoke: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false }, write: { type: 'boolean', default: false },
    only: { type: 'string', default: Object.keys(PARTS).join(',') },
  },
})
const size = values.smoke ? 'smoke' : values.quick ? 'quick' : 'full'
const names = values.only.split(',')
const unknown = names.filter((name) => !(name in PARTS))
if (unknown.length > 0) {
  throw new Error(`there is no part ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}`)
}
if (values.write && (size !== 'full' || names.length < Object.keys(PARTS).length)) {
  throw new Error('--write takes a full run')
}

const began = performance.now()
const progress = (line) => console.error(`${((performance.now() - began) / 1_000).toFixed(1).padStart(6)} s  ${line}`)

const sizes = SIZES[size]
const settings = {
  fsync: 'on', synchronous_commit: 'on', shared_buffers: sizes.sharedBuffers, max_wal_size: '4GB', min_wal_size: '1GB',
  checkpoint_timeout: '30min', max_connections: 200,
}
const server = await startPostgres(settings)
if (server === undefined) throw new Error('this benchmark needs a PostgreSQL')
const sections = []
let about
try {
  const bench = await Workbench.open(server.url, sizes)
  try {
    about = await runSettings(bench, { size, settings, isLent: process.env['WAYBILL_TEST_POSTGRES_URL'] !== undefined })
    for (const name of Object.keys(PARTS).filter((part) => names.includes(part))) {
      progress(name)
      sections.push(...await PARTS[name](bench))
    }
  } finally {
    await bench.close()
  }
} finally {
  await server.stop()
}
progress('done')

const result = verdict(sections.flatMap(({ bars }) => bars))
if (values.json) {
  const tables = sections.map(({ title, columns, rows, notes }) => ({ title, columns, rows, notes }))
  console.log(JSON.stringify({ about, sections: tables }))
  console.log(JSON.stringify(result))
} else printReport(about, sections, result)
if (values.write) writeReport(about, sections, result)
// A smoke run is too short to say anything about speed.
process.exitCode = result.ok || size === 'smoke' ? 0 : 1
