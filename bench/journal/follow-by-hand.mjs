// Following by hand on PostgreSQL: the query and the birth marks that Waybill reads with, in a plain loop that parses
// each payload and writes its progress after each page; and the same by `position > $1`, which skips what commits late.
import { afterPage, START } from '../../dist/stores/postgres/journal-marks.js'
import { PAGE, SCHEMA } from './events.mjs'

const PAGE_AFTER = `select * from ${SCHEMA}.journal_page(null::text[], null::text[], null, $1::integer, null::bigint,
  $2::bigint, $3::pg_snapshot, $4::xid8[], $5::bigint[], $6::bigint, null::bigint, null::pg_snapshot, null::xid8)`
const PLAIN = `select position, scope, stream, sequence, type, manifest, writer_id, content_type, headers, tags,
  created_at, payload from ${SCHEMA}.journal_event where position > $1::bigint order by position limit $2::integer`
const BEGIN = `insert into ${SCHEMA}.journal_part (publisher, part, slots, cursor, owner, term, lease_until)
  values ($1, 0, -1, null, 'by hand', 1, 0) on conflict (publisher, part) do update set cursor = null`
const SAVE = `update ${SCHEMA}.journal_part set cursor = $2
  where publisher = $1 and part = 0 and term = 1 returning part`

const NAME = 'by hand'

/** With nobody's events late, which is how it is measured: late ones that fill a page need more than this. */
export async function followByHand(client, onPayload, limit = PAGE) {
  await client.query(BEGIN, [NAME])
  let marks = START
  for (;;) {
    const { pos, snap, xids, marks: places, nextMark } = marks
    const { rows: [state, ...events] } = await client.query({
      name: 'by_hand_page', text: PAGE_AFTER, values: [limit, pos, snap, xids, places, nextMark],
    })
    for (const { payload } of events) onPayload(JSON.parse(payload.toString()))
    const isFull = events.length === limit
    const end = BigInt(isFull ? events[limit - 1].position : state.head)
    marks = afterPage(marks, { snap: state.snap, nextXid: BigInt(state.next_xid) }, end > pos ? end : pos)
    if (events.length > 0) await save(client, JSON.stringify(marks, (_, value) => (
      typeof value === 'bigint' ? String(value) : value)))
    if (!isFull) return
  }
}

export async function followPlain(client, onPayload, limit = PAGE) {
  await client.query(BEGIN, [NAME])
  let position = '0'
  for (;;) {
    const { rows } = await client.query({ name: 'by_hand_plain', text: PLAIN, values: [position, limit] })
    for (const { payload } of rows) onPayload(JSON.parse(payload.toString()))
    position = rows.at(-1)?.position ?? position
    if (rows.length > 0) await save(client, position)
    if (rows.length < limit) return
  }
}

async function save(client, cursor) {
  const { rowCount } = await client.query({ name: 'by_hand_save', text: SAVE, values: [NAME, cursor] })
  if (rowCount !== 1) throw new Error('the progress by hand was not written')
}
