/** What the database can do to a transaction, and what the caller of Waybill sees of it. */
import pg from 'pg'
import postgresJs from 'postgres'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { postgres } from '../../src/postgres.js'
import { createWaybill } from '../../src/waybill.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-outbox.js'
import { PostgresServer } from '../support/postgres-server.js'

const DRAFT = { type: 'order.placed', payload: { n: 1 } }
const QUEUE = { lane: 'default', target: 'default', consumer: 'worker-1' }
const ABORTED = { code: 'TRANSACTION_ABORTED', retryable: true }
const UNAVAILABLE = { code: 'STORE_UNAVAILABLE', retryable: true }

let schema: string
let pool: pg.Pool
let waybill: ReturnType<typeof open>
let clients: pg.Client[] = []

function open(from: pg.Pool) {
  return createWaybill({ store: postgres({ pool: from, schema }) })
}

/** A connection of its own, in a transaction. */
async function begin(isolation = 'read committed', url = postgresUrl ?? ''): Promise<pg.Client> {
  const client = new pg.Client(url)
  client.on('error', () => undefined)
  clients.push(client)
  await client.connect()
  await client.query(`begin isolation level ${isolation}`)
  return client
}

async function drain(): Promise<string[]> {
  const ids: string[] = []
  for (;;) {
    const claim = await waybill.outbox.claim(QUEUE)
    if (claim === null) return ids
    for (const { id } of claim.messages) {
      ids.push(id)
      expect(await waybill.outbox.ack(id, claim.token)).toBe(true)
    }
  }
}

async function isWaiting(client: pg.Client): Promise<void> {
  const waiting = 'select from pg_locks where not granted and pid = $1'
  await expect.poll(async () => (await pool.query(waiting, [pidOf(client)])).rowCount).toBe(1)
}

/** What a promise ends with, watched from now on. */
function outcome<T>(promise: Promise<T>): Promise<{ value: T } | { error: unknown }> {
  return promise.then((value) => ({ value }), (error: unknown) => ({ error }))
}

/** Ends the backend of a client, and resolves when the client has noticed. */
async function terminate(client: unknown): Promise<void> {
  const gone = new Promise((resolve) => (client as pg.Client).once('end', resolve))
  await pool.query('select pg_terminate_backend($1)', [pidOf(client)])
  await gone
}

const pidOf = (client: unknown): number => (client as { processID: number }).processID

// reason: there may be no PostgreSQL for this platform; WAYBILL_CI requires one.
describe.skipIf(postgresUrl === null)('PostgreSQL, transactions [skipped without a server]', () => {
  beforeEach(async () => {
    schema = freshSchema()
    pool = new pg.Pool({ connectionString: postgresUrl ?? '', max: 8 })
    pool.on('error', () => undefined)
    waybill = open(pool)
    await waybill.migrate()
  })

  afterEach(async () => {
    await Promise.all(clients.map((client) => client.end()))
    clients = []
    await pool.end()
    await dropSchema(schema)
  })

  describe.each(['repeatable read', 'serializable'])('connections that default to %s', (isolation) => {
    let strict: pg.Pool

    beforeEach(() => {
      const options = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`
      strict = new pg.Pool({ connectionString: postgresUrl ?? '', max: 8, options })
    })

    afterEach(() => strict.end())

    test('enqueue, claim, extend, settle, list and purge work', async () => {
      const store = open(strict)
      const { id } = await store.transaction((tx) => store.outbox.enqueue(tx, { ...DRAFT, dedupeKey: 'k' }))
      const again = await store.transaction((tx) => store.outbox.enqueue(tx, { ...DRAFT, dedupeKey: 'k' }))
      expect(again).toMatchObject({ id, created: false, message: { id } })
      for (let round = 0; round < 3; round += 1) {
        const claim = await store.outbox.claim({ ...QUEUE, scopes: ['default'] })
        expect(claim?.messages.map((message) => message.id)).toEqual([id])
        expect(await store.outbox.extend(claim?.token ?? '', 60_000)).toBeGreaterThan(0)
        const [kind, answer] = round < 2 ? ['release', 'released'] as const : ['ack', 'delivered'] as const
        expect(await store.outbox.settle(claim?.token ?? '', [{ id, kind }])).toEqual([answer])
      }
      expect(await store.outbox.claim(QUEUE)).toBeNull()
      expect(await store.outbox.purge({ deliveredOlderThanMs: 0 })).toMatchObject({ delivered: 1 })
    })

    test('claims at once take each message once, and a late commit is found', async () => {
      const store = open(strict)
      const late = await begin()
      const { id: low } = await waybill.outbox.enqueue(late, DRAFT)
      const many = Array.from({ length: 200 }, () => DRAFT)
      const ids = (await store.transaction((tx) => store.outbox.enqueueMany(tx, many))).map(({ id }) => id)
      const claims = await Promise.all(
        Array.from({ length: 8 }, () => store.outbox.claim({ ...QUEUE, limit: 50 })))
      const found = claims.flatMap((claim) => claim?.messages.map(({ id }) => id) ?? [])
      expect(found.toSorted()).toEqual(ids)
      await late.query('commit')
      expect((await store.outbox.claim(QUEUE))?.messages.map(({ id }) => id)).toEqual([low])
    })

    test('a relay delivers', async () => {
      const store = open(strict)
      const delivered: unknown[] = []
      await store.outbox.enqueueAlone(DRAFT)
      await using relay = store.relay({ handlers: { default: (message) => delivered.push(message.payload) } })
      await relay.drain()
      expect(delivered).toEqual([{ n: 1 }])
    })
  })

  test('SERIALIZABLE transactions that conflict: one commits, the database aborts the other', async () => {
    await pool.query(`create table ${schema}.stock as select id, 1 as n from generate_series(1, 2) id`)
    const [first, second] = [await begin('serializable'), await begin('serializable')]
    for (const [client, id] of [[first, 1], [second, 2]] as const) {
      await client.query(`select sum(n) from ${schema}.stock`)
      await client.query(`update ${schema}.stock set n = 0 where id = $1`, [id])
    }
    const { id } = await waybill.outbox.enqueue(first, DRAFT)
    await first.query('commit')
    await expect(waybill.outbox.enqueue(second, DRAFT).then(() => second.query('commit')))
      .rejects.toMatchObject({ code: expect.stringMatching(/^(TRANSACTION_ABORTED|40001)$/) as string })
    expect(await drain()).toEqual([id])
  })

  test('REPEATABLE READ: a key committed after the snapshot aborts; the retry sees it', async () => {
    const client = await begin('repeatable read')
    await client.query('select 1')
    const { id } = await waybill.outbox.enqueueAlone({ ...DRAFT, dedupeKey: 'k' })
    await expect(waybill.outbox.enqueue(client, { ...DRAFT, dedupeKey: 'k' })).rejects.toMatchObject(ABORTED)
    await client.query('rollback')
    await client.query('begin isolation level repeatable read')
    const again = await waybill.outbox.enqueue(client, { ...DRAFT, dedupeKey: 'k' })
    expect(again).toMatchObject({ id, created: false })
    await client.query('commit')
  })

  test('a deadlock over keys taken in two calls: one is TRANSACTION_ABORTED, the other commits', async () => {
    const [first, second] = [await begin(), await begin()]
    const draft = (dedupeKey: string) => ({ ...DRAFT, dedupeKey })
    await waybill.outbox.enqueue(first, draft('a'))
    await waybill.outbox.enqueue(second, draft('b'))
    const crossed = [
      outcome(waybill.outbox.enqueue(first, draft('b'))), outcome(waybill.outbox.enqueue(second, draft('a'))),
    ]
    // The victim's rollback lets the other one go on.
    const victim = await Promise.race(crossed.map(async (each, n) => 'error' in await each ? n : 1 - n))
    const [loser, winner] = victim === 0 ? [first, second] : [second, first]
    await loser?.query('rollback')
    const ends = await Promise.all(crossed)
    expect(ends[victim]).toMatchObject({ error: ABORTED })
    expect(ends[1 - victim]).toMatchObject({ value: { created: true } })
    await winner?.query('commit')
    expect(await drain()).toHaveLength(2)
  })

  test('a transaction that has failed already: TRANSACTION_ABORTED; ROLLBACK frees the client', async () => {
    const client = await begin()
    await expect(client.query('select 1/0')).rejects.toThrow('division by zero')
    await expect(waybill.outbox.enqueue(client, DRAFT)).rejects.toMatchObject(ABORTED)
    await expect(waybill.outbox.enqueue(client, { ...DRAFT, dedupeKey: 'k' })).rejects.toMatchObject(ABORTED)
    await client.query('rollback')
    await client.query('begin')
    const { id } = await waybill.outbox.enqueue(client, DRAFT)
    await client.query('commit')
    expect(await drain()).toEqual([id])
  })

  test('waybill.transaction rejects when its work hid that a statement had failed', async () => {
    const sql = postgresJs(postgresUrl ?? '', { max: 1, onnotice: () => undefined })
    const overPostgresJs = createWaybill({ store: postgres({ sql, schema }) })
    await expect(waybill.transaction(async (tx) => {
      await waybill.outbox.enqueue(tx, DRAFT)
      await tx.query({ text: 'select 1/0' }).catch(() => undefined)
    })).rejects.toMatchObject(ABORTED)
    await expect(overPostgresJs.transaction(async (tx) => {
      await overPostgresJs.outbox.enqueue(tx, DRAFT)
      await Promise.resolve(tx.unsafe('select 1/0')).catch(() => undefined)
    })).rejects.toMatchObject({ cause: expect.objectContaining({ code: '22012' }) as unknown })
    expect(await waybill.outbox.list()).toEqual([])
    await sql.end()
  })

  test('a lock timeout and a cancelled statement are TRANSACTION_ABORTED', async () => {
    const [holder, waiter] = [await begin(), await begin()]
    await waybill.outbox.enqueue(holder, { ...DRAFT, dedupeKey: 'k' })
    await waiter.query(`set local lock_timeout = '1ms'`)
    await expect(waybill.outbox.enqueue(waiter, { ...DRAFT, dedupeKey: 'k' })).rejects.toMatchObject(ABORTED)
    await waiter.query('rollback; begin')
    const waiting = outcome(waybill.outbox.enqueue(waiter, { ...DRAFT, dedupeKey: 'k' }))
    await isWaiting(waiter)
    await pool.query('select pg_cancel_backend($1)', [pidOf(waiter)])
    expect(await waiting).toMatchObject({ error: ABORTED })
  })

  test('a pool of one connection does not wait for itself inside waybill.transaction', async () => {
    const one = new pg.Pool({ connectionString: postgresUrl ?? '', max: 1, connectionTimeoutMillis: 5_000 })
    for (const dedupeKey of [undefined, 'k', 'k']) {
      // A fresh one each time: the first call of a store reads what it later remembers.
      const small = open(one)
      await small.transaction(async (tx) => {
        await tx.query({ text: 'select 1' })
        await small.outbox.enqueue(tx, { ...DRAFT, dedupeKey })
        await small.outbox.enqueueMany(tx, [{ ...DRAFT, dedupeKey }, { ...DRAFT, delayMs: 60_000 }])
        await small.scoped('tenant').outbox.enqueue(tx, { ...DRAFT, dedupeKey })
      })
    }
    const stats = await open(one).outbox.stats()
    expect(stats[0]).toMatchObject({ ready: 5, scheduled: 3 })
    await one.end()
  })

  test('a backend terminated inside a transaction: STORE_UNAVAILABLE, and nothing is written', async () => {
    const client = await begin()
    await waybill.outbox.enqueue(client, DRAFT)
    await terminate(client)
    await expect(waybill.outbox.enqueue(client, DRAFT)).rejects.toMatchObject(UNAVAILABLE)
    expect(await drain()).toEqual([])
  })

  test('a backend terminated inside waybill.transaction: STORE_UNAVAILABLE; the pool recovers', async () => {
    await expect(waybill.transaction(async (tx) => {
      await waybill.outbox.enqueue(tx, DRAFT)
      await terminate(tx)
      await waybill.outbox.enqueue(tx, DRAFT)
    })).rejects.toMatchObject(UNAVAILABLE)
    const { id } = await waybill.transaction((tx) => waybill.outbox.enqueue(tx, DRAFT))
    expect(await drain()).toEqual([id])
  })

  test('a backend terminated while it waits for another transaction\'s key: STORE_UNAVAILABLE', async () => {
    const [holder, waiter] = [await begin(), await begin()]
    const { id } = await waybill.outbox.enqueue(holder, { ...DRAFT, dedupeKey: 'k' })
    const waiting = outcome(waybill.outbox.enqueue(waiter, { ...DRAFT, dedupeKey: 'k' }))
    await isWaiting(waiter)
    await terminate(waiter)
    expect(await waiting).toMatchObject({ error: UNAVAILABLE })
    await holder.query('commit')
    expect(await drain()).toEqual([id])
  })

  test('a message inserted by SQL alone is claimed, also by hand with a time', async () => {
    await pool.query(`insert into ${schema}.outbox_message (type, payload) values ('x', '{}')`)
    await pool.query(`with made as (
        insert into ${schema}.outbox_message (type, payload, available_at)
        values ('due', '{}', 1000), ('later', '{}', 4102444800000) returning *)
      insert into ${schema}.outbox_due (seq, scope, lane, target, available_at, updated_at)
      select seq, scope, lane, target, available_at, created_at from made`)
    const messages = await waybill.outbox.list()
    expect(messages).toMatchObject([
      { type: 'x', scope: 'default', lane: 'default', target: 'default', contentType: 'application/json',
        headers: {}, attemptCount: 0, maxAttempts: 20, status: 'pending' },
      { type: 'due', availableAt: 1_000 }, { type: 'later', availableAt: 4_102_444_800_000 },
    ])
    expect(Buffer.from(messages[0]!.payload).toString()).toBe('{}')
    expect((await waybill.outbox.claim({ ...QUEUE, limit: 1 }))?.messages[0]).toMatchObject({ type: 'due' })
    expect((await waybill.outbox.claim(QUEUE))?.messages).toMatchObject([{ type: 'x' }])
    expect(await waybill.outbox.claim(QUEUE)).toBeNull()
  })

  test('a trigger enqueues for rows of the application, also for those that commit late', async () => {
    await pool.query(`
      create table ${schema}.orders (id int);
      create function ${schema}.announce() returns trigger language plpgsql as $$ begin
        insert into ${schema}.outbox_message (lane, target, type, key, payload)
        values ('orders', 'mailer', 'order.placed', new.id::text, convert_to(to_jsonb(new)::text, 'UTF8'));
        return new; end $$;
      create trigger announce after insert on ${schema}.orders
        for each row execute function ${schema}.announce()`)
    const late = await begin()
    await late.query(`insert into ${schema}.orders values (1)`)
    await pool.query(`insert into ${schema}.orders select generate_series(2, 5)`)
    const keys = async (): Promise<unknown> => {
      const claim = await waybill.outbox.claim({ ...QUEUE, lane: 'orders', target: 'mailer' })
      return claim?.messages.map(({ key }) => key)
    }
    expect(await keys()).toEqual(['2', '3', '4', '5'])
    await late.query('commit')
    expect(await keys()).toEqual(['1'])
  })
})

// reason: there may be no PostgreSQL for this platform; WAYBILL_CI requires one.
describe.skipIf(postgresUrl === null)('PostgreSQL, restarted [skipped without a server]', () => {
  test('calls during a restart are STORE_UNAVAILABLE, later ones work, by the same objects', async () => {
    await using server = await PostgresServer.create()
    schema = freshSchema()
    pool = new pg.Pool({ connectionString: server.url, max: 4 })
    pool.on('error', () => undefined)
    waybill = open(pool)
    await waybill.migrate()
    const { id: first } = await waybill.outbox.enqueueAlone(DRAFT)
    const { id: second } = await waybill.outbox.enqueueAlone(DRAFT)
    const claim = await waybill.outbox.claim({ ...QUEUE, limit: 1, leaseMs: 600_000 })
    const lost = await begin('read committed', server.url)
    await waybill.outbox.enqueue(lost, DRAFT)

    await server.stopImmediate()
    const calls = [
      () => waybill.outbox.enqueueAlone(DRAFT), () => waybill.transaction(async () => undefined),
      () => waybill.outbox.claim(QUEUE), () => waybill.outbox.ack(first, claim?.token ?? ''),
      () => waybill.outbox.extend(claim?.token ?? '', 1), () => waybill.outbox.list(),
      () => waybill.outbox.stats(), () => waybill.outbox.enqueue(lost, DRAFT), () => waybill.migrate(),
    ]
    for (const call of calls) await expect(call()).rejects.toMatchObject(UNAVAILABLE)
    await server.start()

    expect(await waybill.outbox.ack(first, claim?.token ?? '')).toBe(true)
    const { id: third } = await waybill.outbox.enqueueAlone(DRAFT)
    expect(await drain()).toEqual([second, third])
    await Promise.all(clients.map((client) => client.end()))
    clients = []
    await pool.end()
  })
})
