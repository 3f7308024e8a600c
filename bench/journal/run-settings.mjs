// How Waybill and graphile-worker run in the measurements.
import { aboutRun } from '../measure/about.mjs'
import { CONNECTIONS } from '../measure/database.mjs'

const ROWS = [
  ['Waybill', `pool of ${CONNECTIONS}; the publisher's defaults: batch 1000, concurrency 10, saveEvery 1000, saveEveryMs 50`],
  ['graphile-worker', 'concurrentJobs 24, maxPoolSize 25, localQueue 500 and 2,000, completeJobBatchDelay 0, '
    + 'failJobBatchDelay 0'],
]

export function runSettings(bench, { size, isLent }) {
  return aboutRun(bench, bench.sizes, { size, isLent, packages: ['graphile-worker', 'pg'], rows: ROWS })
}
