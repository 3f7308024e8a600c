/** Lines of keys on PostgreSQL, where how they were written must not decide how fast they are read. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { postgres } from '../../src/postgres.js'
import { createWaybill, type Waybill } from '../../src/waybill.js'
import type { SqlExecutor } from '../../src/core/sql.js'
import type { PgClient } from '../../src/drivers/pg.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-outbox.js'

const LIMIT = 20
const BEHIND = 3 * LIMIT

// reason: there is no PostgreSQL for this platform
describe.skipIf(postgresUrl === null)('a line that was set aside one message at a time', () => {
  const schema = freshSchema()
  let waybill: Waybill<PgClient, SqlExecutor, Readonly<Record<never, never>>, false>
  beforeAll(async () => {
    const store = postgres({ url: postgresUrl ?? '', schema })
    waybill = createWaybill({ store, lanes: { orders: { ordering: 'block' } } })
    await waybill.migrate()
  })
  afterAll(async () => {
    await waybill.close()
    await dropSchema(schema)
  })

  test('is taken in runs, in order', async () => {
    const draft = (payload: number) => ({ lane: 'orders', target: 't', type: 't', key: 'k', payload })
    const claim = () => waybill.outbox.claim({ lane: 'orders', target: 't', consumer: 'c', limit: LIMIT })
    await waybill.outbox.enqueueAlone(draft(0))
    let held = await claim()
    for (let number = 1; number <= BEHIND; number += 1) {
      await waybill.outbox.enqueueAlone(draft(number))
      expect(await claim()).toBeNull()
    }
    const [sizes, payloads]: [number[], number[]] = [[], []]
    for (; held !== null; held = await claim()) {
      sizes.push(held.messages.length)
      payloads.push(...held.messages.map(({ payload }) => Number(Buffer.from(payload).toString())))
      await waybill.outbox.settle(held.token, held.messages.map(({ id }) => ({ id, kind: 'ack' })))
    }
    expect(payloads).toEqual(Array.from({ length: BEHIND + 1 }, (_, number) => number))
    expect(sizes).toEqual([1, LIMIT, LIMIT, LIMIT])
  })
})
