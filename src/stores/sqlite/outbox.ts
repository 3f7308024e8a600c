/**
 * The outbox on SQLite. How it stores: schema.ts. How it claims, and why that is right: outbox-claim.ts. How
 * it enqueues in a caller's transaction: enqueue.ts. Which connections it uses and how it waits: database.ts.
 */
import { WaybillError } from '../../core/errors.js'
import type { ScopeId } from '../../core/scope.js'
import {
  runSteps, runStepsSync, type SqlExecutor, type SqlRow, type SqlSteps, type SyncSqlExecutor,
} from '../../core/sql.js'
import type {
  ClaimRequest, DeadAnswer, ExtendRequest, FailedAttempt, LaneOrderings, ListFilter, OutboxCapabilities, OutboxClaim,
  OutboxSettings, OutboxStats, OutboxStore, PauseRequest, PayloadEdit, PurgeRequest, PurgeResult, QuarantineAnswer,
  QuarantineRequest, ResolveDeadRequest, SettleAnswer, SettleRequest, StatsFilter,
} from '../../outbox/contract.js'
import { parseMessageId } from '../../outbox/message-id.js'
import type { EnqueueResult, NewMessage, OutboxMessage } from '../../outbox/message.js'
import { BegunTransactions } from '../../sql/begun.js'
import type { Migration } from '../../sql/migrations.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import type { SqliteDatabase } from './database.js'
import { enqueueStatements, enqueueSteps, type EnqueueStatements } from './enqueue.js'
import { mayBeExhausted, toWaybillError } from './errors.js'
import { laneStatements, readSettings, setPaused, type LaneStatements } from './lanes.js'
import { migrate, stateSql, tagOf } from './migrate.js'
import { claim, claimStatements, isAnythingDue, type ClaimContext, type ClaimStatements } from './outbox-claim.js'
import { deadStatements, edits, failures, resolveDead, type DeadStatements } from './outbox-dead.js'
import type { AssignedNumbers } from './outbox-insert.js'
import { purge, purgeStatements, type PurgeStatements } from './outbox-purge.js'
import { quarantine, quarantineStatements, type QuarantineStatements } from './outbox-quarantine.js'
import { get, list, readStatements, stats, type ReadStatements } from './outbox-read.js'
import { extend, settle, settleStatements, type SettleStatements } from './outbox-settle.js'
import { migrationSql, migrations } from './schema.js'

export interface SqliteOutboxOptions {
  /** How long delivered messages stay listed; 0 deletes them at ack. Default 86,400,000 (a day). */
  readonly retainDeliveredMs?: number | undefined
}

const MAX_SEQUENCE = 2n ** 63n - 1n

export class SqliteOutboxStore implements OutboxStore<SqlExecutor> {
  /** Writers come one after another, whatever opens them. */
  readonly capabilities: OutboxCapabilities = { shared: true, durable: true, concurrentTransactions: false }
  readonly database: SqliteDatabase
  readonly #retainDeliveredMs: number
  readonly #enqueue: EnqueueStatements
  readonly #claim: ClaimStatements
  readonly #settle: SettleStatements
  readonly #read: ReadStatements
  readonly #purge: PurgeStatements
  readonly #dead: DeadStatements
  readonly #quarantine: QuarantineStatements
  readonly #lanes: LaneStatements
  readonly #migrations: readonly Migration[]
  readonly #sequenceName: string
  /** By `runTransaction`. */
  readonly begun = new BegunTransactions()
  readonly #numbers: AssignedNumbers = { highest: 0n }
  #tag: string | undefined

  constructor(database: SqliteDatabase, options: SqliteOutboxOptions = {}) {
    const { tables, prefix } = database
    this.database = database
    this.#retainDeliveredMs = options.retainDeliveredMs ?? 86_400_000
    this.#enqueue = enqueueStatements(tables)
    this.#claim = claimStatements(tables)
    this.#settle = settleStatements(tables)
    this.#read = readStatements(tables)
    this.#purge = purgeStatements(tables)
    this.#dead = deadStatements(tables)
    this.#quarantine = quarantineStatements(tables)
    this.#lanes = laneStatements(tables)
    this.#migrations = migrations(prefix)
    this.#sequenceName = `${prefix}outbox_message`
  }

  async enqueueMany(tx: SqlExecutor, messages: readonly NewMessage[]): Promise<readonly EnqueueResult[]> {
    this.database.assertOpen()
    const run = <T>(steps: SqlSteps<T>): Promise<T> => runSteps(tx, steps)
    try {
      return await run(this.#enqueueSteps(messages, false))
    } catch (error) {
      const translated = toWaybillError(error)
      if (mayBeExhausted(translated)) await run(this.#refuseExhausted())
      throw translated
    }
  }

  /** The same for a driver whose calls return at once. */
  enqueueManySync(tx: SyncSqlExecutor, messages: readonly NewMessage[]): readonly EnqueueResult[] {
    this.database.assertOpen()
    try {
      return runStepsSync(tx, this.#enqueueSteps(messages, true))
    } catch (error) {
      const translated = toWaybillError(error)
      if (mayBeExhausted(translated)) runStepsSync(tx, this.#refuseExhausted())
      throw translated
    }
  }

  async transaction<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
    return this.database.transaction(work)
  }

  /** As `transaction`, for callers of the engine's own database object. */
  async runTransaction<T>(work: (handle: unknown) => Promise<T>): Promise<T> {
    return this.database.transaction((executor, handle) => this.begun.run(executor, handle as object, work))
  }

  async claim(request: ClaimRequest): Promise<OutboxClaim | null> {
    const tag = await this.#readTag()
    if (request.scopes?.length === 0) return null
    const { database } = this
    for (let step = 0; ; step += 1) {
      if (!await database.read((query) => isAnythingDue(query, this.#claim, request, database.now()))) return null
      const context = (): ClaimContext => ({ sql: this.#claim, tag, now: database.now(), step })
      const claimed = await database.write((query) => claim(query, context(), request))
      if (claimed !== 'more') return claimed
    }
  }

  async settle(request: SettleRequest): Promise<readonly SettleAnswer[]> {
    const tag = await this.#readTag()
    const retainDelivered = this.#retainDeliveredMs > 0
    return this.database.write((query) => {
      const now = this.database.now()
      const answers = settle(query, { sql: this.#settle, tag, now, retainDelivered }, request)
      // History stays in bounds without anybody calling purge: a few per settle, more than it adds.
      if (retainDelivered) {
        purge(query, this.#purge, {
          deliveredOlderThanMs: this.#retainDeliveredMs, deadOlderThanMs: undefined, dedupeOlderThanMs: undefined,
          limit: 2 * answers.length, scope: undefined, dryRun: false,
        }, now)
      }
      return answers
    })
  }

  async extend(request: ExtendRequest): Promise<number | null> {
    await this.#readTag()
    return this.database.write((query) => extend(query, this.#settle, request, this.database.now()))
  }

  async get(ids: readonly string[], scope: ScopeId | undefined): Promise<readonly OutboxMessage[]> {
    const tag = await this.#readTag()
    const sequences = ids.map((id) => parseMessageId(tag, id)).filter((sequence) => sequence !== undefined)
    return this.database.read((query) => get(query, this.#context(tag), sequences, scope))
  }

  async list(filter: ListFilter): Promise<readonly OutboxMessage[]> {
    const tag = await this.#readTag()
    const after = sequenceAfter(tag, filter.after)
    return this.database.read((query) => list(query, this.#context(tag), filter, after))
  }

  async stats(filter: StatsFilter): Promise<readonly OutboxStats[]> {
    const tag = await this.#readTag()
    return this.database.read((query) => stats(query, this.#context(tag), filter))
  }

  async purge(request: PurgeRequest): Promise<PurgeResult> {
    await this.#readTag()
    const work = (query: SqliteQuery): PurgeResult => purge(query, this.#purge, request, this.database.now())
    return request.dryRun ? this.database.read(work) : this.database.write(work)
  }

  async failures(id: string, scope: ScopeId | undefined): Promise<readonly FailedAttempt[]> {
    const seq = parseMessageId(await this.#readTag(), id)
    if (seq === undefined) return []
    return this.database.read((query) => failures(query, this.#dead, seq, scope))
  }

  async resolveDead(request: ResolveDeadRequest): Promise<readonly DeadAnswer[]> {
    const tag = await this.#readTag()
    return this.database.write((query) => resolveDead(query, this.#dead, tag, request, this.database.now()))
  }

  async edits(id: string, scope: ScopeId | undefined): Promise<readonly PayloadEdit[]> {
    const seq = parseMessageId(await this.#readTag(), id)
    return seq === undefined ? [] : this.database.read((query) => edits(query, this.#dead, seq, scope))
  }

  async quarantine(request: QuarantineRequest): Promise<readonly QuarantineAnswer[]> {
    const tag = await this.#readTag()
    return this.database.write((query) => quarantine(query, this.#quarantine, tag, request, this.database.now()))
  }

  async setPaused(request: PauseRequest): Promise<void> {
    await this.#readTag()
    await this.database.write((query) => setPaused(query, this.#lanes, request))
  }

  async settings(): Promise<OutboxSettings> {
    await this.#readTag()
    return this.database.read((query) => readSettings(query, this.#lanes))
  }

  async migrate(lanes: LaneOrderings = {}): Promise<void> {
    await migrate(this.database, lanes)
  }

  /** What `migrate` would run on a fresh file. */
  migratePrint(): string {
    return migrationSql(this.database.prefix)
  }

  /** Closes the database object with it; stores that share one are closed together. */
  async close(): Promise<void> {
    await this.database.close()
  }

  #context(tag: string): { sql: ReadStatements; tag: string; now: number } {
    return { sql: this.#read, tag, now: this.database.now() }
  }

  * #enqueueSteps(messages: readonly NewMessage[], isSync: boolean): SqlSteps<readonly EnqueueResult[]> {
    if (messages.length === 0) return []
    // Read in the caller's transaction the first time, so that enqueuing alone opens no connection.
    const tag = this.#tag ?? this.#checked(yield { text: stateSql(this.database), params: [] })
    return yield* enqueueSteps({
      sql: this.#enqueue, tag, now: this.database.now(), sequenceName: this.#sequenceName, numbers: this.#numbers,
      isSync,
    }, messages)
  }

  /** SQLite has no error of its own for a table that has used its last number. */
  * #refuseExhausted(): SqlSteps<void> {
    const [row] = yield {
      text: 'select seq as last from sqlite_sequence where name = ?1', params: [this.#sequenceName],
    }
    if (row?.['last'] != null && BigInt(row['last'] as bigint) >= MAX_SEQUENCE) {
      throw new WaybillError('RANGE_EXHAUSTED', 'the store has assigned its last sequence number')
    }
  }

  async #readTag(): Promise<string> {
    this.database.assertOpen()
    return this.#tag ??= await this.database.read((query) => this.#checked(query(stateSql(this.database))))
  }

  #checked(rows: readonly SqlRow[]): string {
    return this.#tag = tagOf(this.#migrations, rows)
  }
}

/** An id of another store sorts by its tag, before or behind all of this one. */
function sequenceAfter(tag: string, id: string | undefined): bigint {
  if (id === undefined) return 0n
  return parseMessageId(tag, id) ?? (id < tag ? 0n : MAX_SEQUENCE)
}
