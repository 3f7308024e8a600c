// What a publisher asks of the server when nothing happens, and how long an event takes to it then.
import pg from 'pg'
import { Arrival, lags } from '../measure/arrival.mjs'
import { bar } from '../measure/bars.mjs'
import { interleave } from '../measure/rounds.mjs'
import { fill } from './append-by-hand.mjs'
import { eventOf } from './events.mjs'

const STREAMS = 1_000
const POLL_MS = 5
/** Of the server's next transaction. Reading it takes none. */
const NEXT_XID = 'select pg_snapshot_xmax(pg_current_snapshot())::text as xid'

/** Counts what passes through the connections of a pool. */
class QueryCounter {
  queries = 0
  polls = 0
  Client
  #reached

  constructor() {
    const count = (text) => this.#count(text)
    this.Client = class extends pg.Client {
      query(config, ...others) {
        count(typeof config === 'string' ? config : config.text ?? '')
        return super.query(config, ...others)
      }
    }
  }

  #count(text) {
    this.queries += 1
    if (text.includes('journal_page')) this.polls += 1
    this.#reached?.()
  }

  /** Resolves at the poll of this number from now, before which it is not counted. */
  async pollsFromNow(count) {
    const wanted = this.polls + count
    await new Promise((resolve) => {
      this.#reached = () => {
        if (this.polls >= wanted) resolve()
      }
    })
    this.#reached = undefined
  }
}

async function idlePolls(bench, polls) {
  const counter = new QueryCounter()
  const pool = bench.newPool({ Client: counter.Client })
  const waybill = bench.newWaybill(pool)
  const publisher = waybill.publisher({ name: bench.newName(), publish: () => undefined, pollMaxMs: POLL_MS })
  const nextXid = async () => Number((await bench.admin.query(NEXT_XID)).rows[0].xid)
  try {
    await publisher.drain()
    await publisher.start()
    // What was delivered has been saved by then.
    await counter.pollsFromNow(20)
    const before = { xid: await nextXid(), queries: counter.queries, polls: counter.polls }
    await counter.pollsFromNow(polls)
    const polled = counter.polls - before.polls
    const queries = (counter.queries - before.queries) / polled
    return { queries, transactionIds: (await nextXid()) - before.xid }
  } finally {
    await publisher.stop()
    await waybill.close()
    await pool.end()
  }
}

/** From COMMIT, about to be sent, to the publish function of the same process. */
async function wakeUps(bench, count) {
  const arrival = new Arrival()
  const publisher = bench.waybill.publisher({
    name: bench.newName(), start: 'head', publish: () => arrival.now(),
  })
  await publisher.start()
  try {
    return await lags(count, async (n) => {
      let sent
      await bench.waybill.transaction(async (tx) => {
        await bench.waybill.journal.append(tx, [eventOf(n, STREAMS)])
        sent = performance.now()
      })
      return sent
    }, arrival)
  } finally {
    await publisher.stop()
  }
}

export async function idle(bench) {
  const { rounds, polls, latency } = bench.sizes
  await bench.empty()
  await fill(bench.admin, STREAMS, { streams: STREAMS, each: STREAMS })
  const measured = await interleave({
    idle: () => idlePolls(bench, polls), woken: () => wakeUps(bench, latency),
  }, rounds)
  const [queries, writes] = [measured.median('idle', 'queries'), measured.median('idle', 'transactionIds')]
  return {
    title: `At rest, beside ${STREAMS.toLocaleString('en-US')} streams`,
    columns: ['', 'measured'],
    rows: [
      [`queries of a poll, in ${polls} polls`, queries.toFixed(2)],
      [`transaction ids that the server gave in ${polls} polls`, writes],
      ['from COMMIT to the publish function, one event at a time: p50 ms', measured.median('woken', 'p50').toFixed(2)],
      ['p99 ms', measured.median('woken', 'p99').toFixed(2)],
    ],
    notes: ['Every third of a lease, one more query looks at the other processes.'],
    bars: [
      bar('postgres queries of an idle poll', queries, '<=', 1.05),
      bar('postgres writes in idle polls', writes, '<=', 0),
    ],
  }
}
