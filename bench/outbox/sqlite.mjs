// SQLite: enqueue of a thousand in the caller's transaction, and a drain, to the same by hand on the same file.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createWaybill } from '../../dist/index.js'
import { sqlite } from '../../dist/sqlite.js'
import { bar } from '../measure/bars.mjs'
import { measureOwn } from '../measure/own-load.mjs'
import { interleave } from '../measure/rounds.mjs'
import { short } from '../measure/table.mjs'
import { draftsOf, Tally } from './order.mjs'
import { BATCH, RELAY } from './relay-settings.mjs'
import { SqliteByHand } from './sqlite-by-hand.mjs'

const BULK = 1_000
const COUNT = 'select count(*) as n from waybill_outbox_message'

class SqliteBench {
  waybill
  db
  byHand
  #folder = mkdtempSync(join(tmpdir(), 'waybill-bench-'))

  async open() {
    const path = join(this.#folder, 'bench.db')
    this.waybill = createWaybill({ store: sqlite({ path, engine: 'node:sqlite', retainDeliveredMs: 0 }) })
    await this.waybill.migrate()
    // What the store sets on its own connections.
    this.db = new DatabaseSync(path)
    this.db.exec('pragma busy_timeout = 5000; pragma journal_mode = wal; pragma synchronous = normal')
    this.byHand = new SqliteByHand(this.db)
  }

  empty() {
    this.db.exec('delete from waybill_outbox_message; pragma wal_checkpoint(truncate)')
  }

  mustHold(count, who) {
    const { n } = this.db.prepare(COUNT).get()
    if (n !== count) throw new Error(`${who} left ${n} messages, not ${count}`)
  }

  async close() {
    this.db.close()
    await this.waybill.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function enqueueVariants(bench, count) {
  const drafts = draftsOf(BULK)
  const payloads = drafts.map(({ payload }) => payload)
  const variant = (who, write) => async () => {
    bench.empty()
    const measured = await measureOwn(count, () => {
      for (let done = 0; done < count; done += BULK) write()
    })
    bench.mustHold(count, who)
    return measured
  }
  return {
    waybill: variant('waybill', () => {
      bench.db.exec('begin immediate')
      bench.waybill.outbox.enqueueManySync(bench.db, drafts)
      bench.db.exec('commit')
    }),
    singly: variant('by hand', () => bench.byHand.enqueueSingly(payloads)),
    byEight: variant('by hand', () => bench.byHand.enqueueByEight(payloads)),
    byFifty: variant('by hand', () => bench.byHand.enqueueByFifty(payloads)),
    payloads: variant('by hand', () => bench.byHand.enqueuePayloads(payloads)),
  }
}

function drainVariants(bench, count) {
  const payloads = draftsOf(count).map(({ payload }) => payload)
  const variant = (who, drain) => async () => {
    bench.empty()
    for (let done = 0; done < count; done += BULK) bench.byHand.enqueueByEight(payloads.slice(done, done + BULK))
    const tally = new Tally()
    const measured = await measureOwn(count, () => drain(tally))
    tally.mustBe(count, who)
    bench.mustHold(0, who)
    return measured
  }
  return {
    waybill: variant('waybill', async (tally) => {
      const relay = bench.waybill.relay({ ...RELAY, handlers: { mailer: ({ payload }) => tally.add(payload) } })
      await relay.drain()
      await relay.stop()
    }),
    hand: variant('by hand', (tally) => bench.byHand.drain(BATCH, (payload) => tally.add(payload))),
  }
}

export async function sqliteOutbox({ sizes }) {
  const bench = new SqliteBench()
  await bench.open()
  const enqueued = await interleave(enqueueVariants(bench, sizes.sqlite), sizes.rounds)
  const drained = await interleave(drainVariants(bench, sizes.sqlite), sizes.rounds)
  await bench.close()
  const hand = enqueued.best(['singly', 'byEight', 'byFifty'], 'rate')
  const row = (measurements, name, base, label) => [
    label, short(measurements.median(name, 'rate')), measurements.ratio(name, base, 'rate').toFixed(2),
    short(measurements.median(name, 'nodeMicros')),
  ]
  return {
    title: `SQLite (node:sqlite, WAL, synchronous normal): ${sizes.sqlite.toLocaleString('en-US')} messages`,
    columns: ['', 'messages/s', 'to by hand', 'µs'],
    rows: [
      row(enqueued, 'waybill', hand, 'waybill `enqueueManySync` of 1,000'),
      row(enqueued, 'singly', hand, 'by hand: INSERT for each, 1,000 to a transaction'),
      row(enqueued, 'byEight', hand, 'by hand: INSERT of eight, 1,000 to a transaction'),
      row(enqueued, 'byFifty', hand, 'by hand: INSERT of fifty, 1,000 to a transaction'),
      row(enqueued, 'payloads', hand, 'by hand: INSERT of fifty payloads, all else bound once'),
      row(drained, 'waybill', 'hand', 'waybill relay, drain'),
      row(drained, 'hand', 'hand', 'by hand: the same claim and delete'),
    ],
    bars: [
      bar('sqlite enqueue of 1,000 / INSERT by hand', enqueued.ratio('waybill', hand, 'rate'), '>=', 0.85),
      bar('sqlite drain / the same claim and delete by hand', drained.ratio('waybill', 'hand', 'rate'), '>=', 0.6),
    ],
  }
}
