/** The calls of a store that are under way, so that what they use is not closed under them. */
import { isWaybillError, WaybillError } from '../../core/errors.js'
import type { SqlDatabase, SqlExecutor, SqlRow, SqlStatement } from '../../core/sql.js'

/** What a statement fails with at a stricter isolation when it meets another's change. */
const SERIALIZATION_FAILURE = '40001'

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
  /** Whether the connections default to another isolation than READ COMMITTED; undefined until one was asked. */
  #isStricter: boolean | undefined

  constructor(database: SqlDatabase) {
    super()
    this.#database = database
  }

  /** One statement, in a transaction of its own. */
  ask(statement: SqlStatement): Promise<readonly SqlRow[]> {
    return this.run(() => this.#database.executor.execute(statement))
  }

  /**
   * The same for one that meets changes of others: where the connections' default isolation refuses that, it has not
   * happened, and is asked again under READ COMMITTED.
   */
  async askFresh(statement: SqlStatement): Promise<readonly SqlRow[]> {
    try {
      return await this.ask(statement)
    } catch (error) {
      if (!isWaybillError(error) || error.details['databaseCode'] !== SERIALIZATION_FAILURE) throw error
      return this.readCommitted((tx) => tx.execute(statement))
    }
  }

  /** Whatever the connections' default is: what waited for a row must see what others have left of it. */
  readCommitted<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
    return this.run(() => this.#database.transaction(async (tx) => {
      await tx.execute(READ_COMMITTED)
      return work(tx)
    }))
  }

  /**
   * The same, at the cost of a round trip only where the default is another one: the first transaction asks for it.
   * Where it changes later, what waited for a row is aborted, as a caller's own transaction would be.
   */
  transaction<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
    return this.run(() => this.#database.transaction(async (tx) => {
      if (this.#isStricter === undefined) {
        const [row] = await tx.execute(ISOLATION)
        this.#isStricter = row?.['transaction_isolation'] !== 'read committed'
      }
      if (this.#isStricter) await tx.execute(READ_COMMITTED)
      return work(tx)
    }))
  }
}

const READ_COMMITTED: SqlStatement = { text: 'set transaction isolation level read committed', params: [] }
/** It takes no snapshot, so the isolation can still be set behind it. */
const ISOLATION: SqlStatement = { text: 'show transaction_isolation', params: [] }
