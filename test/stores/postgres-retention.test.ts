/** What goes by itself on PostgreSQL, and what only when it is asked for. */
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { postgres } from '../../src/postgres.js'
import { TestClock } from '../../src/testkit/index.js'
import { createWaybill } from '../../src/waybill.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-outbox.js'

const DAY_MS = 86_400_000
/** After so long, a settle sets the removal of delivered messages off. */
const SOME_SECONDS = 11_000

let schema: string
let pool: pg.Pool
let clock: TestClock

async function count(table: string): Promise<number> {
  const { rows: [row] } = await pool.query<{ n: number }>(`select count(*)::integer as n from "${schema}".${table}`)
  return row?.n ?? 0
}

// reason: there may be no PostgreSQL for this platform; WAYBILL_CI requires one.
describe.skipIf(postgresUrl === null)('PostgreSQL, retention [skipped without a server]', () => {
  beforeEach(() => {
    schema = freshSchema()
    // One connection, so that what is asked later is answered later.
    pool = new pg.Pool({ connectionString: postgresUrl ?? '', max: 1 })
    clock = new TestClock()
  })

  afterEach(async () => {
    vi.restoreAllMocks()
    await pool.end()
    await dropSchema(schema)
  })

  async function deliver(dedupeKey: string, laterMs: number): Promise<void> {
    const waybill = createWaybill({ store: postgres({ pool, schema, now: clock.now }) })
    await waybill.outbox.enqueueAlone({ type: 't', payload: 1, dedupeKey })
    const claim = await waybill.outbox.claim({ lane: 'default', target: 'default', consumer: 'worker-1' })
    const now = performance.now()
    vi.spyOn(performance, 'now').mockImplementation(() => now + laterMs)
    expect(await waybill.outbox.ack(claim?.messages[0]?.id ?? '', claim?.token ?? '')).toBe(true)
    vi.restoreAllMocks()
  }

  test('delivered messages go beside settles, after a day; dedupe keys only when purged', async () => {
    await createWaybill({ store: postgres({ pool, schema }) }).migrate()
    await deliver('order-1', 0)
    clock.advance(30 * DAY_MS)
    await deliver('order-2', SOME_SECONDS)
    await expect.poll(() => count('outbox_delivered')).toBe(1)
    expect(await count('outbox_dedupe')).toBe(2)
    const { outbox } = createWaybill({ store: postgres({ pool, schema, now: clock.now }) })
    expect(await outbox.purge({ dedupeOlderThanMs: 7 * DAY_MS })).toMatchObject({ dedupeKeys: 1 })
  })
})
