/** Quarantine on PostgreSQL against whatever else may happen to a message, with transactions ordered by hand. */
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { postgres } from '../../src/postgres.js'
import { createWaybill } from '../../src/waybill.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-outbox.js'

const QUEUE = { lane: 'default', target: 'default', consumer: 'worker-1' }
const CLAIM = `select seq from outbox_claim('default', 'default', null, 10, 30000, 'other', 'token', null)`
const QUARANTINE = `select seq from outbox_quarantine($1, array['x'], 'quarantine', null, null)`

let schema: string
let pool: pg.Pool
let client: pg.Client
let waybill: ReturnType<typeof open>
let id: string

function open() {
  return createWaybill({ store: postgres({ pool, schema }) })
}

const quarantine = () => waybill.outbox.quarantine([{ id, failures: 3, error: 'no answer' }])
const statusOf = async () => (await waybill.outbox.get(id))?.status
const sequence = () => [id.split('-')[1]]

/** Somebody waits for the lock of a queue of this schema. */
async function isWaiting(): Promise<void> {
  const waiting = 'select from pg_locks where not granted and classid = hashtext($1)::oid'
  await expect.poll(async () => (await pool.query(waiting, [`waybill.outbox.${schema}`])).rowCount).toBe(1)
}

// reason: there may be no PostgreSQL for this platform; WAYBILL_CI requires one.
describe.skipIf(postgresUrl === null)('PostgreSQL, quarantine [skipped without a server]', () => {
  beforeEach(async () => {
    schema = freshSchema()
    pool = new pg.Pool({ connectionString: postgresUrl ?? '', max: 4 })
    waybill = open()
    await waybill.migrate()
    id = (await waybill.outbox.enqueueAlone({ type: 't', payload: 1 })).id
    client = new pg.Client(postgresUrl ?? '')
    await client.connect()
    await client.query(`set search_path to "${schema}"`)
    await client.query('begin')
  })

  afterEach(async () => {
    await client.end()
    await pool.end()
    await dropSchema(schema)
  })

  test('a claim that came first keeps its message; the quarantine waits for its end and skips it', async () => {
    expect((await client.query(CLAIM)).rowCount).toBe(1)
    const answer = quarantine()
    await isWaiting()
    await client.query('commit')
    expect(await answer).toEqual(['skipped'])
    expect(await statusOf()).toBe('claimed')
    expect(await waybill.outbox.failures(id)).toEqual([])
  })

  test('a claim that was rolled back has left it to the quarantine', async () => {
    await client.query(CLAIM)
    const answer = quarantine()
    await isWaiting()
    await client.query('rollback')
    expect(await answer).toEqual(['dead_lettered'])
  })

  test.each([['commit', 'dead_letter'], ['rollback', 'claimed']])(
    'a claim waits for a quarantine that came first, and after its %s the message is %s', async (end, status) => {
      expect((await client.query(QUARANTINE, [sequence()])).rowCount).toBe(1)
      const claim = waybill.outbox.claim(QUEUE)
      await isWaiting()
      await client.query(end)
      expect((await claim)?.messages.map((message) => message.id) ?? []).toEqual(end === 'commit' ? [] : [id])
      expect(await statusOf()).toBe(status)
    })

  test('a settle that is not committed yet: the message is still claimed, so it is skipped and requeued', async () => {
    const claim = await waybill.outbox.claim(QUEUE)
    const settle = `select * from outbox_settle($1, $2, array['retry'], array['busy'], array[0]::bigint[], array[null]::bigint[],
      null, true, null)`
    expect((await client.query(settle, [claim?.token, sequence()])).rows).toMatchObject([{ answer: 'requeued' }])
    expect(await quarantine()).toEqual(['skipped'])
    await client.query('commit')
    expect(await statusOf()).toBe('pending')
    expect(await quarantine()).toEqual(['dead_lettered'])
  })

  test('of two quarantines the second waits, and finds a dead letter', async () => {
    await client.query(QUARANTINE, [sequence()])
    const answer = quarantine()
    await isWaiting()
    await client.query('commit')
    expect(await answer).toEqual(['skipped'])
    expect(await waybill.outbox.failures(id)).toHaveLength(1)
  })

  test('a redrive that is not committed yet: still a dead letter, so it is skipped', async () => {
    await quarantine()
    await client.query('select outbox_resolve_dead($1, null, true, null)', [sequence()])
    expect(await quarantine()).toEqual(['skipped'])
    await client.query('commit')
    expect(await statusOf()).toBe('pending')
    expect(await quarantine()).toEqual(['dead_lettered'])
  })

  test('a message that was enqueued and is not committed yet is unknown, and is delivered', async () => {
    await client.query('rollback')
    await client.query('begin')
    const late = await waybill.outbox.enqueue(client, { type: 't', payload: 2 })
    const entry = (of: string) => ({ id: of, failures: 1 })
    expect(await waybill.outbox.quarantine([entry(late.id), entry(id)])).toEqual(['skipped', 'dead_lettered'])
    await client.query('commit')
    expect((await waybill.outbox.claim(QUEUE))?.messages.map((message) => message.id)).toEqual([late.id])
  })

  test('a row that commits behind the position of its queue is quarantined out of the log', async () => {
    const late = await waybill.outbox.enqueue(client, { type: 't', payload: 2 })
    await waybill.outbox.enqueueAlone({ type: 't', payload: 3 })
    const claim = await waybill.outbox.claim(QUEUE)
    expect(claim?.messages).toHaveLength(2)
    await client.query('commit')
    expect(await waybill.outbox.quarantine([{ id: late.id, failures: 1 }])).toEqual(['dead_lettered'])
    expect(await waybill.outbox.claim(QUEUE)).toBeNull()
    expect(await waybill.outbox.redrive(late.id)).toEqual(['redriven'])
    expect((await waybill.outbox.claim(QUEUE))?.messages.map((message) => message.id)).toEqual([late.id])
  })

  test('the edits leave the table with their message', async () => {
    const count = async (): Promise<number> =>
      Number((await pool.query(`select count(*) as n from "${schema}".outbox_edit`)).rows[0]?.n)
    for (const [round, leave] of [
      () => waybill.outbox.discard([id]), () => waybill.outbox.purge({ deadOlderThanMs: 0 }),
      async () => {
        await waybill.outbox.redrive(id)
        const claim = await waybill.outbox.claim(QUEUE)
        await waybill.outbox.ack(id, claim?.token ?? '')
        expect(await count()).toBe(1)
        await waybill.outbox.purge({ deliveredOlderThanMs: 0 })
      },
    ].entries()) {
      if (round > 0) id = (await waybill.outbox.enqueueAlone({ type: 't', payload: 1 })).id
      await quarantine()
      expect(await waybill.outbox.redrive(id, { payload: 2, note: 'test' })).toEqual(['redriven'])
      await quarantine()
      expect(await count()).toBe(1)
      await leave()
      expect(await count()).toBe(0)
    }
  })

  test('a stricter isolation by default is no obstacle', async () => {
    const strict = new pg.Pool({
      connectionString: postgresUrl ?? '', max: 2, options: '-c default_transaction_isolation=serializable',
    })
    const own = createWaybill({ store: postgres({ pool: strict, schema }) })
    expect(await own.outbox.quarantine([{ id, failures: 1 }])).toEqual(['dead_lettered'])
    expect(await own.outbox.redrive(id, { payload: 9, note: 'test' })).toEqual(['redriven'])
    expect(await own.outbox.edits(id)).toHaveLength(1)
    await strict.end()
  })
})
