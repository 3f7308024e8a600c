// Feeds against the same work by hand on every store; what is measured: docs/performance-feeds.md.
//   npm run bench -- feeds [--quick] [--json] [--write] [--only commit,evict,…]
import { aboutRun } from '../measure/about.mjs'
import { runBenchmark } from '../measure/benchmark.mjs'
import { catchUp } from './catch-up.mjs'
import { commits } from './commit.mjs'
import { evictions } from './evict.mjs'
import { SIZES } from './sizes.mjs'
import { snapshots } from './snapshot.mjs'
import { FeedsWorkbench } from './workbench.mjs'

const PARTS = {
  commit: commits,
  evict: async (bench) => [await evictions(bench)],
  catchUp: async (bench) => [await catchUp(bench)],
  snapshot: async (bench) => [await snapshots(bench)],
}

await runBenchmark({
  topic: 'feeds', page: 'performance-feeds.md', parts: PARTS, sizes: SIZES, bench: FeedsWorkbench,
  about: (bench, { size, isLent }) => aboutRun(bench, bench.sizes, {
    size, isLent, packages: ['pg'], rows: [['Waybill', 'one connection at a time']],
  }),
})
