/**
 * Drizzle: the `tx` of `db.transaction(async (tx) => …)`, on PostgreSQL through any of its drivers, and on
 * synchronous SQLite ones.
 */
import { sql, type SQL } from 'drizzle-orm'
import { WaybillError } from '../core/errors.js'
import { splitPlaceholders } from '../sql/placeholders.js'
import type { Driver, SqlRow, SqlStatement, SyncDriver, SyncSqlExecutor } from '../core/sql.js'

export interface DrizzlePostgresTransaction {
  execute(query: SQL): PromiseLike<unknown>
  rollback(): never
}

export interface DrizzleSqliteTransaction {
  all(query: SQL): unknown
  run(query: SQL): unknown
  rollback(): never
}

export function drizzleDriver(): Driver<DrizzlePostgresTransaction> {
  return {
    name: 'drizzle',
    dialects: ['postgres'],
    executor(tx) {
      refuseOutsideTransaction(tx)
      return {
        async execute(statement) {
          const result = await tx.execute(toDrizzle(statement, '$'))
          // node-postgres answers a result with rows, postgres.js the rows themselves.
          return (Array.isArray(result) ? result : (result as { rows: unknown }).rows) as readonly SqlRow[]
        },
      }
    },
  }
}

export function drizzleSqliteDriver(): SyncDriver<DrizzleSqliteTransaction> {
  const sync = (tx: DrizzleSqliteTransaction): SyncSqlExecutor => ({
    executeSync(statement) {
      const query = toDrizzle(statement, '?')
      if (returnsRows(statement.text)) return tx.all(query) as readonly SqlRow[]
      tx.run(query)
      return []
    },
  })
  return {
    name: 'drizzle-sqlite',
    dialects: ['sqlite'],
    executor(tx) {
      refuseOutsideTransaction(tx)
      return { execute: async (statement) => sync(tx).executeSync(statement) }
    },
    executorSync(tx) {
      refuseOutsideTransaction(tx)
      return sync(tx)
    },
  }
}

function refuseOutsideTransaction(tx: { rollback?: unknown }): void {
  if (typeof tx.rollback !== 'function') {
    throw new WaybillError('NOT_IN_TRANSACTION', 'pass the tx of db.transaction(async (tx) => …), not db itself')
  }
}

function returnsRows(text: string): boolean {
  return /^\s*(select|with)\b/i.test(text) || /\breturning\b/i.test(text)
}

/** The text with each placeholder as a parameter; `sql.param` keeps an array from being spread. */
function toDrizzle({ text, params }: SqlStatement, sign: '$' | '?'): SQL {
  const { parts, indexes } = splitPlaceholders(text, sign)
  return sql.join(parts.flatMap((part, n) => {
    const index = indexes[n]
    return index === undefined ? [sql.raw(part)] : [sql.raw(part), sql`${sql.param(params[index])}`]
  }))
}
