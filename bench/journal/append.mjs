// Append on PostgreSQL: one event in a user's transaction, and a thousand in one call.
import { bar } from '../measure/bars.mjs'
import { CONNECTIONS } from '../measure/database.mjs'
import { interleave } from '../measure/rounds.mjs'
import { throughputColumns, throughputRows } from '../measure/throughput.mjs'
import { emptyBusiness, userTransactions } from '../measure/user-transactions.mjs'
import { appendMany, appendManyPlain, appendOne, appendOnePlain } from './append-by-hand.mjs'
import { eventOf, eventsOf } from './events.mjs'

const BULK = 1_000
/** So many that two of ten connections rarely want the same. */
const STREAMS = 1_000

export async function appendInTransaction(bench) {
  const { transactions, shortRounds } = bench.sizes
  const variant = (write, who) => async () => {
    await bench.empty()
    await emptyBusiness(bench)
    const measured = await bench.load.measure(transactions, () => userTransactions(bench, transactions, write))
    await bench.mustHold(who === 'none' ? 0 : transactions, who)
    return measured
  }
  const measurements = await interleave({
    waybill: variant((client, n) => bench.waybill.journal.append(client, [eventOf(n, STREAMS)]), 'waybill'),
    hand: variant((client, n) => appendOne(client, eventOf(n, STREAMS)), 'by hand'),
    plain: variant((client, n) => appendOnePlain(client, eventOf(n, STREAMS)), 'by hand'),
    none: variant(async () => undefined, 'none'),
  }, shortRounds)
  return {
    title: `One event in a user's transaction: a business row and the event; ${CONNECTIONS} connections`,
    columns: throughputColumns('events'),
    rows: throughputRows(measurements, {
      waybill: 'waybill `append`', hand: 'by hand: the stream\'s row and the event', plain: 'by hand: the event alone',
      none: 'no event at all',
    }, 'hand'),
    bars: [bar(
      'postgres append in a transaction / the same by hand', measurements.ratio('waybill', 'hand', 'rate'), '>=', 0.9)],
  }
}

async function measureBulks(bench, streams) {
  const { bulks, shortRounds } = bench.sizes
  const count = bulks * BULK
  const events = eventsOf(BULK, streams)
  const variant = (who, write) => async () => {
    await bench.empty()
    const measured = await bench.load.measure(count, async () => {
      for (let n = 0; n < bulks; n += 1) await bench.inTransaction((client) => write(client, events))
    })
    await bench.mustHold(count, who)
    return measured
  }
  return interleave({
    waybill: variant('waybill', (client) => bench.waybill.journal.append(client, events)),
    hand: variant('by hand', appendMany),
    plain: variant('by hand', appendManyPlain),
  }, shortRounds)
}

/** `walBytes`: of those of many streams, for the bytes from end to end. */
export async function appendThousands(bench) {
  const rows = []
  const bars = []
  const costs = []
  let measurements
  for (const [streams, label] of [[1, '1 stream'], [100, '100 streams']]) {
    measurements = await measureBulks(bench, streams)
    rows.push(...throughputRows(measurements, {
      waybill: `${label}: waybill \`append\``, hand: `${label}: by hand, the streams' rows and the events`,
      plain: `${label}: by hand, the events alone`,
    }, 'hand'))
    const cost = 1 / measurements.ratio('hand', 'plain', 'rate')
    costs.push(`${label}: by hand it takes ${cost.toFixed(2)} of the time without numbers`)
    bars.push(bar(
      `postgres append of 1,000, ${label} / the same by hand`, measurements.ratio('waybill', 'hand', 'rate'), '>=', 0.85))
  }
  return {
    title: `A thousand events at a time: BEGIN, ${BULK} events in one call, COMMIT; one connection`,
    columns: throughputColumns('events'), rows, bars,
    notes: [`What the numbers of the streams cost. ${costs.join('; ')}.`],
    walBytes: { waybill: measurements.all('waybill', 'walBytes'), hand: measurements.all('hand', 'walBytes') },
  }
}
