/** `waybill/pg`: a client of its own, and one of a pool. */
import pg from 'pg'
import { pg as pgDriver, type PgClient } from '../../src/pg.js'
import { driverCases, type DriverRig } from './driver-cases.js'

type Connection = PgClient & { query(text: string): Promise<unknown> }

async function inTransaction<T>(client: Connection, work: (client: PgClient) => Promise<T>): Promise<T> {
  await client.query('begin')
  try {
    const result = await work(client)
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

const run: DriverRig<PgClient>['run'] = (client, text) => client.query({ text })

const undone: DriverRig<PgClient>['undone'] = async (client, work) => {
  await client.query({ text: 'savepoint here' })
  await work(client)
  await client.query({ text: 'rollback to savepoint here' })
}

driverCases<PgClient>('pg Client', async (url) => {
  const client = new pg.Client(url)
  await client.connect()
  return {
    driver: pgDriver(),
    transaction: (work) => inTransaction(client, work),
    undone,
    run,
    refused: {
      'an idle client': () => client,
      'a client whose transaction has ended': async (rig) => {
        await rig.transaction((tx) => rig.run(tx, 'select 1'))
        return client
      },
      'a client whose transaction was rolled back': async (rig) => {
        await rig.transaction(() => Promise.reject(new Error('no'))).catch(() => undefined)
        return client
      },
    },
    close: () => client.end(),
  }
})

driverCases<PgClient>('pg PoolClient', async (url) => {
  const pool = new pg.Pool({ connectionString: url, max: 3 })
  return {
    driver: pgDriver(),
    async transaction(work) {
      const client = await pool.connect()
      try {
        return await inTransaction(client, work)
      } finally {
        client.release()
      }
    },
    undone,
    run,
    refused: {
      'the pool': () => pool,
      'a client that has not begun': async () => {
        const client = await pool.connect()
        client.release()
        return client
      },
    },
    close: () => pool.end(),
  }
})
