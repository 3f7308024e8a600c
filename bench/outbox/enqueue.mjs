// Enqueue on PostgreSQL: one message in a user's transaction, and a thousand at a time.
import { bar } from '../measure/bars.mjs'
import { CONNECTIONS } from '../measure/database.mjs'
import { interleave } from '../measure/rounds.mjs'
import { throughputColumns, throughputRows } from '../measure/throughput.mjs'
import { emptyBusiness, userTransactions } from '../measure/user-transactions.mjs'
import { draftOf, draftsOf, payloadOf } from './order.mjs'

const BULK = 1_000

export async function enqueueOne(bench) {
  const { transactions, peerTransactions, shortRounds } = bench.sizes
  const ours = (write, who) => async () => {
    await bench.empty()
    await emptyBusiness(bench)
    const measured = await bench.load.measure(transactions, () => userTransactions(bench, transactions, write))
    await bench.mustHold(who === 'none' ? 0 : transactions, who)
    return measured
  }
  const peer = (name) => async () => {
    const queue = bench.peers[name]
    await queue.clear()
    const measured = await bench.load.measure(peerTransactions, () => (
      userTransactions(bench, peerTransactions, (client, n) => queue.enqueue(client, payloadOf(n)))))
    if (await queue.count() !== peerTransactions) throw new Error(`${name} lost a message`)
    await queue.clear()
    return measured
  }
  const measurements = await interleave({
    waybill: ours((client, n) => bench.waybill.outbox.enqueue(client, draftOf(n)), 'waybill'),
    hand: ours((client, n) => bench.byHand.enqueue(client, payloadOf(n)), 'by hand'),
    none: ours(async () => undefined, 'none'),
    graphile: peer('graphile'), boss: peer('boss'), pto: peer('pto'),
  }, shortRounds)
  return {
    title: `One message in a user's transaction: a business row and the message; ${CONNECTIONS} connections`,
    columns: throughputColumns('messages'),
    rows: throughputRows(measurements, {
      waybill: 'waybill `enqueue`', hand: 'by hand: INSERT', none: 'no message at all',
      graphile: 'graphile-worker `add_job`', boss: 'pg-boss `send`', pto: 'pg-transactional-outbox',
    }, 'hand'),
    bars: [bar(
      'postgres enqueue in a transaction / INSERT by hand', measurements.ratio('waybill', 'hand', 'rate'), '>=', 0.95)],
  }
}

export async function enqueueMany(bench) {
  const { bulks, rounds } = bench.sizes
  const count = bulks * BULK
  const drafts = draftsOf(BULK)
  const payloads = drafts.map(({ payload }) => payload)
  const ours = (who, write) => async () => {
    await bench.empty()
    const measured = await bench.load.measure(count, async () => {
      for (let n = 0; n < bulks; n += 1) await bench.inTransaction(write)
    })
    await bench.mustHold(count, who)
    return measured
  }
  const peer = (name, size) => async () => {
    const queue = bench.peers[name]
    await queue.clear()
    const measured = await bench.load.measure(size, () => queue.enqueueMany(size))
    if (await queue.count() !== size) throw new Error(`${name} lost a message`)
    await queue.clear()
    return measured
  }
  const measurements = await interleave({
    waybill: ours('waybill', (client) => bench.waybill.outbox.enqueueMany(client, drafts)),
    hand: ours('by hand', (client) => bench.byHand.enqueueMany(client, payloads)),
    payloads: ours('by hand', (client) => bench.byHand.enqueuePayloads(client, payloads)),
    graphile: peer('graphile', count), boss: peer('boss', count), pto: peer('pto', bench.sizes.slowDrain),
  }, rounds)
  return {
    title: `A thousand messages at a time: BEGIN, ${BULK} messages, COMMIT; one connection`,
    columns: throughputColumns('messages'),
    rows: throughputRows(measurements, {
      waybill: 'waybill `enqueueMany`', hand: 'by hand: `unnest` of every column',
      payloads: 'by hand: `unnest` of payloads only',
      graphile: 'graphile-worker `addJobs`, 5,000', boss: 'pg-boss `insert`, 5,000',
      pto: 'pg-transactional-outbox, one by one',
    }, 'hand'),
    bars: [bar(
      'postgres enqueueMany of 1,000 / unnest by hand', measurements.ratio('waybill', 'hand', 'rate'), '>=', 0.85)],
    walBytes: { waybill: measurements.all('waybill', 'walBytes'), hand: measurements.all('hand', 'walBytes') },
  }
}
