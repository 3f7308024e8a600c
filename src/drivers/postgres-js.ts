/** `postgres` (postgres.js): the `tx` of `sql.begin`, and a `sql` instance as the store's own database. */
import { WaybillError } from '../core/errors.js'
import type { Driver, SqlDatabase, SqlExecutor, SqlRow, SqlStatement } from '../core/sql.js'

/** The handle that `sql.begin(async (tx) => …)` passes. */
export interface PostgresJsTransaction {
  unsafe(text: string, params?: never[], options?: { prepare?: boolean }): PromiseLike<readonly unknown[]>
  savepoint(...args: never[]): unknown
}

export interface PostgresJsSql {
  unsafe: PostgresJsTransaction['unsafe']
  begin(work: (tx: PostgresJsTransaction) => Promise<unknown>): Promise<unknown>
  /** Since 3.4. */
  reserve?(): PromiseLike<Pick<PostgresJsTransaction, 'unsafe'> & { release(): void }>
  listen(
    channel: string, onNotify: (payload: string) => void, onListen?: () => void,
  ): PromiseLike<{ unlisten(): Promise<void> }>
  end(options?: { timeout?: number }): Promise<void>
}

/** For `sql.begin(async (tx) => enqueue(tx, …))`. `prepare: false` behind some poolers. */
export function postgresJsDriver({ prepare = true }: { readonly prepare?: boolean } = {}):
Driver<PostgresJsTransaction> {
  return {
    name: 'postgres',
    dialects: ['postgres'],
    executor(tx) {
      // Only the handle of a transaction has savepoints; `sql` itself would run outside of any.
      if (typeof tx.savepoint !== 'function') {
        throw new WaybillError('NOT_IN_TRANSACTION', 'pass the tx of sql.begin(async (tx) => …), not sql itself')
      }
      return postgresJsExecutor(tx, prepare)
    },
  }
}

function postgresJsExecutor(sql: Pick<PostgresJsTransaction, 'unsafe'>, prepare: boolean): SqlExecutor {
  return {
    async execute({ text, params, name }: SqlStatement) {
      const options = { prepare: prepare && name !== undefined }
      const rows = await sql.unsafe(text, params.map(toParameter) as never[], options)
      return rows as readonly SqlRow[]
    },
  }
}

/** The client infers a type from each value and would send a number as a float; text fits every type. */
function toParameter(value: SqlStatement['params'][number]): unknown {
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : value
}

export function postgresJsDatabase(sql: PostgresJsSql, options: { prepare: boolean; owned: boolean }): SqlDatabase {
  return {
    executor: postgresJsExecutor(sql, options.prepare),
    async transaction<T>(work: (executor: SqlExecutor, handle: unknown) => Promise<T>): Promise<T> {
      return await sql.begin((tx) => work(postgresJsExecutor(tx, options.prepare), tx)) as T
    },
    ...(sql.reserve === undefined ? {} : {
      async session<T>(work: (executor: SqlExecutor) => Promise<T>): Promise<T> {
        const reserved = await sql.reserve!()
        try {
          return await work(postgresJsExecutor(reserved, options.prepare))
        } finally {
          reserved.release()
        }
      },
    }),
    listen(channel, onNotify, signal) {
      // The client keeps this subscription through reconnects by itself, and calls back after each.
      Promise.resolve(sql.listen(channel, onNotify, () => onNotify(''))).then((subscription) => {
        const stop = (): void => void subscription.unlisten().catch(() => undefined)
        if (signal.aborted) stop()
        else signal.addEventListener('abort', stop, { once: true })
      }, () => undefined)
    },
    close: async () => {
      if (options.owned) await sql.end({ timeout: 5 })
    },
  }
}
