// Deleting what was delivered long ago while producers go on; what is measured: docs/performance-maintenance.md.
//   npm run bench -- maintenance [--quick] [--json] [--write] [--only postgres,sqlite]
import { aboutRun } from '../measure/about.mjs'
import { runBenchmark } from '../measure/benchmark.mjs'
import { BenchDatabase } from '../measure/database.mjs'
import { postgresBed, sqliteBed } from './beds.mjs'
import { deleting } from './deleting.mjs'
import { SIZES } from './sizes.mjs'

const on = (open) => async (bench) => {
  const bed = await open(bench)
  try {
    return [await deleting(bed, bench.sizes)]
  } finally {
    await bed.close()
  }
}

await runBenchmark({
  topic: 'maintenance', page: 'performance-maintenance.md',
  parts: { postgres: on(postgresBed), sqlite: on(sqliteBed) }, sizes: SIZES, bench: BenchDatabase,
  about: (bench, { size, isLent }) => aboutRun(bench, { ...bench.sizes, rounds: 'as many rounds as it takes' }, {
    size, isLent, packages: ['pg'],
    rows: [['Waybill', 'producers and maintenance each a process of their own, with the options that are the default']],
  }),
})
