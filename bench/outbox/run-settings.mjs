// How the outbox and the others run in the measurements.
import { aboutRun } from '../measure/about.mjs'
import { CONNECTIONS } from '../measure/database.mjs'
import { RELAY } from './relay-settings.mjs'

const PACKAGES = ['graphile-worker', 'pg-boss', 'pg-transactional-outbox', 'pg']
const ROWS = [
  ['Waybill', `pool of ${CONNECTIONS}; batch ${RELAY.batch}, concurrency ${RELAY.concurrency}, retainDeliveredMs 0`],
  ['graphile-worker', 'concurrentJobs 24, maxPoolSize 25, localQueue 500 and 2,000, completeJobBatchDelay 0, '
    + 'failJobBatchDelay 0'],
  ['pg-boss', 'fetch 1,000 and 5,000 with deleteJob or complete; work: batchSize 1,000, localConcurrency 2, '
    + 'burstWhenBatchFull'],
  ['pg-transactional-outbox', 'polling listener: batch 100, every 20 ms, lock 1 s, parallel, '
    + 'without attempt and poison protection'],
]

export function runSettings(bench, { size, isLent }) {
  return aboutRun(bench, bench.sizes, { size, isLent, packages: PACKAGES, rows: ROWS })
}
