// SQLite: a drain, to the raw read of the same rows by hand from the same file.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createWaybill } from '../../dist/index.js'
import { sqlite } from '../../dist/sqlite.js'
import { bar } from '../measure/bars.mjs'
import { interleave } from '../measure/rounds.mjs'
import { measureOwn } from '../measure/own-load.mjs'
import { short } from '../measure/table.mjs'
import { Tally } from '../outbox/order.mjs'
import { eventsOf, PAGE } from './events.mjs'

const STREAMS = 1_000
const RAW = `select position, scope, stream, sequence, type, manifest, writer_id, content_type, headers, tags,
  created_at, payload from waybill_journal_event where position > ? order by position limit ${PAGE}`
const SAVE = 'update waybill_journal_part set cursor = ? where publisher = ?'

/** `save` is called with the position after each page. */
function readByHand(db, tally, save = () => undefined) {
  const read = db.prepare(RAW)
  for (let position = 0; ;) {
    const rows = read.all(position)
    for (const { payload } of rows) tally.add(JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)))
    position = rows.at(-1)?.position ?? position
    if (rows.length > 0) save(position)
    if (rows.length < PAGE) return
  }
}

function savingProgress(db, publisher) {
  const update = db.prepare(SAVE)
  return (position) => update.run(String(position), publisher)
}

function variants({ waybill, db }, count) {
  let publishers = 0
  const variant = (who, follow) => async () => {
    const tally = new Tally()
    const measured = await measureOwn(count, () => follow(tally))
    tally.mustBe(count, who)
    return measured
  }
  const newName = () => `publisher-${publishers += 1}`
  return {
    waybill: variant('waybill', async (tally) => {
      const publisher = waybill.publisher({ name: newName(), publish: ({ payload }) => tally.add(payload) })
      await publisher.drain()
      await publisher.stop()
    }),
    raw: variant('by hand', (tally) => readByHand(db, tally)),
    saving: variant('by hand', (tally) => readByHand(db, tally, savingProgress(db, 'publisher-1'))),
  }
}

export async function sqliteJournal({ sizes }) {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-bench-'))
  const path = join(folder, 'bench.db')
  const waybill = createWaybill({ store: sqlite({ path, engine: 'node:sqlite' }) })
  await waybill.migrate()
  for (let done = 0; done < sizes.sqlite; done += PAGE) {
    await waybill.journal.appendAlone(eventsOf(Math.min(PAGE, sizes.sqlite - done), STREAMS, done))
  }
  // What the store sets on its own connections.
  const db = new DatabaseSync(path)
  db.exec('pragma busy_timeout = 5000; pragma journal_mode = wal; pragma synchronous = normal')
  const measurements = await interleave(variants({ waybill, db }, sizes.sqlite), sizes.rounds)
  db.close()
  await waybill.close()
  rmSync(folder, { recursive: true, force: true })
  const row = (name, label) => [
    label, short(measurements.median(name, 'rate')), measurements.ratio(name, 'raw', 'rate').toFixed(2),
    short(measurements.median(name, 'nodeMicros')),
  ]
  return {
    title: `SQLite (node:sqlite, WAL, synchronous normal): a drain of ${sizes.sqlite.toLocaleString('en-US')} events`,
    columns: ['', 'events/s', 'to by hand', 'µs'],
    rows: [
      row('waybill', 'waybill publisher'), row('raw', 'by hand: `position > ?`'),
      row('saving', 'by hand: `position > ?`, and an UPDATE a page'),
    ],
    bars: [bar('sqlite drain / the raw read by hand', measurements.ratio('waybill', 'raw', 'rate'), '>=', 0.5)],
  }
}
