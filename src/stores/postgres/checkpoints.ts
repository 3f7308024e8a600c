/**
 * The checkpoints of subscribers on PostgreSQL 13 and later. How they are stored: schema-feeds.ts.
 *
 * Every call that writes holds the subscriber's row first, so those of one subscriber come one after another, and
 * cannot wait for each other. A save names the term: it comes before whoever takes over has read, or finds another
 * term. Who takes over reads the checkpoints by a second statement, under READ COMMITTED whatever the connection's
 * default, so that it sees the save that it waited for; who forgets deletes so, too. A save only puts, which needs to
 * see nothing, so it is one statement.
 */
import type { Clock } from '../../core/environment.js'
import { isWaybillError } from '../../core/errors.js'
import type { SqlDatabase, SqlRow, SqlValue } from '../../core/sql.js'
import { fromOrderedI64, MAX_ASSIGNED, orderedI64 } from '../../core/u64.js'
import type {
  Checkpoint, CheckpointStore, DeadResult, DeadResultsRequest, SaveCheckpoints, SubscribersRequest, SubscriberState,
  TakeSubscriber,
} from '../../feeds/checkpoints.js'
import { arrayLiteral, byteaArrayLiteral } from './array-literal.js'
import { DatabaseCalls } from './calls.js'
import { checkpointStatements, type CheckpointStatements } from './checkpoint-statements.js'
import { translatedDatabase } from './database.js'
import { toBigInt, toBytes } from './row-values.js'

/** What a statement fails with at a stricter isolation when it meets another's change. */
const SERIALIZATION_FAILURE = '40001'

export interface PostgresCheckpointOptions {
  readonly schema: string
  /** Replaces the database's clock, for tests. */
  readonly now: Clock | undefined
}

export class PostgresCheckpointStore implements CheckpointStore {
  readonly capabilities = { durable: true, shared: true }
  readonly #sql: CheckpointStatements
  readonly #clock: Clock | undefined
  readonly #calls: DatabaseCalls

  constructor(database: SqlDatabase, { schema, now }: PostgresCheckpointOptions) {
    this.#calls = new DatabaseCalls(translatedDatabase(database))
    this.#sql = checkpointStatements(schema)
    this.#clock = now
  }

  async take({ subscriber, owner, leaseMs }: TakeSubscriber): Promise<SubscriberState | undefined> {
    return this.#calls.readCommitted(async (tx) => {
      const [row] = await tx.execute(this.#sql.take([subscriber, owner, leaseMs, this.#now()]))
      return row && toState(row, await tx.execute(this.#sql.checkpoints([subscriber])))
    })
  }

  async save(request: SaveCheckpoints): Promise<boolean> {
    const statement = this.#sql.save(saveParams(request, this.#now()))
    try {
      return (await this.#calls.ask(statement)).length > 0
    } catch (error) {
      if (!isWaybillError(error) || error.details['databaseCode'] !== SERIALIZATION_FAILURE) throw error
      return (await this.#calls.readCommitted((tx) => tx.execute(statement))).length > 0
    }
  }

  async release({ subscriber, term }: { readonly subscriber: string; readonly term: bigint }): Promise<void> {
    await this.#calls.readCommitted((tx) => tx.execute(this.#sql.release([subscriber, term])))
  }

  async list({ after, limit }: SubscribersRequest): Promise<readonly SubscriberState[]> {
    const rows = await this.#calls.ask(this.#sql.list([after, limit, this.#now()]))
    const bySubscriber = new Map(rows.map((row) => [row['subscriber'], row]))
    return [...bySubscriber].map(([name, state]) => (
      toState(state, rows.filter(({ subscriber, feed }) => subscriber === name && feed !== null))))
  }

  async deadLetters({ subscriber, after, limit }: DeadResultsRequest): Promise<readonly DeadResult[]> {
    if (after > MAX_ASSIGNED) return []
    return (await this.#calls.ask(this.#sql.deadLetters([subscriber, after, limit]))).map(toDead)
  }

  async forget(subscriber: string): Promise<boolean> {
    return this.#calls.readCommitted(async (tx) => {
      const [row] = await tx.execute(this.#sql.forget([subscriber]))
      if (row !== undefined) await tx.execute(this.#sql.forgetAll([subscriber]))
      return row !== undefined
    })
  }

  /** The connections are closed by the outbox. */
  async close(): Promise<void> {
    await this.#calls.close()
  }

  #now(): number | null {
    return this.#clock?.() ?? null
  }
}

/** One of each feed and of each result, the last that is given: a statement cannot put the same row twice. */
function saveParams({ subscriber, term, checkpoints, dead }: SaveCheckpoints, now: number | null): readonly SqlValue[] {
  const moved = [...new Map(checkpoints.map((each) => [each.feed, each])).values()]
  const buried = [...new Map(dead.map((each) => [
    JSON.stringify([each.feed, each.incarnation, `${each.sequence}`]), each,
  ])).values()]
  return [
    subscriber, term,
    arrayLiteral(moved.map(({ feed }) => feed)),
    arrayLiteral(moved.map(({ sequence }) => `${orderedI64(sequence)}`)),
    arrayLiteral(moved.map(({ incarnation }) => incarnation)),
    arrayLiteral(moved.map(({ configHash }) => configHash)),
    arrayLiteral(buried.map(({ feed }) => feed)),
    arrayLiteral(buried.map(({ incarnation }) => incarnation)),
    arrayLiteral(buried.map(({ sequence }) => `${orderedI64(sequence)}`)),
    byteaArrayLiteral(buried.map(({ data }) => data)),
    arrayLiteral(buried.map(({ attempts }) => `${attempts}`)),
    arrayLiteral(buried.map(({ error }) => error)),
    now,
  ]
}

function toState(row: SqlRow, checkpoints: readonly SqlRow[]): SubscriberState {
  const { owner } = row
  return {
    subscriber: String(row['subscriber']), owner: typeof owner === 'string' ? owner : undefined,
    term: toBigInt(row['term']), leaseMs: Math.max(0, Number(row['lease_until']) - Number(row['now'])),
    checkpoints: checkpoints.map(toCheckpoint),
  }
}

function toCheckpoint(row: SqlRow): Checkpoint {
  return {
    feed: String(row['feed']), sequence: fromOrderedI64(toBigInt(row['sequence'])),
    incarnation: String(row['incarnation']), configHash: String(row['config_hash']),
  }
}

function toDead(row: SqlRow): DeadResult {
  return {
    number: toBigInt(row['number']), subscriber: String(row['subscriber']), feed: String(row['feed']),
    incarnation: String(row['incarnation']), sequence: fromOrderedI64(toBigInt(row['sequence'])),
    data: toBytes(row['content']), attempts: Number(row['attempts']), error: String(row['error']),
    diedAt: Number(row['died_at']),
  }
}
