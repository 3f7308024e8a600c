// The lag of small tenants, from enqueue to handler, alone and beside one tenant with a backlog, through one relay.
//   npm run bench -- fairness [--backlog 100000 --seconds 10 --json --stores sqlite,postgres]
import { parseArgs } from 'node:util'
import { setTimeout as wait } from 'node:timers/promises'
import { createWaybill } from '../dist/index.js'
import { percentile } from './measure/statistics.mjs'
import { printTable } from './measure/table.mjs'
import { startPostgres, withStore } from './stores.mjs'

const { values } = parseArgs({
  options: {
    backlog: { type: 'string', default: '100000' }, seconds: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false }, stores: { type: 'string', default: 'memory,sqlite,postgres' },
  },
})
const backlog = Number(values.backlog)
const TENANTS = 20
const EVERY_MS = 20

async function lagOf(store, giant) {
  const waybill = createWaybill({ store })
  await waybill.migrate()
  const draft = (scope, at) => ({ target: 't', type: 't', payload: { at }, scope })
  // Both runs know several tenants before they begin.
  for (let n = 0; n < TENANTS; n += 1) await waybill.outbox.enqueueAlone(draft(`tenant-${n}`, 0))
  for (let done = 0; done < giant; done += 5_000) {
    await waybill.transaction((tx) =>
      waybill.outbox.enqueueMany(tx, Array.from({ length: 5_000 }, () => draft('giant', 0))))
  }
  const lags = []
  let ofGiant = 0
  // A handler that takes a millisecond or two, so that the backlog lasts.
  const relay = waybill.relay({
    concurrency: 10,
    handlers: {
      t: async ({ payload, scope }) => {
        if (scope === 'giant') ofGiant += 1
        else if (payload.at > 0) lags.push(performance.now() - payload.at)
        await wait(1)
      },
    },
  })
  await relay.start()
  const end = performance.now() + Number(values.seconds) * 1_000
  for (let n = 0; performance.now() < end; n += 1) {
    await waybill.outbox.enqueueAlone(draft(`tenant-${n % TENANTS}`, performance.now()))
    await wait(EVERY_MS)
  }
  await relay.stop()
  await waybill.close()
  return { p50: percentile(lags, 0.5), p99: percentile(lags, 0.99), messages: lags.length, ofGiant }
}

const server = values.stores.includes('postgres') ? await startPostgres() : undefined
const results = []
for (const name of values.stores.split(',')) {
  if (name === 'postgres' && server === undefined) continue
  for (const giant of [0, backlog]) {
    results.push({ store: name, giant, ...await withStore(name, server, (store) => lagOf(store, giant)) })
  }
}
await server?.stop()

if (values.json) console.log(JSON.stringify({ seconds: Number(values.seconds), tenants: TENANTS, results }))
else {
  printTable(['store', 'backlog of one', 'delivered of it', 'p50 ms of others', 'p99 ms of others', 'p99 to alone'],
    results.map((each, n) => [
      each.store, each.giant, each.ofGiant, each.p50.toFixed(1), each.p99.toFixed(1),
      (each.p99 / results[n - (n % 2)].p99).toFixed(2),
    ]))
}
