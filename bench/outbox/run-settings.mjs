// Under which conditions a run took place: what the figures mean nothing without.
import { machine, versionOf } from '../measure/machine.mjs'
import { RELAY } from './relay-settings.mjs'
import { CONNECTIONS } from './workbench.mjs'

const ASKED = ['fsync', 'synchronous_commit', 'shared_buffers', 'max_wal_size', 'wal_level', 'checkpoint_timeout']
const SETTINGS = 'select name, setting, unit from pg_settings where name = any ($1::text[]) order by name'

const PACKAGES = ['graphile-worker', 'pg-boss', 'pg-transactional-outbox', 'pg']
const PEER_SETTINGS = [
  ['graphile-worker', 'concurrentJobs 24, maxPoolSize 25, localQueue 500 and 2,000, completeJobBatchDelay 0, '
    + 'failJobBatchDelay 0'],
  ['pg-boss', 'fetch 1,000 and 5,000 with deleteJob or complete; work: batchSize 1,000, localConcurrency 2, '
    + 'burstWhenBatchFull'],
  ['pg-transactional-outbox', 'polling listener: batch 100, every 20 ms, lock 1 s, parallel, '
    + 'without attempt and poison protection'],
]

/** Rows of a name and a value. */
export async function runSettings(bench, { size, isLent }) {
  const { hardware, node, date, commit } = machine()
  const { rows } = await bench.admin.query(SETTINGS, [ASKED])
  const server = rows.map(({ name, setting, unit }) => `${name} ${setting}${unit === null ? '' : ` × ${unit}`}`)
  const where = isLent ? 'lent' : 'private, on the same machine'
  const packages = PACKAGES.map((name) => `${name} ${versionOf(name)}`)
  const { rounds, shortRounds, ...counts } = bench.sizes
  return [
    ['run', `${size}, ${date}, commit ${commit}${size === 'full' ? '' : '; smaller than a full run'}`],
    ['machine', hardware],
    ['Node', `${node}, for everything measured`],
    ['PostgreSQL', `${await bench.load.version()}, ${where}; ${server.join(', ')}`],
    ['packages', packages.join(', ')],
    ['repetitions', `${rounds} of each, ${shortRounds} of single transactions, interleaved; one more does not count`],
    ['sizes', Object.entries(counts).filter(([, value]) => typeof value === 'number')
      .map(([name, value]) => `${name} ${value.toLocaleString('en-US')}`).join(', ')],
    ['Waybill', `pool of ${CONNECTIONS}; batch ${RELAY.batch}, concurrency ${RELAY.concurrency}, retainDeliveredMs 0`],
    ...PEER_SETTINGS,
    ['payload', '200 bytes of JSON'],
  ]
}
