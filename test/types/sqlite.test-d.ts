/** Synchronous transactions: `enqueueSync` is there exactly where it works. */
import { expectTypeOf, test } from 'vitest'
import type { SqlExecutor } from '../../src/core/sql.js'
import { drizzleSqlite, type DrizzleSqliteTransaction } from '../../src/drizzle.js'
import type { Journal, SyncJournal } from '../../src/index.js'
import { kysely, type KyselyTransaction } from '../../src/kysely.js'
import { sqlite, type SqliteHandle } from '../../src/sqlite.js'
import { createWaybill, type Waybill } from '../../src/waybill.js'

type NoEvents = Readonly<Record<never, never>>

declare const handle: SqliteHandle
declare const tx: DrizzleSqliteTransaction
const draft = { type: 'order.placed', payload: { n: 1 } }

test('the store of a file has both forms', () => {
  const waybill = createWaybill({ store: sqlite({ path: 'shop.db' }) })
  expectTypeOf(waybill).toEqualTypeOf<Waybill<SqliteHandle, SqlExecutor, NoEvents, true>>()
  expectTypeOf(waybill.outbox.enqueueSync(handle, draft).id).toEqualTypeOf<string>()
  const [many] = waybill.outbox.enqueueManySync(handle, [draft])
  expectTypeOf(many?.created).toEqualTypeOf<boolean | undefined>()
  expectTypeOf(waybill.outbox.enqueue(handle, draft)).resolves.toHaveProperty('id')
  expectTypeOf(waybill.scoped('tenant-7').outbox).toHaveProperty('enqueueSync')
  // @ts-expect-error no transaction
  void waybill.outbox.enqueueSync(draft)
})

test('a synchronous driver keeps them, an asynchronous one has none', () => {
  const store = sqlite({ path: 'shop.db' })
  const orm = createWaybill({ store, driver: drizzleSqlite() })
  expectTypeOf(orm).toEqualTypeOf<Waybill<DrizzleSqliteTransaction, SqlExecutor, NoEvents, true>>()
  expectTypeOf(orm.outbox.enqueueSync(tx, draft).id).toEqualTypeOf<string>()
  expectTypeOf(createWaybill({ store }).using(drizzleSqlite()).outbox).toHaveProperty('enqueueSync')
  const builder = createWaybill({ store, driver: kysely() })
  expectTypeOf(builder).toEqualTypeOf<Waybill<KyselyTransaction, SqlExecutor, NoEvents, false>>()
  expectTypeOf(createWaybill({ store }).using(kysely()).outbox).not.toHaveProperty('enqueueSync')
})

test('the inbox has both forms where the outbox has', () => {
  const store = sqlite({ path: 'shop.db' })
  const { inbox } = createWaybill({ store })
  const result = inbox.processSync(handle, 'billing', 'm-1', () => 7)
  if (result.processed) expectTypeOf(result.value).toEqualTypeOf<number>()
  else if (result.reason === 'already_processed') expectTypeOf(result.processedAt).toEqualTypeOf<number>()
  expectTypeOf(inbox.process(handle, 'billing', 'm-1', async (own) => own)).resolves.toHaveProperty('processed')
  expectTypeOf(createWaybill({ store, driver: drizzleSqlite() }).inbox).toHaveProperty('processSync')
  expectTypeOf(createWaybill({ store, driver: kysely() }).inbox).not.toHaveProperty('processSync')
  // @ts-expect-error no transaction
  void inbox.process('billing', 'm-1', () => 7)
})

test('the journal has both forms where the outbox has', () => {
  const store = sqlite({ path: 'shop.db' })
  const waybill = createWaybill({ store })
  const event = { stream: 's', type: 't', payload: 1 }
  expectTypeOf(waybill.journal).toEqualTypeOf<SyncJournal<SqlExecutor, SqliteHandle>>()
  expectTypeOf(waybill.journal.appendSync(handle, [event]).events[0]?.sequence).toEqualTypeOf<bigint | undefined>()
  expectTypeOf(createWaybill({ store, driver: drizzleSqlite() }).journal).toHaveProperty('appendSync')
  expectTypeOf(createWaybill({ store, driver: kysely() }).journal).toEqualTypeOf<Journal<SqlExecutor, KyselyTransaction>>()
  expectTypeOf(waybill.using(kysely()).journal).not.toHaveProperty('appendSync')
  // @ts-expect-error no transaction
  void waybill.journal.appendSync([event])
})
