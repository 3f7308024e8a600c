/** `waybill/postgres-js`: the transaction of `sql.begin`. */
import postgresJs from 'postgres'
import { postgresJs as postgresJsDriver, type PostgresJsTransaction } from '../../src/postgres-js.js'
import { driverCases } from './driver-cases.js'

const undo = new Error('undo')

for (const prepare of [true, false]) {
  driverCases<PostgresJsTransaction>(`postgres.js, prepare: ${prepare}`, async (url) => {
    const sql = postgresJs(url, { max: 3, prepare, onnotice: () => undefined })
    return {
      driver: postgresJsDriver(),
      transaction: async <T>(work: (tx: PostgresJsTransaction) => Promise<T>) =>
        await sql.begin((tx) => work(tx)) as T,
      undone: (tx, work) => (tx as postgresJs.TransactionSql).savepoint(async (inner) => {
        await work(inner)
        throw undo
      }).catch((error: unknown) => { if (error !== undo) throw error }),
      run: async (tx, text) => tx.unsafe(text),
      refused: { 'sql itself': () => sql as unknown as PostgresJsTransaction },
      close: () => sql.end(),
    }
  })
}
