// Stores that are full of messages delivered long ago, as relays would have left them.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sqliteDriver } from '../../dist/sqlite.js'
import { draftOf, LANE, TARGET, TYPE } from '../outbox/order.mjs'
import { openWaybill } from './opening.mjs'

const PAYLOAD = JSON.stringify(draftOf(0).payload)

const POSTGRES_FILL = [
  `insert into waybill.outbox_message (lane, target, type, payload)
   select '${LANE}', '${TARGET}', '${TYPE}', convert_to($2, 'UTF8') from generate_series(1, $1::bigint)`,
  `insert into waybill.outbox_delivered (seq, delivered_at, attempts)
   select seq, seq, 1 from waybill.outbox_message order by seq`,
]

export async function postgresBed({ pool, url, sizes: { rows } }) {
  const waybill = openWaybill('postgres', url)
  await waybill.migrate()
  await waybill.close()
  await pool.query(POSTGRES_FILL[0], [rows, PAYLOAD])
  await pool.query(POSTGRES_FILL[1])
  await pool.query('vacuum analyze waybill.outbox_message, waybill.outbox_delivered')
  await pool.query('checkpoint')
  const left = async () => Number((await pool.query('select count(*) as n from waybill.outbox_delivered')).rows[0].n)
  return { name: 'postgres', address: url, left, close: async () => undefined }
}

const SQLITE_FILL = [
  `with recursive n(i) as (select 1 union all select i + 1 from n where i < ?)
   insert into waybill_outbox_message
     (scope, lane, target, created_at, max_attempts, type, content_type, headers, payload)
   select 'default', '${LANE}', '${TARGET}', i, 20, '${TYPE}', 'application/json', '{}', cast('${PAYLOAD}' as blob)
   from n`,
  `insert into waybill_outbox_delivered (seq, delivered_at, attempts) select seq, seq, 1 from waybill_outbox_message`,
]

export async function sqliteBed({ sizes: { rows } }) {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-bench-'))
  const address = join(folder, 'bench.db')
  const waybill = openWaybill('sqlite', address)
  await waybill.migrate()
  await waybill.transaction(async (tx) => {
    const { execute } = sqliteDriver().executor(tx)
    await execute({ text: SQLITE_FILL[0], params: [rows] })
    await execute({ text: SQLITE_FILL[1], params: [] })
  })
  const left = async () => (await waybill.outbox.stats()).reduce((sum, { delivered }) => sum + delivered, 0)
  return {
    name: 'sqlite', address, left,
    async close() {
      await waybill.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
