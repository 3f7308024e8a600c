/**
 * The checkpoints of subscribers on PostgreSQL 13 and later. How they are stored: schema-feeds.ts.
 *
 * Every call that writes holds the subscriber's row first, so those of one subscriber come one after another, and
 * cannot wait for each other. A save names the term: it comes before whoever takes over has read, or finds another
 * term. Who takes over reads the checkpoints by a second statement, under READ COMMITTED whatever the connection's
 * default, so that it sees the save that it waited for; who forgets or discards deletes so, too. A save only puts,
 * which needs to see nothing, so it is one statement.
 */
import type { Clock } from '../../core/environment.js'
import type { SqlDatabase, SqlRow, SqlStatement, SqlValue } from '../../core/sql.js'
import { fromOrderedI64, MAX_ASSIGNED, orderedI64 } from '../../core/u64.js'
import type {
  CheckpointStore, DeadResult, DeadResultsRequest, DiscardResults, PurgeDeadResults, SaveCheckpoints,
  StoredCheckpoint, SubscribersRequest, SubscriberState, TakeSubscriber,
} from '../../feeds/checkpoints.js'
import { arrayLiteral, byteaArrayLiteral } from './array-literal.js'
import { DatabaseCalls } from './calls.js'
import { checkpointStatements, type CheckpointStatements } from './checkpoint-statements.js'
import { translatedDatabase } from './database.js'
import { toBigInt, toBytes } from './row-values.js'

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
    return (await this.#calls.askFresh(this.#sql.save(saveParams(request, this.#now())))).length > 0
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

  async discard({ subscriber, numbers }: DiscardResults): Promise<number> {
    const stored = numbers.filter((number) => number <= MAX_ASSIGNED).map(String)
    return (await this.#holding(subscriber, this.#sql.discard([subscriber, arrayLiteral(stored)]))).length
  }

  async purgeDead({ subscriber, olderThanMs, limit, dryRun }: PurgeDeadResults): Promise<number> {
    const statement = dryRun ? this.#sql.countOldDead : this.#sql.purgeDead
    const [row] = await this.#calls.askFresh(statement([subscriber ?? null, olderThanMs, limit, this.#now()]))
    return Number(row?.['count'])
  }

  async forget(subscriber: string, feed?: string): Promise<boolean> {
    if (feed !== undefined) {
      return (await this.#holding(subscriber, this.#sql.forgetFeed([subscriber, feed]))).length > 0
    }
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

  /** The row is held by a statement of its own, so that the one behind it sees the save that was waited for. */
  #holding(subscriber: string, statement: SqlStatement): Promise<readonly SqlRow[]> {
    return this.#calls.readCommitted(async (tx) => {
      await tx.execute(this.#sql.hold([subscriber]))
      return tx.execute(statement)
    })
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

function toCheckpoint(row: SqlRow): StoredCheckpoint {
  return {
    feed: String(row['feed']), sequence: fromOrderedI64(toBigInt(row['sequence'])),
    incarnation: String(row['incarnation']), configHash: String(row['config_hash']),
    savedAt: Number(row['saved_at']),
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
