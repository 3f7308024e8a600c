// Waybill's journal and its publishers against the same work by hand; what is measured: docs/performance-journal.md.
//   npm run bench -- journal [--quick] [--json] [--write] [--only append,throughput,…]
import { runBenchmark } from '../measure/benchmark.mjs'
import { appendInTransaction, appendThousands } from './append.mjs'
import { competing } from './competing.mjs'
import { drain } from './drain.mjs'
import { histories } from './history.mjs'
import { idle } from './idle.mjs'
import { runSettings } from './run-settings.mjs'
import { SIZES } from './sizes.mjs'
import { sqliteJournal } from './sqlite.mjs'
import { JournalWorkbench } from './workbench.mjs'

/** `throughput` is one part: its end-to-end figure needs both halves. */
const PARTS = {
  append: async (bench) => [await appendInTransaction(bench)],
  throughput: async (bench) => {
    const appended = await appendThousands(bench)
    return [appended, ...await drain(bench, appended.walBytes)]
  },
  history: async (bench) => [await histories(bench)],
  idle: async (bench) => [await idle(bench)],
  competing: async (bench) => [await competing(bench)],
  sqlite: async (bench) => [await sqliteJournal(bench)],
}

await runBenchmark({
  topic: 'journal', page: 'performance-journal.md', parts: PARTS, sizes: SIZES, bench: JournalWorkbench,
  about: runSettings,
})
