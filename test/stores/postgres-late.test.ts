/**
 * Hand-ordered histories against the birth marks of schema-outbox-claim.ts, on a server of their own, where
 * nobody else takes transaction ids. Late commits as every store must bear them: the suite (`late-*`).
 */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { SqlExecutor } from '../../src/core/sql.js'
import { pgDatabase, pgDriver, type PgClient } from '../../src/drivers/pg.js'
import { parseMessageId } from '../../src/outbox/message-id.js'
import type { OutboxMessageDraft } from '../../src/outbox/message.js'
import { Outbox, type ClaimOptions } from '../../src/outbox/outbox.js'
import { PostgresOutboxStore } from '../../src/stores/postgres/outbox.js'
import { freshSchema, postgresUrl } from '../support/postgres-outbox.js'
import { PostgresServer } from '../support/postgres-server.js'

type Draft = Partial<OutboxMessageDraft>

const QUEUE = { lane: 'orders', target: 'mailer' }

/** A connection of its own, inside a transaction. */
class Writer {
  readonly client: pg.Client

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

  async put(count = 1, draft: Draft = {}): Promise<string[]> {
    return idsOf(await outbox.enqueueMany(this.client, drafts(count, draft)))
  }

  query(text: string): Promise<unknown> {
    return this.client.query(text)
  }

  async commit(): Promise<void> {
    await this.client.query('commit')
  }
}

interface QueueRow {
  readonly pos: number
  readonly marks: number[]
  /** Ids that were open in the last page's snapshot without being listed there. */
  readonly unlisted: number
}

let server: PostgresServer
let pool: pg.Pool
let schema: string
let outbox: Outbox<SqlExecutor, PgClient>
let clients: pg.Client[] = []

// reason: there may be no PostgreSQL for this platform; WAYBILL_CI requires one.
describe.skipIf(postgresUrl === null)('PostgreSQL, late commits [skipped without a server]', () => {
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
    const store = new PostgresOutboxStore(pgDatabase(pool, { prepare: true, owned: false }), {
      schema, retainDeliveredMs: 86_400_000, now: undefined,
    })
    await store.migrate()
    outbox = new Outbox<SqlExecutor, PgClient>(store, (client) => pgDriver().executor(client))
  })

  afterEach(async () => {
    await Promise.all(clients.map((client) => client.end()))
    clients = []
  })

  test('E1: a low number commits after pages of one; its mark is where it was first seen', async () => {
    await put(3)
    await drain({ limit: 1 })
    const late = await Writer.begin()
    const low = await late.put(2)
    const high = await put(5)
    expect(await drain({ limit: 1 })).toEqual(high)
    const queue = await readQueue()
    expect(queue).toMatchObject({ pos: sequenceOf(high.at(-1)) })
    expect(queue.marks).toHaveLength(1)
    expect(queue.marks[0]).toBeLessThan(sequenceOf(low[0]))
    await late.commit()
    expect(await drain({ limit: 1 })).toEqual(low)
    expect((await readQueue()).marks).toEqual([])
  })

  test('E2: an id taken early, a number taken late: seen in the order of the numbers', async () => {
    const early = await Writer.beginWithId()
    const first = await put()
    expect(await drain()).toEqual(first)
    const [second, third] = [await early.put(), await put()]
    expect(await drain()).toEqual(third)
    await early.commit()
    expect(await drain()).toEqual(second)
  })

  test('E2: two writers of one row take turns by its lock, and so do their numbers', async () => {
    await pool.query(`create table ${schema}.account as select 7 as id`)
    const waits = await Writer.beginWithId()
    const holds = await Writer.begin()
    const lock = `select from ${schema}.account where id = 7 for update`
    await holds.query(lock)
    const locked = waits.query(lock)
    await isWaiting(waits)
    const first = await holds.put()
    await holds.commit()
    await locked
    const second = await waits.put()
    expect(await drain({ limit: 1 })).toEqual(first)
    await waits.commit()
    expect(await drain()).toEqual(second)
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
      expect(await drain({ limit: 2 })).toEqual(ids)
      await late.commit()
      expect(await drain({ limit: 2 })).toEqual(low)
    }
    expect((await readQueue()).marks).toHaveLength(1)
    await stranger.query('commit')
    expect(await drain()).toEqual([])
  })

  test('E5: a prepared transaction, committed after a crash of the server, is found', async () => {
    const [kept, dropped] = [await Writer.begin(), await Writer.begin()]
    const [low] = [await kept.put(2), await dropped.put(2)]
    await kept.query(`prepare transaction 'kept'`)
    await dropped.query(`prepare transaction 'dropped'`)
    const high = await put(3)
    expect(await drain({ limit: 2 })).toEqual(high)
    await server.stopImmediate()
    await server.start()
    const more = await put(2)
    expect(await drain({ limit: 1 })).toEqual(more)
    await pool.query(`commit prepared 'kept'`)
    expect(await drain()).toEqual(low)
    await pool.query(`rollback prepared 'dropped'`)
    expect(await drain()).toEqual([])
    expect((await readQueue()).marks).toEqual([])
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
    const caught = await late.client.query<{ seq: string }>(`
      with made as (insert into ${schema}.outbox_message (lane, target, type, payload)
        values ('orders', 'mailer', 'x', '') returning seq) select seq from made`)
    await late.query(`do $$ begin
      insert into ${schema}.outbox_message (lane, target, type, payload) values ('orders', 'mailer', 'y', '');
      raise 'undone'; exception when others then null; end $$`)
    const high = await put(3)
    expect(await drain({ limit: 2 })).toEqual(high)
    await late.commit()
    const found = await drain({ limit: 7 })
    expect(found.slice(0, -1)).toEqual(low)
    expect(sequenceOf(found.at(-1))).toBe(Number(caught.rows[0]?.seq))
  })

  test('E12: open, with an id above all that completed, and a low number', async () => {
    const { low, high, newest, middle } = await openAboveCompleted()
    expect(idsOf((await outbox.claim(claimOf()))?.messages ?? [])).toEqual(high)
    expect(await readQueue()).toMatchObject({ unlisted: 2, marks: [] })
    await newest.commit()
    expect(await drain()).toEqual(low)
    const last = await middle.put()
    await middle.commit()
    expect(await drain()).toEqual(last)
    expect(await readQueue()).toMatchObject({ unlisted: 0, marks: [] })
  })

  test('E12: the same, but it becomes listed before it commits', async () => {
    const { low, high, newest, middle } = await openAboveCompleted()
    expect(await drain()).toEqual(high)
    // Both are listed now; they were first seen when the position was before `low`.
    const { marks } = await readQueue()
    expect(marks).toHaveLength(2)
    expect(Math.max(...marks)).toBeLessThan(sequenceOf(low[0]))
    expect(await drain()).toEqual([])
    await newest.commit()
    expect(await drain()).toEqual(low)
    await middle.commit()
    expect(await drain()).toEqual([])
  })

  test('E12: the id is taken while a claim has begun and not read yet', async () => {
    await put()
    await drain()
    // An overdue expiry leads the claim past its first look at the log, to the lock on the table.
    await pool.query(`update ${schema}.outbox_queue set next_expiry = 0`)
    const oldest = await Writer.begin()
    await oldest.query(`lock table ${schema}.outbox_message in access exclusive mode`)
    const claim = outbox.claim(claimOf())
    await isWaiting()
    const newest = await Writer.beginWithId()
    const waiting = newest.put(1, { dedupeKey: 'its number is taken before the row is written' })
    await isWaiting(newest)
    const high = await oldest.put()
    await oldest.commit()
    expect(idsOf((await claim)?.messages ?? [])).toEqual(high)
    const low = await waiting
    expect(sequenceOf(low[0])).toBeLessThan(sequenceOf(high[0]))
    await newest.commit()
    expect(await drain()).toEqual(low)
  })

  test('a number reserved with a dedupe key that was waited for is found when it is written', async () => {
    const holder = await Writer.begin()
    await holder.put(1, { dedupeKey: 'k' })
    const waiter = await Writer.begin()
    const waiting = waiter.put(1, { dedupeKey: 'k' })
    await isWaiting(waiter)
    const high = await put(2)
    expect(await drain()).toEqual(high)
    await holder.query('rollback')
    const low = await waiting
    expect(sequenceOf(low[0])).toBeLessThan(sequenceOf(high[0]))
    expect(await drain()).toEqual([])
    await waiter.commit()
    expect(await drain()).toEqual(low)
  })

  test('a held REPEATABLE READ snapshot hides nothing, and its own late insert is found', async () => {
    const holder = await Writer.begin('repeatable read')
    await holder.query('select 1')
    for (let round = 0; round < 20; round += 1) {
      const ids = await put(2)
      expect(await drain({ limit: 1 })).toEqual(ids)
    }
    const low = await holder.put()
    const high = await put()
    expect(await drain()).toEqual(high)
    await holder.commit()
    expect(await drain()).toEqual(low)
  })

  test('late transactions that abort, by choice or with their backend, leave no mark', async () => {
    const [chosen, killed, kept] = [await Writer.begin(), await Writer.begin(), await Writer.begin()]
    const [, , low] = [await chosen.put(3), await killed.put(3), await kept.put()]
    const high = await put(2)
    expect(await drain({ limit: 1 })).toEqual(high)
    expect((await readQueue()).marks).toHaveLength(3)
    await chosen.query('rollback')
    const died = new Promise((resolve) => killed.client.once('error', resolve))
    await pool.query('select pg_terminate_backend($1)', [pidOf(killed.client)])
    await died
    expect(await drain()).toEqual([])
    await put()
    expect(await drain()).toHaveLength(1)
    expect((await readQueue()).marks).toHaveLength(1)
    await kept.commit()
    expect(await drain()).toEqual(low)
  })

  test('a writer stays open while 2,000 commit: one mark, and no claim reads behind it', async () => {
    const open = await Writer.begin()
    const low = await open.put()
    const [high, claimed]: [string[], string[]] = [[], []]
    const claimTwenty = async (): Promise<number> => {
      high.push(...await put(20))
      return claimBuffers()
    }
    // The first calls of a connection also read the catalogue.
    for (let round = 0; round < 8; round += 1) await claimTwenty()
    const [atFirst, { marks }, first] = [await claimTwenty(), await readQueue(), high.length]
    for (let n = 0; n < 2_000; n += 1) {
      high.push(...await put(1, { payload: 'five of these fill a page'.repeat(50) }))
      if (n % 20 === 19) claimed.push(...await drain())
    }
    // Reading behind the position would touch another 400 pages.
    expect(await claimTwenty()).toBeLessThan(atFirst + 100)
    expect(await readQueue()).toMatchObject({ marks, pos: sequenceOf(high.at(-1)) })
    expect(await drain()).toEqual([])
    await open.commit()
    expect(await drain()).toEqual(low)
    expect(claimed).toEqual(high.slice(first, -20))
  })
})

/** Ids in the order oldest, middle, newest; numbers in the order newest, oldest, who has committed. */
async function openAboveCompleted() {
  await put()
  await drain()
  const oldest = await Writer.beginWithId()
  const middle = await Writer.beginWithId()
  const newest = await Writer.beginWithId()
  const low = await newest.put()
  const high = await oldest.put()
  await oldest.commit()
  return { low, high, newest, middle }
}

async function put(count = 1, draft: Draft = {}): Promise<string[]> {
  return idsOf(await outbox.store.transaction((tx) =>
    new Outbox(outbox.store, (executor: SqlExecutor) => executor).enqueueMany(tx, drafts(count, draft))))
}

async function claimOnce(options: Partial<ClaimOptions> = {}): Promise<string[]> {
  const claim = await outbox.claim(claimOf(options))
  const ids = idsOf(claim?.messages ?? [])
  if (claim !== null) await outbox.settle(claim.token, ids.map((id) => ({ id, kind: 'ack' })))
  return ids
}

async function drain(options: Partial<ClaimOptions> = {}): Promise<string[]> {
  const ids: string[] = []
  for (;;) {
    const found = await claimOnce(options)
    if (found.length === 0) return ids
    ids.push(...found)
  }
}

/** Claims 100, and answers how many pages that touched. */
async function claimBuffers(): Promise<number> {
  const { rows } = await pool.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
    `explain (analyze, buffers, format json) select * from ${schema}.outbox_claim(
      'orders', 'mailer', null, 100, 600000, 'test', gen_random_uuid()::text, null)`)
  const plan = rows[0]?.['QUERY PLAN'][0].Plan
  return (plan?.['Shared Hit Blocks'] ?? 0) + (plan?.['Shared Read Blocks'] ?? 0)
}

async function readQueue(): Promise<QueueRow> {
  const { rows: [row] } = await pool.query<QueueRow>(`
    select pos::float8, marks::float8[],
      next_xid::text::float8 - pg_snapshot_xmax(snap)::text::float8 as unlisted
    from ${schema}.outbox_queue where lane = 'orders'`)
  if (row === undefined) throw new Error('nothing was claimed yet')
  return row
}

/** Resolves when this writer's backend, or else any, waits for a lock. */
async function isWaiting(writer?: Writer): Promise<void> {
  const pid = writer === undefined ? null : pidOf(writer.client)
  const waiting = 'select from pg_locks where not granted and ($1::int is null or pid = $1)'
  await expect.poll(async () => (await pool.query(waiting, [pid])).rowCount).toBeGreaterThan(0)
}

async function connect(url = server.url): Promise<pg.Client> {
  const client = new pg.Client(url)
  client.on('error', () => undefined)
  clients.push(client)
  await client.connect()
  return client
}

function claimOf(options: Partial<ClaimOptions> = {}): ClaimOptions {
  return { ...QUEUE, consumer: 'worker-1', limit: 100, ...options }
}

function drafts(count: number, draft: Draft): OutboxMessageDraft[] {
  return Array.from({ length: count }, () => ({ ...QUEUE, type: 't', payload: 1, ...draft }))
}

function sequenceOf(id: string | undefined): number {
  const [tag = ''] = id?.split('-') ?? []
  return Number(parseMessageId(tag, id ?? ''))
}

const idsOf = (messages: readonly { readonly id: string }[]): string[] => messages.map(({ id }) => id)
const pidOf = (client: pg.Client): number => (client as unknown as { processID: number }).processID
