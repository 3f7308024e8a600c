/** A database whose failures are Waybill's: what the client throws is translated once, here. */
import { WaybillError } from '../../core/errors.js'
import type { SqlDatabase, SqlExecutor } from '../../core/sql.js'
import { toWaybillError } from './errors.js'

export function translatedExecutor(executor: SqlExecutor): SqlExecutor {
  return {
    async execute(statement) {
      try {
        return await executor.execute(statement)
      } catch (error) {
        throw toWaybillError(error)
      }
    },
  }
}

export function translatedDatabase(database: SqlDatabase): SqlDatabase {
  return {
    ...database,
    executor: translatedExecutor(database.executor),
    async transaction<T>(work: (executor: SqlExecutor, handle: unknown) => Promise<T>): Promise<T> {
      // What `work` throws is the caller's own and passes untouched.
      let thrown: { readonly error: unknown } | undefined
      try {
        return await database.transaction(async (executor, handle) => {
          let ended = false
          const guarded = translatedExecutor({
            async execute(statement) {
              // Its connection may be back in the pool: a statement now would run in nobody's transaction.
              if (ended) throw new WaybillError('NOT_IN_TRANSACTION', 'this transaction has ended')
              return executor.execute(statement)
            },
          })
          try {
            return await work(guarded, handle)
          } catch (error) {
            thrown = { error }
            throw error
          } finally {
            ended = true
          }
        })
      } catch (error) {
        throw thrown === undefined ? toWaybillError(error) : thrown.error
      }
    },
  }
}
