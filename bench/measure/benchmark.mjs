// A benchmark of one topic, from its options to its verdict: which parts run, on a server of which settings, and where
// the report goes.
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { startPostgres } from '../stores.mjs'
import { verdict } from './bars.mjs'
import { printReport, writeReport } from './report.mjs'

const DOCS = resolve(import.meta.dirname, '..', '..', 'docs')

function options(parts) {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false }, smoke: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false }, write: { type: 'boolean', default: false },
      only: { type: 'string', default: Object.keys(parts).join(',') },
    },
  })
  const size = values.smoke ? 'smoke' : values.quick ? 'quick' : 'full'
  const names = values.only.split(',')
  const unknown = names.filter((name) => !(name in parts))
  if (unknown.length > 0) {
    throw new Error(`there is no part ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}`)
  }
  if (values.write && (size !== 'full' || names.length < Object.keys(parts).length)) {
    throw new Error('--write takes a full run')
  }
  return { size, names, json: values.json, write: values.write }
}

/**
 * - `topic` and `page`: what is written with `--write`, and to which page of docs/.
 * - `parts`: in the order of the report, what is called with the bench and answers sections.
 * - `sizes`: `full`, `quick` and `smoke`.
 * - `bench`: a `BenchDatabase`.
 * - `about(bench, { size, isLent })`: rows of a name and a value.
 */
export async function runBenchmark({ topic, page, parts, sizes: allSizes, bench: Bench, about: tellAbout }) {
  const { size, names, json, write } = options(parts)
  const began = performance.now()
  const progress = (line) => console.error(`${((performance.now() - began) / 1_000).toFixed(1).padStart(6)} s  ${line}`)
  const sizes = allSizes[size]
  const server = await startPostgres({
    fsync: 'on', synchronous_commit: 'on', shared_buffers: sizes.sharedBuffers, max_wal_size: '4GB', min_wal_size: '1GB',
    checkpoint_timeout: '30min', max_connections: 200,
  })
  if (server === undefined) throw new Error('this benchmark needs a PostgreSQL')
  const sections = []
  let about
  try {
    const bench = await Bench.open(server.url, sizes)
    try {
      about = await tellAbout(bench, { size, isLent: process.env['WAYBILL_TEST_POSTGRES_URL'] !== undefined })
      for (const name of Object.keys(parts).filter((part) => names.includes(part))) {
        progress(name)
        sections.push(...await parts[name](bench))
      }
    } finally {
      await bench.close()
    }
  } finally {
    await server.stop()
  }
  progress('done')
  const result = verdict(sections.flatMap(({ bars }) => bars))
  if (json) {
    const tables = sections.map(({ title, columns, rows, notes }) => ({ title, columns, rows, notes }))
    console.log(JSON.stringify({ about, sections: tables }))
    console.log(JSON.stringify(result))
  } else printReport(about, sections, result)
  if (write) writeReport({ file: resolve(DOCS, page), topic }, about, sections, result)
  // A smoke run is too short to say anything about speed.
  process.exitCode = result.ok || size === 'smoke' ? 0 : 1
}
