/** What goes wrong on PostgreSQL, where numbers are taken in another order than transactions commit. */
import pg from 'pg'
import { NAME_HEADER } from '../plan.js'
import type { BrokenCase } from './broken-case.js'
import type { Draft, Stand } from './stand.js'

const AFTER = 'select seq, headers, payload from outbox_message where seq > $1 order by seq'
const DELIVERED = 'insert into outbox_delivered (seq, delivered_at, attempts) values ($1, 0, 1)'
const CACHE = 'alter table outbox_message alter column seq set cache 50'

/** Two sessions of the application, whose statements find Waybill's tables. */
async function withSessions(stand: Stand, work: (a: Session, b: Session) => Promise<void>): Promise<void> {
  const sessions = [await Session.open(stand), await Session.open(stand)] as const
  try {
    await work(...sessions)
  } finally {
    for (const session of sessions) await session.client.end()
  }
}

class Session {
  readonly client: pg.Client
  readonly #stand: Stand

  private constructor(stand: Stand, client: pg.Client) {
    this.#stand = stand
    this.client = client
  }

  static async open(stand: Stand): Promise<Session> {
    if (!('url' in stand.place)) throw new Error('this needs PostgreSQL')
    const client = new pg.Client({ connectionString: stand.place.url, options: `-c search_path=${stand.place.schema}` })
    await client.connect()
    return new Session(stand, client)
  }

  async begin(tx: string, draft: Draft): Promise<void> {
    this.#stand.begin(tx)
    await this.client.query('begin')
    await this.#stand.waybill.outbox.enqueueMany(this.client, this.#stand.drafts(tx, [draft]))
  }

  async commit(tx: string): Promise<void> {
    await this.client.query('commit')
    this.#stand.end('committed', tx)
  }
}

interface Row {
  readonly seq: string
  readonly headers: string
  readonly payload: Buffer
}

/** Everything beyond the number it saw last. Answers the new one. */
async function deliverAfter(stand: Stand, { client }: Session, last: string): Promise<string> {
  const { rows } = await client.query<Row>(AFTER, [last])
  for (const { seq, headers, payload } of rows) {
    stand.receive((JSON.parse(headers) as Record<string, string>)[NAME_HEADER] ?? '', payload, 1)
    await client.query(DELIVERED, [seq])
  }
  return rows.at(-1)?.seq ?? last
}

const ID_CURSOR: BrokenCase = {
  name: 'reads on behind the last id', rule: 'stuck', store: 'postgres',
  run: (stand, isBroken) => withSessions(stand, async (late, early) => {
    let last = '0'
    const look = async (): Promise<void> => {
      if (isBroken) last = await deliverAfter(stand, early, last)
      else await stand.relay().drain()
    }
    await late.begin('o1', { message: 'm1' })
    await early.begin('o2', { message: 'm2' })
    await early.commit('o2')
    await look()
    await late.commit('o1')
    await look()
  }),
}

const CACHED_NUMBERS: BrokenCase = {
  name: 'lets each session take fifty numbers at a time', rule: 'order', store: 'postgres', ordering: 'block',
  run: (stand, isBroken) => withSessions(stand, async (a, b) => {
    if (isBroken) await a.client.query(CACHE)
    for (const [session, tx, message] of [[a, 'o1', 'm1'], [b, 'o2', 'm2'], [a, 'o3', 'm3']] as const) {
      await session.begin(tx, { message, key: 'k' })
      await session.commit(tx)
    }
    await stand.relay().drain()
  }),
}

export const BROKEN_SEQUENCES: readonly BrokenCase[] = [ID_CURSOR, CACHED_NUMBERS]
