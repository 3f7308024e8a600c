/** Kysely: the `trx` of `db.transaction().execute(async (trx) => …)`, on PostgreSQL and on SQLite. */
import { CompiledQuery } from 'kysely'
import { WaybillError } from '../core/errors.js'
import type { Driver, SqlRow, SqlStatement } from '../core/sql.js'
import { splitPlaceholders } from '../sql/placeholders.js'

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
            const { rows } = await trx.executeQuery(compile(text, params))
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

/** SQLite's clients take `?1` for a name; PostgreSQL's `$1` is understood by all of its own. */
function compile(text: string, params: SqlStatement['params']): CompiledQuery {
  const { parts, indexes } = splitPlaceholders(text, '?')
  if (indexes.length === 0) return CompiledQuery.raw(text, [...params])
  return CompiledQuery.raw(parts.join('?'), indexes.map((index) => params[index]))
}

/** Kysely knows by itself when its transaction has ended, and says so in words alone. */
function isEnded(error: unknown): boolean {
  return error instanceof Error && /^Transaction is already (committed|rolled back)$/.test(error.message)
}
