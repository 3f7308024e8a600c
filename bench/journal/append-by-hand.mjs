// Appending by hand on PostgreSQL: what somebody writes who knows the journal's tables and has no Waybill. Every
// statement is prepared by name, as Waybill's are.
import { slotOf } from '../../dist/journal/slots.js'
import { eventsOf, SCHEMA } from './events.mjs'

const NOW = 'floor(extract(epoch from clock_timestamp()) * 1000)::bigint'
const COLUMNS = 'scope, stream, sequence, type, payload, content_type, headers, tags, created_at, slot'
const SCOPE = 'default'

const ONE = `with moved as (
    insert into ${SCHEMA}.journal_stream as s (scope, stream, last) values ($1, $2, 1)
    on conflict (scope, stream) do update set last = s.last + 1 returning last
  )
  insert into ${SCHEMA}.journal_event (${COLUMNS})
  select $1, $2, last, $3, $4, $5, $6, $7, ${NOW}, $8 from moved returning sequence, position`

const ONE_PLAIN = `insert into ${SCHEMA}.journal_event (${COLUMNS})
  values ($1, $2, 1, $3, $4, $5, $6, $7, ${NOW}, $8) returning sequence, position`

const EVENTS = `unnest($2::text[], $3::bigint[], $4::text[], $5::bytea[], $6::text[], $7::text[], $8::text[], $9::smallint[])
  with ordinality e(stream, rank, type, payload, content_type, headers, tags, slot, place)`

const MANY = `with moved as (
    insert into ${SCHEMA}.journal_stream as s (scope, stream, last)
    select $1, stream, n from unnest($10::text[], $11::bigint[]) u(stream, n) order by stream collate "C"
    on conflict (scope, stream) do update set last = s.last + excluded.last returning stream, last
  )
  insert into ${SCHEMA}.journal_event (${COLUMNS})
  select $1, m.stream, m.last - w.n + e.rank, e.type, e.payload, e.content_type, e.headers, e.tags, ${NOW}, e.slot
  from ${EVENTS} join unnest($10::text[], $11::bigint[]) w(stream, n) on w.stream = e.stream
  join moved m on m.stream = e.stream order by e.place
  returning sequence, position`

const MANY_PLAIN = `insert into ${SCHEMA}.journal_event (${COLUMNS})
  select $1, e.stream, e.rank, e.type, e.payload, e.content_type, e.headers, e.tags, ${NOW}, e.slot
  from ${EVENTS} order by e.place returning sequence, position`

const encode = (payload) => Buffer.from(JSON.stringify(payload))
const slot = (stream) => slotOf({ scope: SCOPE, stream })

function one(name, text) {
  return async (client, { stream, type, payload }) => {
    const values = [SCOPE, stream, type, encode(payload), 'application/json', '{}', '[]', slot(stream)]
    const { rows: [row] } = await client.query({ name, text, values })
    return row
  }
}

/** Each answers the place of the event. */
export const appendOne = one('by_hand_append', ONE)
/** The number is always 1: no row of a stream is kept. */
export const appendOnePlain = one('by_hand_append_plain', ONE_PLAIN)

function ranked(events) {
  const counts = new Map()
  const ranks = events.map(({ stream }) => {
    const rank = (counts.get(stream) ?? 0) + 1
    counts.set(stream, rank)
    return rank
  })
  return { counts, ranks }
}

function columns(events, ranks) {
  const every = (value) => events.map(() => value)
  return [
    SCOPE, events.map(({ stream }) => stream), ranks, events.map(({ type }) => type),
    events.map(({ payload }) => encode(payload)), every('application/json'), every('{}'), every('[]'),
    events.map(({ stream }) => slot(stream)),
  ]
}

export async function appendMany(client, events) {
  const { counts, ranks } = ranked(events)
  const values = [...columns(events, ranks), [...counts.keys()], [...counts.values()]]
  const { rows } = await client.query({ name: 'by_hand_append_many', text: MANY, values })
  return rows
}

/** The numbers are those within the call: no rows of streams are kept. */
export async function appendManyPlain(client, events) {
  const values = columns(events, ranked(events).ranks)
  const { rows } = await client.query({ name: 'by_hand_append_many_plain', text: MANY_PLAIN, values })
  return rows
}

/** Untimed: what the drains find. Each call is a transaction of its own. */
export async function fill(client, count, { streams, each, first = 0 }) {
  for (let done = 0; done < count; done += each) {
    await appendMany(client, eventsOf(Math.min(each, count - done), streams, first + done))
  }
}
