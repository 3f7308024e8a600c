/**
 * The inbox on PostgreSQL 13 and later.
 *
 * A record is an INSERT … ON CONFLICT DO NOTHING. Where another open transaction has inserted the same key, it waits
 * for that one's end: committed, it inserts nothing; rolled back, it inserts. So one transaction at a time gets past
 * it, and who comes after a commit finds the record by the next statement, which under READ COMMITTED sees what was
 * committed by then. It finds none when a purge or `forget` has just removed it; then the insert is tried again.
 *
 *     a: record m ─── effect ─── commit
 *     b:      record m … waits …… nothing inserted ── find m: done at …
 *
 * At stricter isolations PostgreSQL itself refuses to pass over a row that the transaction may not see: 40001.
 *
 * To skip instead of waiting is `inbox_try`, in schema-inbox.ts.
 */
import { WaybillError } from '../../core/errors.js'
import type { Clock } from '../../core/environment.js'
import type { SqlDatabase, SqlExecutor, SqlRow, SqlStatement } from '../../core/sql.js'
import type {
  InboxAnswer, InboxCapabilities, InboxPlace, InboxPurgeRequest, InboxStore, RecordRequest,
} from '../../inbox/contract.js'
import { arrayLiteral } from './array-literal.js'
import { DatabaseCalls } from './calls.js'
import { translatedDatabase, translatedExecutor } from './database.js'
import { inboxStatements, type InboxStatements } from './inbox-statements.js'

/** Whose record is removed as often as this while it is looked at is being fought over. */
const MAX_ROUNDS = 3

export interface PostgresInboxOptions {
  readonly schema: string
  readonly now?: Clock | undefined
}

export class PostgresInboxStore implements InboxStore<SqlExecutor> {
  readonly capabilities: InboxCapabilities = { shared: true, durable: true, concurrentTransactions: true }
  readonly #database: SqlDatabase
  readonly #calls: DatabaseCalls
  readonly #sql: InboxStatements
  readonly #now: Clock | undefined

  constructor(database: SqlDatabase, { schema, now }: PostgresInboxOptions) {
    this.#database = translatedDatabase(database)
    this.#calls = new DatabaseCalls(this.#database)
    this.#sql = inboxStatements(schema)
    this.#now = now
  }

  async transaction<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
    return this.#calls.run(() => this.#database.transaction(work))
  }

  async record(tx: SqlExecutor, request: RecordRequest): Promise<readonly InboxAnswer[]> {
    const executor = translatedExecutor(tx)
    return this.#calls.run(() => this.#record((statement) => executor.execute(statement), request))
  }

  async takeBack(tx: SqlExecutor, { scope, consumer }: InboxPlace, messageIds: readonly string[]): Promise<void> {
    const statement = this.#sql.takeBack([scope, consumer, arrayLiteral(messageIds)])
    await this.#calls.run(() => translatedExecutor(tx).execute(statement))
  }

  async find({ scope, consumer }: InboxPlace, messageIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return timesOf(await this.#calls.ask(this.#sql.find([scope, consumer, arrayLiteral(messageIds)])))
  }

  async forget({ scope, consumer }: InboxPlace, messageId: string): Promise<boolean> {
    return (await this.#calls.ask(this.#sql.forget([scope, consumer, messageId]))).length > 0
  }

  async purge(request: InboxPurgeRequest): Promise<number> {
    const { olderThanMs, consumer, exceptConsumers, scope = null, limit, dryRun } = request
    const statement = dryRun ? this.#sql.countOld : this.#sql.purge
    const consumers = consumer === undefined ? await this.#consumers(exceptConsumers) : [consumer]
    let count = 0
    for (const name of consumers) {
      if (count >= limit) break
      const [row] = await this.#calls.ask(
        statement([name, olderThanMs, limit - count, scope, this.#now?.() ?? null]))
      count += Number(row?.['n'] ?? 0)
    }
    return count
  }

  /** The connections are closed by the outbox. */
  async close(): Promise<void> {
    await this.#calls.close()
  }

  async #consumers(except: readonly string[]): Promise<readonly string[]> {
    const rows = await this.#calls.ask(this.#sql.consumers([]))
    return rows.map((row) => String(row['consumer'])).filter((name) => !except.includes(name))
  }

  async #record(
    execute: (statement: SqlStatement) => Promise<readonly SqlRow[]>,
    { scope, consumer, messageIds, onConcurrent }: RecordRequest,
  ): Promise<readonly InboxAnswer[]> {
    const statement = onConcurrent === 'skip' ? this.#sql.attempt : this.#sql.record
    const answers = new Map<string, InboxAnswer>()
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const open = messageIds.filter((id) => !answers.has(id))
      if (open.length === 0) break
      const ids = arrayLiteral(open)
      for (const row of await execute(statement([scope, consumer, ids, this.#now?.() ?? null]))) {
        answers.set(String(row['message_id']), { kind: row['is_new'] === false ? 'in_progress' : 'new' })
      }
      if (answers.size === messageIds.length) break
      const before = timesOf(await execute(this.#sql.find([scope, consumer, ids])))
      for (const [id, processedAt] of before) if (!answers.has(id)) answers.set(id, { kind: 'processed', processedAt })
    }
    return messageIds.map((id) => answers.get(id) ?? removedMeanwhile(id))
  }
}

/** @throws TRANSACTION_ABORTED. */
function removedMeanwhile(messageId: string): never {
  throw new WaybillError('TRANSACTION_ABORTED', 'the record was removed while it was looked at', {
    retryable: true, details: { messageId },
  })
}

function timesOf(rows: readonly SqlRow[]): ReadonlyMap<string, number> {
  return new Map(rows.map((row) => [String(row['message_id']), Number(row['processed_at'])]))
}
