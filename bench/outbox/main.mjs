// Waybill's outbox against the same work by hand and against others; what is measured: docs/performance.md.
//   npm run bench -- outbox [--quick] [--json] [--write] [--only enqueue,drain,…]
import { runBenchmark } from '../measure/benchmark.mjs'
import { claimsBesideBacklogs } from './claims.mjs'
import { drain } from './drain.mjs'
import { enqueueMany, enqueueOne } from './enqueue.mjs'
import { latency } from './latency.mjs'
import { memory } from './memory.mjs'
import { oldSnapshot } from './old-snapshot.mjs'
import { runSettings } from './run-settings.mjs'
import { SIZES } from './sizes.mjs'
import { sqliteOutbox } from './sqlite.mjs'
import { Workbench } from './workbench.mjs'

/** `throughput` is one part: its end-to-end figure needs both halves. */
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

await runBenchmark({
  topic: 'outbox', page: 'performance.md', parts: PARTS, sizes: SIZES, bench: Workbench, about: runSettings,
})
