/** What `append` takes, in whose transaction, and what reading answers. */
import type pg from 'pg'
import { describe, expectTypeOf, test } from 'vitest'
import type { SqlExecutor } from '../../src/core/sql.js'
import type { Journal, JournalEvent, JournalPage } from '../../src/index.js'
import { memory, type MemoryTransaction } from '../../src/memory.js'
import { postgres } from '../../src/postgres.js'
import type { PgClient } from '../../src/pg.js'
import { createWaybill } from '../../src/waybill.js'

declare const pool: pg.Pool
declare const poolClient: pg.PoolClient
declare const memoryTx: MemoryTransaction

const event = { stream: 's', type: 't', payload: { n: 1 } }

describe('append', () => {
  const waybill = createWaybill({ store: postgres({ pool }) })

  test('takes the transaction of the store', () => {
    expectTypeOf(waybill.journal).toEqualTypeOf<Journal<SqlExecutor, PgClient>>()
    expectTypeOf(waybill.journal.append).parameter(0).toEqualTypeOf<PgClient>()
    void waybill.journal.append(poolClient, [event])
    void createWaybill({ store: memory() }).journal.append(memoryTx, [event])
    // @ts-expect-error no transaction
    void waybill.journal.append([event])
    // @ts-expect-error a transaction of another store
    void waybill.journal.append(memoryTx, [event])
    // @ts-expect-error synchronous transactions only
    void waybill.journal.appendSync
  })

  test('takes numbers of either kind, for one stream or by stream', () => {
    void waybill.journal.append(poolClient, [event], { expectedSequence: 0 })
    void waybill.journal.append(poolClient, [event], { expectedSequence: 2n ** 63n })
    void waybill.journal.append(poolClient, [event], { expectedSequence: { s: 1, t: 2n } })
    // @ts-expect-error a text is no number
    void waybill.journal.append(poolClient, [event], { expectedSequence: '1' })
    // @ts-expect-error an event is of a stream
    void waybill.journal.append(poolClient, [{ type: 't', payload: 1 }])
    // @ts-expect-error a pointer or a copy
    void waybill.journal.append(poolClient, [event], { outbox: { payload: 'both' } })
  })
})

test('reading answers events, and cursors that are mere text', () => {
  const { journal } = createWaybill({ store: memory() })
  expectTypeOf(journal.read('s')).resolves.toEqualTypeOf<readonly JournalEvent[]>()
  expectTypeOf(journal.readAll()).resolves.toEqualTypeOf<JournalPage>()
  expectTypeOf<JournalPage['cursor']>().toEqualTypeOf<string>()
  expectTypeOf<JournalEvent['sequence']>().toEqualTypeOf<bigint>()
  expectTypeOf(journal.highestSequence('s')).resolves.toEqualTypeOf<bigint>()
})
