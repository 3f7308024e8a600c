// What a claim of 100 messages costs, and an empty poll: in an unordered lane, in an ordered one, beside a key with a
// backlog of which one message is claimed, and beside a key whose dead head blocks a backlog.
//   npm run bench:claims [-- --backlog 50000 --rounds 40 --json --stores memory,sqlite,postgres]
import process from 'node:process'
import { parseArgs } from 'node:util'
import { createWaybill } from '../dist/index.js'
import { median, printTable, startPostgres, STORE_NAMES, withStore } from './stores.mjs'

const { values } = parseArgs({
  options: {
    backlog: { type: 'string', default: '50000' }, rounds: { type: 'string', default: '40' },
    json: { type: 'boolean', default: false }, stores: { type: 'string', default: STORE_NAMES.join(',') },
  },
})
const backlog = Number(values.backlog)
const rounds = Number(values.rounds)
const BATCH = 100

const CASES = {
  unordered: async () => undefined,
  ordered: async () => undefined,
  'hot key': async (lane) => {
    await lane.put(backlog, () => 'hot')
    await lane.claim()
    await lane.setAside()
  },
  'blocked head': async (lane) => {
    await lane.put(1, () => 'dead')
    const { token, messages: [message] } = await lane.claim()
    await lane.waybill.outbox.settle(token, [{ id: message.id, kind: 'dead', error: 'gone' }])
    await lane.put(backlog, () => 'dead')
    await lane.setAside()
  },
}

function laneOf(waybill, lane) {
  return {
    waybill,
    async put(count, keyOf) {
      for (let done = 0; done < count; done += 5_000) {
        const size = Math.min(5_000, count - done)
        const drafts = Array.from({ length: size }, (_, n) => (
          { lane, target: 't', type: 't', payload: { n }, key: keyOf(done + n) }))
        await waybill.transaction((tx) => waybill.outbox.enqueueMany(tx, drafts))
      }
    },
    claim: () => waybill.outbox.claim({ lane, target: 't', consumer: 'bench', limit: BATCH, leaseMs: 600_000 }),
    /** Lets claims pass over the backlog: they do so once, whoever comes first. */
    async setAside() {
      while (await this.claim() !== null);
    },
  }
}

async function measure(waybill, name) {
  const lane = laneOf(waybill, name.replace(' ', '-'))
  await CASES[name](lane)
  const times = { claim: [], poll: [] }
  for (let round = 0; round < rounds; round += 1) {
    await lane.put(BATCH, (n) => `${round}-${n}`)
    const began = performance.now()
    const { token, messages } = await lane.claim()
    times.claim.push(performance.now() - began)
    if (messages.length !== BATCH) throw new Error(`claimed ${messages.length} of ${BATCH}`)
    await waybill.outbox.settle(token, messages.map(({ id }) => ({ id, kind: 'ack' })))
    const asked = performance.now()
    if (await lane.claim() !== null) throw new Error('something was left')
    times.poll.push(performance.now() - asked)
  }
  return { claimMs: median(times.claim), pollMs: median(times.poll) }
}

const server = values.stores.includes('postgres') ? await startPostgres() : undefined
const results = []
for (const store of values.stores.split(',')) {
  if (store === 'postgres' && server === undefined) continue
  await withStore(store, server, async (opened) => {
    const ordering = { ordering: 'block' }
    const waybill = createWaybill({
      store: opened, lanes: { 'ordered': ordering, 'hot-key': ordering, 'blocked-head': ordering },
    })
    await waybill.migrate()
    for (const name of Object.keys(CASES)) results.push({ store, lane: name, ...await measure(waybill, name) })
  })
}
await server?.stop()

const base = (store) => results.find((each) => each.store === store && each.lane === 'ordered')
if (values.json) console.log(JSON.stringify({ backlog, batch: BATCH, rounds, results }))
else {
  console.log(`a claim of ${BATCH}, median of ${rounds}, backlog ${backlog}`)
  printTable(['store', 'lane', 'claim ms', 'to ordered', 'empty poll ms', 'to ordered'], results.map((each) => [
    each.store, each.lane, each.claimMs.toFixed(2), (each.claimMs / base(each.store).claimMs).toFixed(2),
    each.pollMs.toFixed(3), (each.pollMs / base(each.store).pollMs).toFixed(2),
  ]))
}
process.exitCode = 0
