/** `waybill/kysely` on PostgreSQL, with both kinds of transactions. */
import { CompiledQuery, Kysely, PostgresDialect, type ControlledTransaction, type Transaction } from 'kysely'
import pg from 'pg'
import { kysely } from '../../src/kysely.js'
import { driverCases, type DriverRig } from './driver-cases.js'

type Handle = Transaction<unknown> | ControlledTransaction<unknown>

const run: DriverRig<Handle>['run'] = (trx, text) => trx.executeQuery(CompiledQuery.raw(text))

const undone: DriverRig<Handle>['undone'] = async (trx, work) => {
  await run(trx, 'savepoint here')
  await work(trx)
  await run(trx, 'rollback to savepoint here')
}

const ended: DriverRig<Handle>['refused'] = {
  'a transaction that has committed': async (rig) => {
    const handles: Handle[] = []
    await rig.transaction(async (trx) => handles.push(trx))
    return handles[0]!
  },
  'a transaction that was rolled back': async (rig) => {
    const handles: Handle[] = []
    await rig.transaction(async (trx) => {
      handles.push(trx)
      throw new Error('no')
    }).catch(() => undefined)
    return handles[0]!
  },
}

function open(url: string): Kysely<unknown> {
  const pool = new pg.Pool({ connectionString: url, max: 3 })
  return new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
}

driverCases<Handle>('Kysely', async (url) => {
  const db = open(url)
  return {
    driver: kysely(),
    transaction: (work) => db.transaction().execute(work),
    undone,
    run,
    refused: { ...ended, 'db itself': () => db as unknown as Handle },
    close: () => db.destroy(),
  }
})

driverCases<Handle>('Kysely, controlled', async (url) => {
  const db = open(url)
  return {
    driver: kysely(),
    async transaction(work) {
      const trx = await db.startTransaction().execute()
      try {
        const result = await work(trx)
        await trx.commit().execute()
        return result
      } catch (error) {
        await trx.rollback().execute()
        throw error
      }
    },
    async undone(trx, work) {
      const inner = await (trx as ControlledTransaction<unknown>).savepoint('here').execute()
      await work(inner)
      await inner.rollbackToSavepoint('here').execute()
    },
    run,
    refused: ended,
    close: () => db.destroy(),
  }
})
