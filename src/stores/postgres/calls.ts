/** The calls of a store that are under way, so that what they use is not closed under them. */
import { WaybillError } from '../../core/errors.js'
import type { SqlDatabase, SqlExecutor, SqlRow, SqlStatement } from '../../core/sql.js'

export class Calls {
  readonly #open = new Set<Promise<unknown>>()
  #closed = false

  get isClosed(): boolean {
    return this.#closed
  }

  /** @throws CLOSED. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new WaybillError('CLOSED', 'this store is closed')
    const call = work()
    this.#open.add(call)
    try {
      return await call
    } finally {
      this.#open.delete(call)
    }
  }

  /** Refuses later calls, and waits for those under way. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#open)
  }
}

/** Those of a store on its own connections. */
export class DatabaseCalls extends Calls {
  readonly #database: SqlDatabase

  constructor(database: SqlDatabase) {
    super()
    this.#database = database
  }

  /** One statement, in a transaction of its own. */
  ask(statement: SqlStatement): Promise<readonly SqlRow[]> {
    return this.run(() => this.#database.executor.execute(statement))
  }

  /** Whatever the connections' default is: what waited for a row must see what others have left of it. */
  readCommitted<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
    return this.run(() => this.#database.transaction(async (tx) => {
      await tx.execute({ text: 'set transaction isolation level read committed', params: [] })
      return work(tx)
    }))
  }
}
