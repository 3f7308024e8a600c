// From COMMIT to the handler, at rest. The clock starts when COMMIT is about to be sent.
import pg from 'pg'
import { Arrival, lags } from '../measure/arrival.mjs'
import { bar } from '../measure/bars.mjs'
import { interleave } from '../measure/rounds.mjs'
import { draftOf, payloadOf } from './order.mjs'

const CHANNEL = 'by_hand'

async function throughWaybill(bench) {
  const arrival = new Arrival()
  const relay = bench.waybill.relay({ handlers: { mailer: () => arrival.now() } })
  await relay.start()
  try {
    return await lags(bench.sizes.latency, async (n) => {
      let sent
      await bench.waybill.transaction(async (tx) => {
        await bench.waybill.outbox.enqueue(tx, draftOf(n))
        sent = performance.now()
      })
      return sent
    }, arrival)
  } finally {
    await relay.stop()
  }
}

/** NOTIFY in the transaction, LISTEN on a connection of its own, the claim and the delete on another. */
async function byNotify(bench) {
  const arrival = new Arrival()
  const listener = new pg.Client({ connectionString: bench.url })
  const worker = new pg.Client({ connectionString: bench.url })
  await Promise.all([listener.connect(), worker.connect()])
  let working = Promise.resolve()
  const work = () => bench.byHand.drainOnce(worker, 100, () => arrival.now())
  listener.on('notification', () => {
    working = working.then(work)
  })
  await listener.query(`listen ${CHANNEL}`)
  try {
    return await lags(bench.sizes.latency, async (n) => {
      let sent
      await bench.inTransaction(async (client) => {
        await bench.byHand.enqueue(client, payloadOf(n))
        await client.query({ name: 'by_hand_notify', text: `select pg_notify($1, '')`, values: [CHANNEL] })
        sent = performance.now()
      })
      return sent
    }, arrival)
  } finally {
    await working
    await Promise.all([listener.end(), worker.end()])
  }
}

export async function latency(bench) {
  await bench.empty()
  const measurements = await interleave({
    waybill: () => throughWaybill(bench), notify: () => byNotify(bench),
  }, bench.sizes.rounds)
  await bench.mustHold(0, 'the latency test')
  const ratio = measurements.ratio('waybill', 'notify', 'p50')
  const row = (name, label) => [
    label, measurements.median(name, 'p50').toFixed(2), measurements.ratio(name, 'notify', 'p50').toFixed(2),
    measurements.median(name, 'p99').toFixed(2),
  ]
  return {
    title: 'From COMMIT to the handler, one message at a time',
    columns: ['', 'p50 ms', 'to by hand', 'p99 ms'],
    rows: [row('waybill', 'waybill `transaction` and relay'), row('notify', 'by hand: NOTIFY, LISTEN, claim')],
    bars: [bar('postgres commit to handler p50 / NOTIFY by hand', ratio, '<=', 1.5)],
  }
}
