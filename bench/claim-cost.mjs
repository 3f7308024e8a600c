// What a claim of 100 messages costs, and an empty poll: in an unordered lane, in an ordered one, beside a key with a
// backlog of which one message is claimed, and beside a key whose dead head blocks a backlog.
//   npm run bench -- claims [--backlog 50000 --rounds 40 --json --stores memory,sqlite,postgres]
import { parseArgs } from 'node:util'
import { createWaybill } from '../dist/index.js'
import { BACKLOG_LANES, BACKLOG_NAMES, openBacklog } from './backlog.mjs'
import { interleave } from './measure/rounds.mjs'
import { printTable } from './measure/table.mjs'
import { startPostgres, STORE_NAMES, withStore } from './stores.mjs'

const { values } = parseArgs({
  options: {
    backlog: { type: 'string', default: '50000' }, rounds: { type: 'string', default: '40' },
    json: { type: 'boolean', default: false }, stores: { type: 'string', default: STORE_NAMES.join(',') },
  },
})
const backlog = Number(values.backlog)
const rounds = Number(values.rounds)
const BATCH = 100

async function measure(store, opened) {
  const waybill = createWaybill({ store: opened, lanes: BACKLOG_LANES })
  await waybill.migrate()
  const variants = {}
  for (const lane of BACKLOG_NAMES) {
    const prepared = await openBacklog(waybill, lane, backlog, BATCH)
    variants[lane] = () => prepared.measure()
  }
  const measurements = await interleave(variants, rounds)
  return BACKLOG_NAMES.map((lane) => ({
    store, lane, claimMs: measurements.median(lane, 'claimMs'), pollMs: measurements.median(lane, 'pollMs'),
    claimToOrdered: measurements.ratio(lane, 'ordered', 'claimMs'),
    pollToOrdered: measurements.ratio(lane, 'ordered', 'pollMs'),
  }))
}

const server = values.stores.includes('postgres') ? await startPostgres() : undefined
const results = []
for (const store of values.stores.split(',')) {
  if (store === 'postgres' && server === undefined) continue
  results.push(...await withStore(store, server, (opened) => measure(store, opened)))
}
await server?.stop()

if (values.json) console.log(JSON.stringify({ backlog, batch: BATCH, rounds, results }))
else {
  console.log(`a claim of ${BATCH}, median of ${rounds}, backlog ${backlog}`)
  printTable(['store', 'lane', 'claim ms', 'to ordered', 'empty poll ms', 'to ordered'], results.map((each) => [
    each.store, each.lane, each.claimMs.toFixed(2), each.claimToOrdered.toFixed(2),
    each.pollMs.toFixed(3), each.pollToOrdered.toFixed(2),
  ]))
}
