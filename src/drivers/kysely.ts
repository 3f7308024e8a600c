/** Kysely: the `trx` of `db.transaction().execute(async (trx) => …)`, on PostgreSQL and on SQLite. */
import { CompiledQuery } from 'kysely'
import { WaybillError } from '../core/errors.js'
import type { Driver, SqlRow } from '../core/sql.js'

export interface KyselyTransaction {
  readonly isTransaction: boolean
  executeQuery(query: CompiledQuery): Promise<{ rows: unknown[] }>
}

export function kyselyDriver(): Driver<KyselyTransaction> {
  return {
    name: 'kysely',
    dialects: ['postgres', 'sqlite'],
    executor(trx) {
      if (!trx.isTransaction) {
        throw new WaybillError('NOT_IN_TRANSACTION',
          'pass the trx of db.transaction().execute(async (trx) => …), not db itself')
      }
      return {
        async execute({ text, params }) {
          try {
            const { rows } = await trx.executeQuery(CompiledQuery.raw(text, [...params]))
            return rows as readonly SqlRow[]
          } catch (error) {
            if (isEnded(error)) throw new WaybillError('NOT_IN_TRANSACTION', 'this transaction has ended')
            throw error
          }
        },
      }
    },
  }
}

/** Kysely knows by itself when its transaction has ended, and says so in words alone. */
function isEnded(error: unknown): boolean {
  return error instanceof Error && /^Transaction is already (committed|rolled back)$/.test(error.message)
}
