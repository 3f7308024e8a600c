/**
 * Wake-ups, with the timers of the process stopped: no poll is ever due, so what is delivered was announced.
 */
import pg from 'pg'
import postgresJs from 'postgres'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { postgres } from '../../src/postgres.js'
import { createWaybill } from '../../src/waybill.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-outbox.js'

const DRAFT = { lane: 'orders', target: 'mailer', type: 'order.placed' }
const PATIENCE_MS = 10_000

/** One process of an application: its own connections, and its own waybill. */
interface Process {
  readonly name: string
  readonly waybill: ReturnType<typeof overPg>
  close(): Promise<void>
}

type Client = 'pg' | 'postgres.js'

let schema: string
let admin: pg.Client
let processes: Process[]
let ticker: NodeJS.Timeout

function overPg(pool: pg.Pool) {
  return createWaybill({ store: postgres({ pool, schema }) })
}

function start(client: Client): Process {
  const name = `${schema}_${processes.length}`
  const process = client === 'pg' ? startPg(name) : startPostgresJs(name)
  processes.push(process)
  return process
}

function startPg(name: string): Process {
  const pool = new pg.Pool({ connectionString: postgresUrl ?? '', application_name: name })
  pool.on('error', () => undefined)
  const waybill = overPg(pool)
  return { name, waybill, close: () => waybill.close().then(() => pool.end()) }
}

function startPostgresJs(name: string): Process {
  const connection = { application_name: name }
  const sql = postgresJs(postgresUrl ?? '', { connection, onnotice: () => undefined })
  const waybill = createWaybill({ store: postgres({ sql, schema }) }) as unknown as Process['waybill']
  return { name, waybill, close: () => waybill.close().then(() => sql.end()) }
}

/** Starts a relay and resolves when it has looked, found nothing, and listens. */
async function startRelay({ name, waybill }: Process) {
  const delivered: unknown[] = []
  const claims = vi.spyOn(waybill.outbox.store, 'claim')
  const relay = waybill.relay({
    lane: 'orders', handlers: { mailer: (message) => delivered.push(message.payload) }, pollMaxMs: 60_000,
  })
  await relay.start()
  await until(async () => (await listeners(name)).length === 1)
  // One look at the start, one when the listener was there.
  await until(() => claims.mock.settledResults.length >= 2)
  await roundTrips()
  return { relay, delivered, claims }
}

/** The backends that listen for a process. */
async function listeners(name: string): Promise<number[]> {
  const { rows } = await admin.query<{ pid: number }>(`select pid from pg_stat_activity
    where application_name = $1 and query ~* '^listen' and state = 'idle'`, [name])
  return rows.map(({ pid }) => pid)
}

/** Asks again after each round trip; vitest's own polling would let the stopped timers go on. */
async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!await check()) {
    if (performance.now() > deadline) expect.fail(`waited ${PATIENCE_MS} ms for ${check}`)
    await admin.query('select 1')
  }
}

/** Round trips, so that a relay that was about to look would have. */
async function roundTrips(): Promise<void> {
  for (let n = 0; n < 50; n += 1) await admin.query('select 1')
}

/** Lets the timers go on that hold back the next announcement; polls that fall due end before this does. */
async function passTime(): Promise<void> {
  await vi.advanceTimersByTimeAsync(100)
  await roundTrips()
}

/** Lets the timers go on until the work is done. */
async function closing(work: Promise<unknown>): Promise<void> {
  let done = false
  const end = work.finally(() => { done = true })
  await until(() => vi.advanceTimersByTimeAsync(1_000).then(() => done))
  await end
}

// reason: there may be no PostgreSQL for this platform; WAYBILL_CI requires one.
describe.skipIf(postgresUrl === null)('wake-ups [skipped without a server]', () => {
  beforeEach(async () => {
    schema = freshSchema()
    processes = []
    admin = new pg.Client(postgresUrl ?? '')
    await admin.connect()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    // postgres.js connects in a timer of no delay.
    ticker = setInterval(() => vi.advanceTimersByTime(0), 1)
  })

  afterEach(async () => {
    await closing(Promise.all(processes.map((process) => process.close())))
    clearInterval(ticker)
    vi.useRealTimers()
    vi.restoreAllMocks()
    await admin.end()
    await dropSchema(schema)
  })

  describe.each<Client>(['pg', 'postgres.js'])('%s', (client) => {
    test('waybill.transaction wakes a relay of its process; an INSERT by others does not', async () => {
      const { waybill, name } = start(client)
      await waybill.migrate()
      const { relay, delivered } = await startRelay({ waybill, name, close: async () => undefined })
      await admin.query(`insert into ${schema}.outbox_message (lane, target, type, payload)
        values ('orders', 'mailer', 'silent', '"silent"')`)
      await roundTrips()
      expect(delivered).toEqual([])
      await waybill.transaction((tx) => waybill.outbox.enqueue(tx, { ...DRAFT, payload: 'announced' }))
      await until(() => delivered.length === 2)
      expect(delivered).toEqual(['silent', 'announced'])
      await closing(relay.stop())
    })

    test('a transaction that rolls back wakes nobody', async () => {
      const process = start(client)
      await process.waybill.migrate()
      const { relay, claims } = await startRelay(process)
      const before = claims.mock.calls.length
      await expect(process.waybill.transaction(async (tx) => {
        await process.waybill.outbox.enqueue(tx, { ...DRAFT, payload: 1 })
        throw new Error('no')
      })).rejects.toThrow('no')
      await roundTrips()
      expect(claims.mock.calls.length).toBe(before)
      await closing(relay.stop())
    })

    test('a commit in another process reaches a relay: by transaction, enqueueAlone, and wake', async () => {
      const [here, there] = [start(client), start(client === 'pg' ? 'postgres.js' : 'pg')]
      await here.waybill.migrate()
      const { relay, delivered } = await startRelay(here)
      await there.waybill.transaction((tx) => there.waybill.outbox.enqueue(tx, { ...DRAFT, payload: 1 }))
      await until(() => delivered.length === 1)
      expect(delivered).toEqual([1])
      await passTime()
      await there.waybill.outbox.enqueueAlone({ ...DRAFT, payload: 2 })
      await until(() => delivered.length === 2)
      expect(delivered).toEqual([1, 2])
      await passTime()
      await admin.query(`insert into ${schema}.outbox_message (lane, target, type, payload)
        values ('orders', 'mailer', 't', '3')`)
      there.waybill.wake({ lane: 'orders', target: 'mailer' })
      await until(() => delivered.length === 3)
      expect(delivered).toEqual([1, 2, 3])
      await closing(relay.stop())
    })

    test('a listener whose backend is terminated comes back', async () => {
      const [here, there] = [start(client), start('pg')]
      await here.waybill.migrate()
      const { relay, delivered } = await startRelay(here)
      await admin.query('select pg_terminate_backend($1)', await listeners(here.name))
      await until(async () => (await listeners(here.name)).length === 0)
      await there.waybill.outbox.enqueueAlone({ ...DRAFT, payload: 'missed' })
      await until(async () => {
        await vi.advanceTimersByTimeAsync(10)
        return (await listeners(here.name)).length === 1
      })
      await until(() => delivered.length === 1)
      await passTime()
      await there.waybill.outbox.enqueueAlone({ ...DRAFT, payload: 'heard' })
      await until(() => delivered.length === 2)
      expect(delivered).toEqual(['missed', 'heard'])
      await closing(relay.stop())
    })

    test('after close nothing of the process listens or is connected for Waybill', async () => {
      const process = start(client)
      await process.waybill.migrate()
      const { relay } = await startRelay(process)
      await closing(relay.stop())
      await closing(process.waybill.close())
      await until(async () => (await listeners(process.name)).length === 0)
    })

    test('a store that is closed by itself listens no more', async () => {
      const process = start(client)
      await process.waybill.migrate()
      const { relay } = await startRelay(process)
      await closing(relay.stop())
      await closing(process.waybill.outbox.store.close())
      await until(async () => (await listeners(process.name)).length === 0)
    })
  })

  test('a schema hears nothing of another schema of the database', async () => {
    const here = start('pg')
    await here.waybill.migrate()
    const { relay, claims } = await startRelay(here)
    const before = claims.mock.calls.length
    const ours = schema
    schema = freshSchema()
    const there = start('pg')
    await there.waybill.migrate()
    await there.waybill.outbox.enqueueAlone({ ...DRAFT, payload: 1 })
    await roundTrips()
    expect(claims.mock.calls.length).toBe(before)
    await closing(relay.stop())
    await dropSchema(schema)
    schema = ours
  })
})
