/** In whose transaction a feed is committed to, and where that returns at once. */
import type pg from 'pg'
import { describe, expectTypeOf, test } from 'vitest'
import type { SqlExecutor } from '../../src/core/sql.js'
import type { SqliteHandle } from '../../src/drivers/sqlite.js'
import type { CommitResult } from '../../src/feeds/feed.js'
import type { SyncFeed } from '../../src/feeds/sync-feed.js'
import type { TransactionFeed } from '../../src/feeds/transaction-feed.js'
import { memory, type MemoryTransaction } from '../../src/memory.js'
import type { PgClient } from '../../src/pg.js'
import { postgres } from '../../src/postgres.js'
import { sqlite } from '../../src/sqlite.js'
import { createWaybill } from '../../src/waybill.js'

declare const pool: pg.Pool
declare const poolClient: pg.PoolClient
declare const memoryTx: MemoryTransaction
declare const sqliteHandle: SqliteHandle

const changes = [{ op: 'add', key: 1, after: { n: 1 } }] as const

describe('feed', () => {
  test('takes the transaction of the store', () => {
    const feed = createWaybill({ store: postgres({ pool }) }).feed('f')
    expectTypeOf(feed).toEqualTypeOf<TransactionFeed<SqlExecutor, PgClient>>()
    void feed.commit(poolClient, changes)
    void createWaybill({ store: memory() }).feed('f').commit(memoryTx, changes)
    // @ts-expect-error no transaction
    void feed.commit(changes)
    // @ts-expect-error a transaction of another store
    void feed.commit(memoryTx, changes)
    // @ts-expect-error synchronous transactions only
    void feed.commitSync
  })

  test('commits at once where transactions are synchronous', () => {
    const feed = createWaybill({ store: sqlite({ path: 'x.db' }) }).feed('f')
    expectTypeOf(feed).toEqualTypeOf<SyncFeed<SqlExecutor, SqliteHandle>>()
    expectTypeOf(feed.commitSync(sqliteHandle, changes)).toEqualTypeOf<CommitResult>()
    // @ts-expect-error no transaction
    void feed.commitSync(changes)
  })
})
