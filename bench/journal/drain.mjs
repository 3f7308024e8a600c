// Following a backlog on PostgreSQL with a publish function that does nothing but count. Nothing is removed by that, so
// one backlog is followed by one new publisher after another.
import pg from 'pg'
import { bar } from '../measure/bars.mjs'
import { interleave } from '../measure/rounds.mjs'
import { median } from '../measure/statistics.mjs'
import { throughputColumns, throughputRows } from '../measure/throughput.mjs'
import { Tally } from '../outbox/order.mjs'
import { onPeer } from '../peers/peer-drain.mjs'
import { fill } from './append-by-hand.mjs'
import { followByHand, followPlain } from './follow-by-hand.mjs'

const STREAMS = 1_000
const IN_ONE_TRANSACTION = 100
const HOLD_OPEN = 'insert into business (total) values (0)'

async function publish(bench, tally) {
  const publisher = bench.waybill.publisher({
    name: bench.newName(), publish: ({ payload }) => tally.add(payload),
  })
  await publisher.drain()
  await publisher.stop()
}

function following(bench, who, count, follow) {
  return async () => {
    const tally = new Tally()
    const measured = await bench.load.measure(count, () => follow(tally))
    tally.mustBe(count, who)
    return measured
  }
}

/** Somebody else has written and not committed, all the while. */
function besideWriter(bench, variant) {
  return async () => {
    const writer = new pg.Client({ connectionString: bench.url })
    await writer.connect()
    await writer.query('begin')
    await writer.query(HOLD_OPEN)
    try {
      return await variant()
    } finally {
      await writer.query('rollback')
      await writer.end()
    }
  }
}

function variants(bench, count) {
  const graphile = (size) => onPeer(bench, 'graphile', (queue, onPayload) => queue.drain(size, onPayload), count)
  const waybill = following(bench, 'waybill', count, (tally) => publish(bench, tally))
  const byHand = (follow) => following(bench, 'by hand', count, (tally) => (
    follow(bench.admin, (payload) => tally.add(payload))))
  return {
    waybill, beside: besideWriter(bench, waybill), hand: byHand(followByHand), plain: byHand(followPlain),
    ...(bench.sizes.everyMode && { graphile500: graphile(500) }), graphile2000: graphile(2_000),
  }
}

const LABELS = {
  waybill: 'waybill publisher', beside: 'waybill publisher, beside an open writer',
  hand: 'by hand: the same cursor query, its marks, and an UPDATE a page',
  plain: 'by hand: `position > $1`, and an UPDATE a page',
  graphile500: 'graphile-worker, localQueue 500', graphile2000: 'graphile-worker, localQueue 2,000',
}

async function measureDrain(bench, count) {
  await bench.empty()
  await fill(bench.admin, count, { streams: STREAMS, each: IN_ONE_TRANSACTION })
  await bench.vacuum()
  const measurements = await interleave(variants(bench, count), bench.sizes.rounds)
  const modes = ['graphile500', 'graphile2000'].filter((name) => measurements.names.includes(name))
  return { measurements, graphile: measurements.best(modes, 'rate') }
}

function section(count, { measurements, graphile }, bars) {
  return {
    title: `A drain of ${count.toLocaleString('en-US')} events of ${STREAMS.toLocaleString('en-US')} streams, `
      + `${IN_ONE_TRANSACTION} to a transaction, into a function that only counts`,
    columns: throughputColumns('events'), rows: throughputRows(measurements, LABELS, 'hand'),
    notes: [`Waybill's publisher to ${LABELS[graphile]}: ${measurements.ratio('waybill', graphile, 'rate').toFixed(2)}.`],
    bars,
  }
}

/** `appended` is what `appendThousands` measured, for the bytes of WAL from end to end. */
export async function drain(bench, appended) {
  const { drain: count, largeDrain } = bench.sizes
  const few = await measureDrain(bench, count)
  const many = await measureDrain(bench, largeDrain)
  const rate = ({ measurements }, over, under) => measurements.ratio(over, under, 'rate')
  const backlog = largeDrain.toLocaleString('en-US')
  return [
    section(count, few, [
      bar('postgres drain / graphile-worker at its best', rate(few, 'waybill', few.graphile), '>=', 6),
    ]),
    section(largeDrain, many, [
      bar('postgres drain / the same cursor query by hand', rate(many, 'waybill', 'hand'), '>=', 0.7),
      bar(`postgres drain / graphile-worker at its best, backlog ${backlog}`, rate(many, 'waybill', many.graphile),
        '>=', 10),
      bar('postgres drain beside an open writer / without', rate(many, 'beside', 'waybill'), '>=', 0.8),
      bar('postgres WAL from append to published / by hand', endToEnd(many.measurements, appended), '<=', 1.15),
    ]),
  ]
}

function endToEnd(measurements, { waybill, hand }) {
  const total = (bytes, name) => median(bytes) + measurements.median(name, 'walBytes')
  return total(waybill, 'waybill') / total(hand, 'hand')
}
