/**
 * Hand-ordered histories against the birth marks in a journal's cursors (journal-marks.ts), on a server of their own, where
 * nobody else takes transaction ids. Late commits as every store must bear them: the suite (`tail-*`).
 */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { SqlExecutor } from '../../src/core/sql.js'
import { pgDatabase, pgDriver, type PgClient } from '../../src/drivers/pg.js'
import type { JournalEventDraft } from '../../src/journal/event.js'
import { Journal } from '../../src/journal/journal.js'
import { PostgresJournalStore } from '../../src/stores/postgres/journal.js'
import { marksFromPlace, type Marks } from '../../src/stores/postgres/journal-marks.js'
import { migrate } from '../../src/stores/postgres/schema.js'
import { freshSchema, postgresUrl } from '../support/postgres-outbox.js'
import { PostgresServer } from '../support/postgres-server.js'
import { Follower, type FollowOptions } from '../../src/testkit/journal-suite/follower.js'

type PgJournal = Journal<SqlExecutor, PgClient>

/** A connection of its own, inside a transaction, that writes to a stream of its own. */
class Writer {
  static #streams = 0
  readonly client: pg.Client
  readonly #stream = `writer-${Writer.#streams += 1}`

  constructor(client: pg.Client) {
    this.client = client
  }

  static async begin(isolation = 'read committed'): Promise<Writer> {
    const client = await connect()
    await client.query(`begin isolation level ${isolation}`)
    return new Writer(client)
  }

  /** Begins, and takes its transaction id before anything else. */
  static async beginWithId(): Promise<Writer> {
    const writer = await Writer.begin()
    await writer.client.query('select pg_current_xact_id()')
    return writer
  }

  async put(count = 1, draft: Partial<JournalEventDraft> = {}): Promise<string[]> {
    const { events } = await journal.append(this.client, drafts(count, { stream: this.#stream, ...draft }))
    return idsOf(events)
  }

  query(text: string): Promise<unknown> {
    return this.client.query(text)
  }

  async commit(): Promise<void> {
    await this.client.query('commit')
  }
}

let server: PostgresServer
let pool: pg.Pool
let schema: string
let journal: PgJournal
let follower: Follower
let clients: pg.Client[] = []

// reason: there may be no PostgreSQL for this platform; WAYBILL_CI requires one.
describe.skipIf(postgresUrl === null)('PostgreSQL, a journal followed beside late commits [skipped without a server]', () => {
  beforeAll(async () => {
    server = await PostgresServer.create({ settings: { max_prepared_transactions: 10, autovacuum: 'off' } })
    pool = new pg.Pool({ connectionString: server.url, max: 8 })
    pool.on('error', () => undefined)
  })

  afterAll(async () => {
    await pool.end()
    await server[Symbol.asyncDispose]()
  })

  beforeEach(async () => {
    schema = freshSchema()
    journal = await openJournal(schema)
    follower = follow()
  })

  afterEach(async () => {
    await Promise.all(clients.map((client) => client.end()))
    clients = []
  })

  test('E1: a low position commits after pages of one; its mark is where it was first seen', async () => {
    const first = await put(3)
    const small = follow({ limit: 1 })
    expect(await small.poll()).toEqual(first)
    const late = await Writer.begin()
    const low = await late.put(2)
    const high = await put(5)
    expect(await small.poll()).toEqual(high)
    const marks = marksOf(small)
    expect(marks.pos).toBe(positionOf(high.at(-1)))
    expect(marks.marks).toHaveLength(1)
    expect(marks.marks[0]).toBeLessThan(positionOf(low[0]))
    await late.commit()
    expect(await small.poll()).toEqual(low)
    expect(marksOf(small).marks).toEqual([])
  })

  test('E2: an id taken early, a position taken late: seen in the order of the positions', async () => {
    const early = await Writer.beginWithId()
    const first = await put()
    expect(await follower.poll()).toEqual(first)
    const [second, third] = [await early.put(), await put()]
    expect(await follower.poll()).toEqual(third)
    await early.commit()
    expect(await follower.poll()).toEqual(second)
  })

  test('E2: two writers of one stream take turns by its lock, and so do their positions', async () => {
    const waits = await Writer.beginWithId()
    const holds = await Writer.begin()
    const first = await holds.put(1, { stream: 'shared' })
    const waiting = waits.put(2, { stream: 'shared' })
    await isWaiting(waits)
    const between = await put()
    await holds.commit()
    const second = await waiting
    expect(await follower.poll()).toEqual([...first, ...between])
    expect(positionOf(second[0])).toBeGreaterThan(positionOf(between[0]))
    await waits.commit()
    expect(await follower.poll()).toEqual(second)
  })

  test('E3: a writer who stays open in another database of the server holds up nothing', async () => {
    await pool.query('create database elsewhere')
    const stranger = await connect(server.url.replace(/postgres$/, 'elsewhere'))
    await stranger.query('begin')
    await stranger.query('select pg_current_xact_id()')
    for (let round = 0; round < 5; round += 1) {
      const late = await Writer.begin()
      const low = await late.put()
      const ids = await put(3)
      expect(await follower.poll()).toEqual(ids)
      await late.commit()
      expect(await follower.poll()).toEqual(low)
    }
    expect(marksOf(follower).marks).toHaveLength(1)
    await stranger.query('commit')
    expect(await follower.poll()).toEqual([])
  })

  test('E5: a prepared transaction, committed after a crash of the server, is found', async () => {
    const [kept, dropped] = [await Writer.begin(), await Writer.begin()]
    const [low] = [await kept.put(2), await dropped.put(2)]
    await kept.query(`prepare transaction 'kept'`)
    await dropped.query(`prepare transaction 'dropped'`)
    const high = await put(3)
    const small = follow({ limit: 2 })
    expect(await small.poll()).toEqual(high)
    await server.stopImmediate()
    await server.start()
    const more = await put(2)
    expect(await small.poll()).toEqual(more)
    await pool.query(`commit prepared 'kept'`)
    expect(await small.poll()).toEqual(low)
    await pool.query(`rollback prepared 'dropped'`)
    expect(await small.poll()).toEqual([])
    expect(marksOf(small).marks).toEqual([])
  })

  test('E9: more subtransactions than a snapshot lists, some undone, and a caught error', async () => {
    const late = await Writer.begin()
    const low = await late.put()
    for (let n = 0; n < 100; n += 1) {
      await late.query('savepoint s')
      const ids = await late.put()
      if (n % 3 === 0) await late.query('rollback to savepoint s')
      else low.push(...ids)
      if (n % 2 === 0) await late.query('release savepoint s')
    }
    const high = await put(3)
    const small = follow({ limit: 7 })
    expect(await small.poll()).toEqual(high)
    await late.commit()
    expect(await small.poll()).toEqual(low)
  })

  test('E12: open, with an id above all that completed, and a low position', async () => {
    const { low, high, newest, middle } = await openAboveCompleted()
    await follower.page()
    expect(idsOf(follower.events.slice(1))).toEqual(high)
    const { nextXid, snap, marks } = marksOf(follower)
    expect([nextXid - BigInt(snap.split(':')[1] ?? 0), marks]).toEqual([2n, []])
    await newest.commit()
    expect(await follower.poll()).toEqual(low)
    const last = await middle.put()
    await middle.commit()
    expect(await follower.poll()).toEqual(last)
    expect(marksOf(follower).marks).toEqual([])
  })

  test('E12: the same, but it becomes listed before it commits', async () => {
    const { low, high, newest, middle } = await openAboveCompleted()
    expect(await follower.poll()).toEqual(high)
    await pool.query('select pg_current_xact_id()')
    expect(await follower.poll()).toEqual([])
    // Both are listed now; they were first seen when the position was before `low`.
    const { marks } = marksOf(follower)
    expect(marks).toHaveLength(2)
    expect(marks.every((mark) => mark < positionOf(low[0]))).toBe(true)
    await newest.commit()
    expect(await follower.poll()).toEqual(low)
    await middle.commit()
    expect(await follower.poll()).toEqual([])
  })

  test('a held REPEATABLE READ snapshot hides nothing, and its own late append is found', async () => {
    const holder = await Writer.begin('repeatable read')
    await holder.query('select 1')
    for (let round = 0; round < 20; round += 1) {
      const ids = await put(2)
      expect(await follower.poll()).toEqual(ids)
    }
    const low = await holder.put()
    const high = await put()
    expect(await follower.poll()).toEqual(high)
    await holder.commit()
    expect(await follower.poll()).toEqual(low)
  })

  test('late transactions that abort, by choice or with their backend, leave no mark', async () => {
    const [chosen, killed, kept] = [await Writer.begin(), await Writer.begin(), await Writer.begin()]
    const [, , low] = [await chosen.put(3), await killed.put(3), await kept.put()]
    const high = await put(2)
    expect(await follower.poll()).toEqual(high)
    expect(marksOf(follower).marks).toHaveLength(3)
    await chosen.query('rollback')
    const died = new Promise((resolve) => killed.client.once('error', resolve))
    await pool.query('select pg_terminate_backend($1)', [pidOf(killed.client)])
    await died
    expect(await follower.poll()).toEqual([])
    await put()
    expect(await follower.poll()).toHaveLength(1)
    expect(marksOf(follower).marks).toHaveLength(1)
    await kept.commit()
    expect(await follower.poll()).toEqual(low)
  })

  test('a writer stays open while 2,000 commit: one mark, and no page reads behind it', async () => {
    const open = await Writer.begin()
    const low = await open.put()
    await put(20)
    // The first calls of a connection also read the catalogue.
    for (let round = 0; round < 4; round += 1) await pageBuffers()
    await follower.poll()
    const [atFirst, { marks }] = [await pageBuffers(), marksOf(follower)]
    for (let n = 0; n < 100; n += 1) await put(20, { payload: 'five of these fill a page'.repeat(50) })
    expect(await follower.poll()).toHaveLength(2_000)
    // Reading behind the position would touch another 400 pages.
    expect(await pageBuffers()).toBeLessThan(atFirst + 50)
    expect(marksOf(follower).marks).toEqual(marks)
    await open.commit()
    expect(await follower.poll()).toEqual(low)
  })

  test('after a logical restore old cursors are refused, and the restored journal is followed from its start', async () => {
    const [first, second] = [await put(3), await put(3, { stream: 'other' })]
    await follower.poll()
    const restored = freshSchema()
    const copy = await openJournal(restored)
    // As a dump is restored: every value as it was, in tables that are new. Ids of another cluster may lie ahead.
    const ahead = '1000000000000'
    await pool.query(`insert into ${restored}.journal_event overriding user value
      select * from ${schema}.journal_event order by position`)
    await pool.query(`update ${restored}.journal_event set xid = $1`, [ahead])
    await pool.query(`insert into ${restored}.journal_stream select * from ${schema}.journal_stream`)
    await pool.query(`update ${restored}.meta m set value = o.value from ${schema}.meta o where m.key = o.key`)
    journal = await openJournal(restored)
    await expect(journal.readAll({ cursor: follower.cursor })).rejects.toMatchObject({ code: 'EPOCH_CHANGED' })
    const late = await Writer.begin()
    const low = await late.put()
    const again = follow({ limit: 2 })
    expect(await again.poll()).toEqual([...first, ...second])
    const more = await put(2)
    expect(await again.poll()).toEqual(more)
    await late.commit()
    expect(await again.poll()).toEqual(low)
    expect(await journal.highestSequence('put')).toBe(5n)
    await copy.store.close()
  })

  test('a cursor that has seen ids which the database has yet to give is refused: it has lost what came after', async () => {
    await put()
    await follower.poll()
    const [epoch, filter, place] = partsOf(follower)
    const ahead = [...place.slice(0, 2), '99999999999', ...place.slice(3)]
    const cursor = Buffer.from(JSON.stringify([epoch, filter, ahead])).toString('base64url')
    await expect(journal.readAll({ cursor })).rejects.toMatchObject({ code: 'EPOCH_CHANGED' })
  })

  test('what looks like a snapshot and is none is a bad cursor', async () => {
    await put()
    await follower.poll()
    const [epoch, filter, place] = partsOf(follower)
    const torn = [place[0], '9:3:', ...place.slice(2)]
    const cursor = Buffer.from(JSON.stringify([epoch, filter, torn])).toString('base64url')
    await expect(journal.readAll({ cursor })).rejects.toMatchObject({ code: 'VALIDATION' })
  })
})

/** Ids in the order oldest, middle, newest; positions in the order newest, oldest, who has committed. */
async function openAboveCompleted() {
  await put()
  await follower.poll()
  const oldest = await Writer.beginWithId()
  const middle = await Writer.beginWithId()
  const newest = await Writer.beginWithId()
  const low = await newest.put()
  const high = await oldest.put()
  await oldest.commit()
  return { low, high, newest, middle }
}

async function openJournal(name: string): Promise<PgJournal> {
  const database = pgDatabase(pool, { prepare: true, owned: false })
  await migrate(database, name, {})
  const store = new PostgresJournalStore(database, { schema: name, now: undefined })
  return new Journal<SqlExecutor, PgClient>(store, (client) => pgDriver().executor(client))
}

function follow(options: FollowOptions = {}): Follower {
  return new Follower(journal as unknown as Journal<unknown>, options)
}

async function put(count = 1, draft: Partial<JournalEventDraft> = {}): Promise<string[]> {
  return idsOf((await journal.appendAlone(drafts(count, draft))).events)
}

/** How many pages of tables and indexes the next page of the follower touches. */
async function pageBuffers(): Promise<number> {
  const { pos, snap, xids, marks, nextMark } = marksOf(follower)
  const { rows } = await pool.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
    `explain (analyze, buffers, format json) select * from ${schema}.journal_page(
      null, null, null, 1000, null, ${pos}, '${snap}', '{${xids.join()}}', '{${marks.join()}}', ${nextMark}, null, null, null)`)
  const plan = rows[0]?.['QUERY PLAN'][0].Plan
  return (plan?.['Shared Hit Blocks'] ?? 0) + (plan?.['Shared Read Blocks'] ?? 0)
}

type CursorParts = [string, string, (string | string[])[]]

function partsOf({ cursor }: Follower): CursorParts {
  return JSON.parse(Buffer.from(cursor ?? 'W10', 'base64url').toString()) as CursorParts
}

function marksOf(each: Follower): Marks {
  return each.cursor === undefined ? marksFromPlace(['0', '1:1:', '1', [], [], '0', []]) : marksFromPlace(partsOf(each)[2])
}

/** Resolves when this writer's backend waits for a lock. */
async function isWaiting(writer: Writer): Promise<void> {
  const waiting = 'select from pg_locks where not granted and pid = $1'
  await expect.poll(async () => (await pool.query(waiting, [pidOf(writer.client)])).rowCount).toBeGreaterThan(0)
}

async function connect(url = server.url): Promise<pg.Client> {
  const client = new pg.Client(url)
  client.on('error', () => undefined)
  clients.push(client)
  await client.connect()
  return client
}

function drafts(count: number, draft: Partial<JournalEventDraft>): JournalEventDraft[] {
  return Array.from({ length: count }, () => ({ stream: 'put', type: 't', payload: 1, ...draft }))
}

function positionOf(id: string | undefined): bigint {
  return BigInt(parseInt(id?.split('-')[1] ?? '', 32))
}

const idsOf = (events: readonly { readonly id: string }[]): string[] => events.map(({ id }) => id)
const pidOf = (client: pg.Client): number => (client as unknown as { processID: number }).processID
