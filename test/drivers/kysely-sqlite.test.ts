/** `waybill/kysely` on SQLite, over a client with the interface of better-sqlite3. */
import { CompiledQuery, Kysely, SqliteDialect, type SqliteDatabase, type Transaction } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createWaybill } from '../../src/index.js'
import { kysely } from '../../src/kysely.js'
import { sqlite } from '../../src/sqlite.js'
import { temporaryFile } from '../stores/sqlite-support.js'

// reason: libsql has no types.
const { default: Database } = await import('libsql') as { default: new (path: string) => SqliteDatabase }

let file: ReturnType<typeof temporaryFile>
let db: Kysely<unknown>

function open() {
  return createWaybill({ store: sqlite({ path: file.path, engine: 'libsql', prefix: `?1 "x'` }), driver: kysely() })
}

describe('Kysely over SQLite', () => {
  beforeEach(async () => {
    file = temporaryFile()
    const setup = createWaybill({ store: sqlite({ path: file.path, engine: 'libsql', prefix: `?1 "x'` }) })
    await setup.migrate()
    await setup.close()
    db = new Kysely<unknown>({ dialect: new SqliteDialect({ database: new Database(file.path) }) })
    await db.executeQuery(CompiledQuery.raw('create table orders (id text)'))
  })

  afterEach(async () => {
    await db.destroy()
    file.remove()
  })

  test('the message commits and rolls back with the caller\'s row, under a hostile prefix', async () => {
    const waybill = open()
    const order = async (trx: Transaction<unknown>, id: string): Promise<void> => {
      await trx.executeQuery(CompiledQuery.raw('insert into orders values (?)', [id]))
      await waybill.outbox.enqueue(trx, { type: 'order.placed', payload: { id }, key: id, dedupeKey: id })
    }
    await db.transaction().execute((trx) => order(trx, 'o-1'))
    await expect(db.transaction().execute(async (trx) => {
      await order(trx, 'o-2')
      throw new Error('no')
    })).rejects.toThrow('no')
    await expect(db.transaction().execute((trx) =>
      waybill.outbox.enqueue(trx, { type: 'order.placed', payload: { id: 'other' }, key: 'o-1', dedupeKey: 'o-1' })))
      .rejects.toMatchObject({ code: 'CONFLICT' })
    for (const isFirst of [true, false]) {
      const { processed } = await db.transaction().execute((trx) => (
        waybill.inbox.process(trx, 'billing', `it's`, () => undefined)))
      expect(processed).toBe(isFirst)
    }
    const messages = await waybill.outbox.list()
    expect(messages.map(({ key, dedupeKey }) => [key, dedupeKey])).toEqual([['o-1', 'o-1']])
    const { rows } = await db.executeQuery(CompiledQuery.raw('select id from orders'))
    expect(rows).toEqual([{ id: 'o-1' }])
    await waybill.close()
  })
})
