/**
 * `pg` (node-postgres): a client inside a transaction, and a pool as the store's own database. Typed by
 * shape, so that the library needs no driver to be installed.
 */
import { pause } from '../core/environment.js'
import { WaybillError } from '../core/errors.js'
import type { Driver, SqlDatabase, SqlExecutor, SqlRow, SqlStatement } from '../core/sql.js'

/** A `Client` or `PoolClient`. */
export interface PgClient {
  query(config: { text: string; values?: unknown[]; name?: string }): Promise<{ rows: unknown[] }>
}

interface PgStatus {
  /** Since pg 8.17: `I` idle, `T` in a transaction, `E` in a failed one. */
  getTransactionStatus?(): string | null
}

export interface PgPoolClient extends PgClient {
  release(destroy?: Error | boolean): void
  on?(event: 'error', listener: (error: Error) => void): unknown
  removeListener?(event: 'error', listener: (error: Error) => void): unknown
}

export interface PgPool {
  query: PgClient['query']
  connect(): Promise<PgPoolClient>
  connect(callback: (error: Error | undefined, client: PgPoolClient | undefined) => void): void
  readonly totalCount: number
}

/** For `enqueue(client, …)`: the client must have run BEGIN. `prepare: false` behind some poolers. */
export function pgDriver({ prepare = true }: { readonly prepare?: boolean } = {}): Driver<PgClient> {
  return {
    name: 'pg',
    dialects: ['postgres'],
    executor(client) {
      if ('totalCount' in client || (client as PgStatus).getTransactionStatus?.() === 'I') {
        throw new WaybillError('NOT_IN_TRANSACTION', 'totalCount' in client
          ? 'this is a pool: take a client with pool.connect(), BEGIN, and pass that client'
          : 'this client has no open transaction: run BEGIN first')
      }
      return pgExecutor(client, prepare)
    },
  }
}

function pgExecutor(client: Pick<PgClient, 'query'>, prepare: boolean): SqlExecutor {
  return {
    async execute(statement: SqlStatement) {
      const config = { text: statement.text, values: [...statement.params] }
      const named = prepare && statement.name !== undefined
      const result = await client.query(named ? { ...config, name: statement.name } : config)
      return result.rows as SqlRow[]
    },
  }
}

export interface PgDatabaseOptions {
  /** False behind a transaction-mode pooler that loses prepared statements (pgbouncer before 1.21). */
  readonly prepare: boolean
  /** End the pool with the store: true when Waybill opened it. */
  readonly owned: boolean
}

export function pgDatabase(pool: PgPool, options: PgDatabaseOptions): SqlDatabase {
  return {
    executor: pgExecutor(pool, options.prepare),
    transaction: (work) => inTransaction(pool, options.prepare, work),
    session: (work) => inSession(pool, options.prepare, work),
    listen: (channel, onNotify, signal) => void listen(pool, channel, onNotify, signal),
    close: async () => {
      if (options.owned) await (pool as unknown as { end(): Promise<void> }).end()
    },
  }
}

async function inTransaction<T>(
  pool: PgPool, prepare: boolean, work: (executor: SqlExecutor, handle: unknown) => Promise<T>,
): Promise<T> {
  return withClient(pool, async (client, spoil) => {
    await client.query({ text: 'begin' })
    try {
      const result = await work(pgExecutor(client, prepare), client)
      const { command } = await client.query({ text: 'commit' }) as { readonly command?: string }
      // COMMIT of a transaction in which a statement failed succeeds, and rolls back.
      if (command === 'ROLLBACK') {
        throw new WaybillError(
          'TRANSACTION_ABORTED', 'a statement had failed, so nothing was written', { retryable: true })
      }
      return result
    } catch (error) {
      // A client that cannot roll back must not go back to the pool.
      await client.query({ text: 'rollback' }).catch((failure: unknown) => spoil(asError(failure)))
      throw error
    }
  })
}

async function inSession<T>(
  pool: PgPool, prepare: boolean, work: (executor: SqlExecutor) => Promise<T>,
): Promise<T> {
  return withClient(pool, (client) => work(pgExecutor(client, prepare)))
}

/** A client that was lost, or that `work` spoils, is closed instead of going back to the pool. */
async function withClient<T>(
  pool: PgPool, work: (client: PgPoolClient, spoil: (error: Error) => void) => Promise<T>,
): Promise<T> {
  let broken: Error | undefined
  // A pool hears its idle clients only: a lost connection, unheard, would end the process.
  const onError = (error: Error): void => { broken = error }
  const client = await checkOut(pool, onError)
  try {
    return await work(client, onError)
  } finally {
    client.removeListener?.('error', onError)
    client.release(broken)
  }
}

/**
 * Heard from the moment the pool hands it over. A promise resolves too late for that: a server that shuts down may say
 * so in the packet in which it says that the connection is ready.
 */
function checkOut(pool: PgPool, onError: (error: Error) => void): Promise<PgPoolClient> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client) => {
      if (client === undefined) return reject(error ?? new Error('the pool gave no client'))
      client.on?.('error', onError)
      resolve(client)
    })
  })
}

interface Listener extends PgClient {
  connect(): Promise<unknown>
  end(): Promise<void>
  on(event: 'notification', listener: (message: { payload?: string | undefined }) => void): unknown
  on(event: 'error' | 'end', listener: (error?: unknown) => void): unknown
}

/** One connection of its own, made from the pool's options; it reconnects until the signal aborts. */
async function listen(
  pool: PgPool, channel: string, onNotify: (payload: string) => void, signal: AbortSignal,
): Promise<void> {
  const { Client, options } = pool as unknown as { Client: new (options: unknown) => Listener; options: unknown }
  for (let failures = 0; !signal.aborted; failures += 1) {
    const client = new Client(options)
    let onEnd = (): void => undefined
    const ended = new Promise<void>((resolve) => {
      onEnd = () => resolve()
    })
    client.on('error', onEnd)
    client.on('end', onEnd)
    signal.addEventListener('abort', onEnd, { once: true })
    client.on('notification', (message) => onNotify(message.payload ?? ''))
    try {
      await client.connect()
      await client.query({ text: `listen "${channel}"` })
      failures = 0
      // Whatever was committed while nobody listened.
      onNotify('')
      await ended
    } catch {
      // The poll carries on meanwhile; a listener is only a faster hint.
    }
    signal.removeEventListener('abort', onEnd)
    await client.end().catch(() => undefined)
    await pause(Math.min(100 * 2 ** failures, 5_000), signal)
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
