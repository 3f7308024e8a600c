/** Whose transaction `enqueue` takes: that of the store's client, or of the driver, and of no other. */
import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import type { ControlledTransaction, Kysely, Transaction } from 'kysely'
import type pg from 'pg'
import type postgresJs from 'postgres'
import { describe, expectTypeOf, test } from 'vitest'
import type { SqlExecutor } from '../../src/core/sql.js'
import { drizzle, type DrizzlePostgresTransaction } from '../../src/drizzle.js'
import { kysely, type KyselyTransaction } from '../../src/kysely.js'
import { memory, type MemoryTransaction } from '../../src/memory.js'
import { pg as pgDriver, type PgClient } from '../../src/pg.js'
import { postgresJs as postgresJsDriver, type PostgresJsTransaction } from '../../src/postgres-js.js'
import { postgres } from '../../src/postgres.js'
import type { Store } from '../../src/store.js'
import { createWaybill, type Waybill } from '../../src/waybill.js'

type NoEvents = Readonly<Record<never, never>>
type DrizzlePgTransaction = Parameters<Parameters<NodePgDatabase['transaction']>[0]>[0]
type DrizzlePostgresJsTransaction = Parameters<Parameters<PostgresJsDatabase['transaction']>[0]>[0]

declare const pool: pg.Pool
declare const client: pg.Client
declare const poolClient: pg.PoolClient
declare const sql: postgresJs.Sql
declare const typedSql: postgresJs.Sql<{ point: { x: number } }>
declare const sqlTx: postgresJs.TransactionSql
declare const drizzlePg: DrizzlePgTransaction
declare const drizzlePostgresJs: DrizzlePostgresJsTransaction
declare const db: Kysely<{ orders: { id: string } }>
declare const trx: Transaction<{ orders: { id: string } }>
declare const controlled: ControlledTransaction<{ orders: { id: string } }>
declare const memoryTx: MemoryTransaction

const draft = { type: 'order.placed', payload: { n: 1 } }

describe('stores', () => {
  test('each knows the transaction of its own client', () => {
    expectTypeOf(memory()).toEqualTypeOf<Store<MemoryTransaction, MemoryTransaction>>()
    expectTypeOf(postgres({ pool })).toEqualTypeOf<Store<PgClient, SqlExecutor>>()
    expectTypeOf(postgres({ url: '' })).toEqualTypeOf<Store<PgClient, SqlExecutor>>()
    expectTypeOf(postgres({ sql })).toEqualTypeOf<Store<PostgresJsTransaction, SqlExecutor>>()
    expectTypeOf(postgres({ sql: typedSql })).toEqualTypeOf<Store<PostgresJsTransaction, SqlExecutor>>()
    // @ts-expect-error one of pool, sql and url
    postgres({ schema: 'x' })
  })

  test('createWaybill infers the handle from the store', () => {
    expectTypeOf(createWaybill({ store: memory() }))
      .toEqualTypeOf<Waybill<MemoryTransaction, MemoryTransaction, NoEvents, false>>()
    expectTypeOf(createWaybill({ store: postgres({ pool }) }))
      .toEqualTypeOf<Waybill<PgClient, SqlExecutor, NoEvents, false>>()
    expectTypeOf(createWaybill({ store: postgres({ sql }) }))
      .toEqualTypeOf<Waybill<PostgresJsTransaction, SqlExecutor, NoEvents, false>>()
  })
})

describe('drivers', () => {
  test('an option of createWaybill replaces the handle of the store', () => {
    expectTypeOf(createWaybill({ store: postgres({ pool }), driver: drizzle() }))
      .toEqualTypeOf<Waybill<DrizzlePostgresTransaction, SqlExecutor, NoEvents, false>>()
    expectTypeOf(createWaybill({ store: postgres({ pool }), driver: kysely() }))
      .toEqualTypeOf<Waybill<KyselyTransaction, SqlExecutor, NoEvents, false>>()
    expectTypeOf(createWaybill({ store: postgres({ pool }), driver: postgresJsDriver() }))
      .toEqualTypeOf<Waybill<PostgresJsTransaction, SqlExecutor, NoEvents, false>>()
    expectTypeOf(createWaybill({ store: postgres({ sql }), driver: pgDriver() }))
      .toEqualTypeOf<Waybill<PgClient, SqlExecutor, NoEvents, false>>()
  })

  test('using gives the same store for another data layer', () => {
    const waybill = createWaybill({ store: postgres({ pool }) })
    expectTypeOf(waybill.using(kysely()))
      .toEqualTypeOf<Waybill<KyselyTransaction, SqlExecutor, NoEvents, false>>()
    expectTypeOf(waybill.scoped('tenant-7')).toEqualTypeOf(waybill)
  })
})

describe('enqueue', () => {
  test('takes the transactions of the client itself', () => {
    const { outbox } = createWaybill({ store: postgres({ pool }) })
    void outbox.enqueue(client, draft)
    void outbox.enqueue(poolClient, draft)
    void outbox.enqueueMany(poolClient, [draft])
    void createWaybill({ store: postgres({ sql }) }).outbox.enqueue(sqlTx, draft)
    void createWaybill({ store: postgres({ pool }), driver: postgresJsDriver() }).outbox.enqueue(sqlTx, draft)
    void createWaybill({ store: memory() }).outbox.enqueue(memoryTx, draft)
  })

  test('takes the transactions of Drizzle and Kysely, whatever their schema', () => {
    const orm = createWaybill({ store: postgres({ pool }), driver: drizzle() })
    void orm.outbox.enqueue(drizzlePg, draft)
    void orm.outbox.enqueue(drizzlePostgresJs, draft)
    const builder = createWaybill({ store: postgres({ pool }), driver: kysely() })
    void builder.outbox.enqueue(trx, draft)
    void builder.outbox.enqueue(controlled, draft)
    void db.transaction().execute((inner) => builder.outbox.enqueue(inner, draft))
  })

  test('does not take the transactions of others', () => {
    const { outbox } = createWaybill({ store: postgres({ pool }) })
    // @ts-expect-error a transaction of Kysely
    void outbox.enqueue(trx, draft)
    // @ts-expect-error a transaction of Drizzle
    void outbox.enqueue(drizzlePg, draft)
    // @ts-expect-error a transaction of postgres.js
    void outbox.enqueue(sqlTx, draft)
    // @ts-expect-error a transaction of the memory store
    void outbox.enqueue(memoryTx, draft)
    // @ts-expect-error a client of pg
    void createWaybill({ store: postgres({ pool }), driver: kysely() }).outbox.enqueue(client, draft)
    // @ts-expect-error a client of pg
    void createWaybill({ store: postgres({ pool }), driver: drizzle() }).outbox.enqueue(client, draft)
  })

  test('does not take the clients themselves, where the type tells them apart', () => {
    // @ts-expect-error `sql` is in no transaction
    void createWaybill({ store: postgres({ sql }) }).outbox.enqueue(sql, draft)
  })

  test('without a transaction is an error, as is a transaction without a message', () => {
    const { outbox } = createWaybill({ store: postgres({ pool }) })
    // @ts-expect-error no transaction
    void outbox.enqueue(draft)
    // @ts-expect-error no transaction
    void outbox.enqueueMany([draft])
    // @ts-expect-error undefined is no transaction
    void outbox.enqueue(undefined, draft)
    // @ts-expect-error no message
    void outbox.enqueue(client)
    void outbox.enqueueAlone(draft)
    // @ts-expect-error enqueueAlone begins by itself
    void outbox.enqueueAlone(client, draft)
  })

  test('a draft has a type and a payload, and nothing unknown', () => {
    const { outbox } = createWaybill({ store: memory() })
    // @ts-expect-error no payload
    void outbox.enqueueAlone({ type: 't' })
    // @ts-expect-error no type
    void outbox.enqueueAlone({ payload: 1 })
    // @ts-expect-error times are numbers
    void outbox.enqueueAlone({ type: 't', payload: 1, availableAt: new Date() })
    // @ts-expect-error misspelled
    void outbox.enqueueAlone({ type: 't', payload: 1, dedupekey: 'k' })
  })
})

describe('transaction', () => {
  test('hands out what enqueue takes, and passes the result on', () => {
    const waybill = createWaybill({ store: postgres({ pool }) })
    expectTypeOf(waybill.transaction(async (tx) => {
      expectTypeOf(tx).toEqualTypeOf<PgClient>()
      await tx.query({ text: 'select 1' })
      return (await waybill.outbox.enqueue(tx, draft)).id
    })).toEqualTypeOf<Promise<string>>()
    void createWaybill({ store: postgres({ sql }) }).transaction(async (tx) => {
      expectTypeOf(tx).toEqualTypeOf<PostgresJsTransaction>()
    })
  })
})

describe('enqueueSync', () => {
  test('does not exist where transactions are asynchronous', () => {
    const stores = [
      createWaybill({ store: memory() }), createWaybill({ store: postgres({ pool }) }),
      createWaybill({ store: postgres({ sql }) }),
      createWaybill({ store: postgres({ pool }), driver: drizzle() }),
      createWaybill({ store: postgres({ pool }), driver: kysely() }),
    ] as const
    expectTypeOf(stores[0].outbox).not.toHaveProperty('enqueueSync')
    expectTypeOf(stores[1].outbox).not.toHaveProperty('enqueueSync')
    expectTypeOf(stores[2].outbox).not.toHaveProperty('enqueueSync')
    expectTypeOf(stores[3].outbox).not.toHaveProperty('enqueueSync')
    expectTypeOf(stores[4].outbox).not.toHaveProperty('enqueueManySync')
  })
})
