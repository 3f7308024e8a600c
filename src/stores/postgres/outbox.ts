/**
 * The outbox on PostgreSQL 13 and later. How it stores: schema-outbox.ts. How it claims, and why that is right:
 * schema-outbox-claim.ts. How it enqueues in a caller's transaction: enqueue.ts.
 */
import { createHash } from 'node:crypto'
import { monotonicMs, newToken, type Clock } from '../../core/environment.js'
import { isWaybillError, WaybillError } from '../../core/errors.js'
import type { ScopeId } from '../../core/scope.js'
import { runSteps, type SqlDatabase, type SqlExecutor, type SqlRow, type SqlStatement } from '../../core/sql.js'
import {
  QUARANTINE_CONSUMER, quarantineNote, type ClaimRequest, type DeadAnswer, type ExtendRequest, type FailedAttempt,
  type LaneOrdering, type LaneOrderings, type ListFilter, type OutboxCapabilities, type OutboxClaim,
  type OutboxSettings, type OutboxStats, type OutboxStore, type PauseRequest, type PayloadEdit, type PurgeRequest,
  type PurgeResult, type QuarantineAnswer, type QuarantineRequest, type ResolveDeadRequest, type SettleAnswer,
  type SettleOutcome, type SettleRequest, type StatsFilter,
} from '../../outbox/contract.js'
import { parseMessageId } from '../../outbox/message-id.js'
import type { EnqueueResult, NewMessage, OutboxMessage } from '../../outbox/message.js'
import { BegunTransactions } from '../../sql/begun.js'
import { arrayLiteral } from './array-literal.js'
import { Calls } from './calls.js'
import { translatedDatabase, translatedExecutor } from './database.js'
import { enqueueSteps } from './enqueue.js'
import { claimState, messageOf, toMessage } from './outbox-rows.js'
import { outboxStatements, type OutboxStatementName, type OutboxStatements } from './outbox-statements.js'
import { toBytes } from './row-values.js'
import { migrate } from './schema.js'

export interface PostgresOutboxOptions {
  readonly schema: string
  readonly retainDeliveredMs: number
  /** Replaces the database's clock, for tests. */
  readonly now: Clock | undefined
}

/** Expired history goes at most this often, in at most so many rounds of so many rows. */
const REMOVE_EVERY_MS = 10_000
const REMOVE_ROUNDS = 20
const REMOVE_LIMIT = 5_000

/** What outbox_lock_queue raises at a stricter isolation. */
const NEEDS_READ_COMMITTED = 'WB001'
/** A claim that only set messages aside is repeated at most this often in one call. */
const MAX_CLAIM_PAGES = 200

const LIST_BY_STATUS = {
  pending: 'listPending', claimed: 'listClaimed', delivered: 'listDelivered', dead_letter: 'listDead',
} as const

export class PostgresOutboxStore implements OutboxStore<SqlExecutor> {
  readonly capabilities: OutboxCapabilities = { shared: true, durable: true, concurrentTransactions: true }
  /** By `runTransaction`. */
  readonly begun = new BegunTransactions()
  readonly #database: SqlDatabase
  readonly #options: PostgresOutboxOptions
  readonly #sql: OutboxStatements
  /** Channels are one name space for the whole database. */
  readonly #channel: string
  #tag: string | undefined
  #stricterByDefault = false
  #removeAt = monotonicMs() + REMOVE_EVERY_MS
  readonly #calls = new Calls()
  readonly #closing = new AbortController()

  constructor(database: SqlDatabase, options: PostgresOutboxOptions) {
    this.#database = translatedDatabase(database)
    this.#options = options
    this.#sql = outboxStatements(options.schema)
    this.#channel = `waybill_${createHash('sha256').update(options.schema).digest('hex').slice(0, 16)}`
  }

  async enqueueMany(tx: SqlExecutor, messages: readonly NewMessage[]): Promise<readonly EnqueueResult[]> {
    if (messages.length === 0) return []
    return this.#calls.run(async () => {
      // Read inside the caller's transaction: a pool of one connection must not wait for itself.
      const executor = translatedExecutor(tx)
      const tag = await this.#readTag(executor)
      return runSteps(executor, enqueueSteps({ sql: this.#sql, tag, now: this.#now() }, messages))
    })
  }

  async transaction<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
    return this.#calls.run(() => this.#database.transaction(work))
  }

  /** As `transaction`, for callers of the client itself. */
  async runTransaction<T>(work: (handle: unknown) => Promise<T>): Promise<T> {
    return this.#calls.run(() => this.#database.transaction((executor, handle) => (
      this.begun.run(executor, handle as object, work))))
  }

  /** Tells every process that listens. Best effort: a poll finds what a lost notification told. */
  async notify(topic: string): Promise<void> {
    await this.#run({ text: 'select pg_notify($1, $2)', params: [this.#channel, topic.slice(0, 2_000)] })
  }

  listen(onTopic: (topic: string) => void, signal: AbortSignal): void {
    this.#database.listen?.(this.#channel, onTopic, AbortSignal.any([signal, this.#closing.signal]))
  }

  async claim(request: ClaimRequest): Promise<OutboxClaim | null> {
    for (let page = 0; page < MAX_CLAIM_PAGES; page += 1) {
      const token = newToken()
      const rows = await this.#runReadCommitted(this.#sql.claim([
        request.lane, request.target, request.scopes === undefined ? null : arrayLiteral(request.scopes),
        request.limit, request.leaseMs, request.consumer, token, this.#now(),
      ]))
      const [first] = rows
      if (first === undefined) return null
      if (first['seq'] === null) continue
      const tag = await this.#readTag(this.#database.executor)
      const state = claimState(request, token, first)
      return {
        token,
        leaseExpiresAt: Number(first['lease_until']),
        suspect: first['suspect'] === true,
        ordering: first['ordering'] as LaneOrdering,
        messages: rows.map((row) => messageOf(tag, row, state)),
      }
    }
    return null
  }

  async settle(request: SettleRequest): Promise<readonly SettleAnswer[]> {
    const tag = await this.#calls.run(() => this.#readTag(this.#database.executor))
    const { outcomes } = request
    const rows = await this.#runReadCommitted(this.#sql.settle([
      request.token,
      arrayLiteral(outcomes.map(({ id }) => String(parseMessageId(tag, id) ?? -1n))),
      ...outcomeArrays(outcomes),
      request.scope ?? null, this.#options.retainDeliveredMs > 0, this.#now(),
    ]))
    this.#removeExpired()
    // One row without a place answers them all.
    if (rows[0]?.['place'] === null) return outcomes.map(() => 'delivered')
    const answers = new Array<SettleAnswer>(outcomes.length).fill('lost_claim')
    for (const row of rows) answers[Number(row['place']) - 1] = row['answer'] as SettleAnswer
    return answers
  }

  async extend(request: ExtendRequest): Promise<number | null> {
    const [row] = await this.#run(this.#sql.extend([
      request.token, request.leaseMs, request.scope ?? null, this.#now(),
    ]))
    const expiry = row?.['lease_until']
    return expiry === null || expiry === undefined ? null : Number(expiry)
  }

  async get(ids: readonly string[], scope: ScopeId | undefined): Promise<readonly OutboxMessage[]> {
    const tag = await this.#calls.run(() => this.#readTag(this.#database.executor))
    const sequences = ids.flatMap((id) => parseMessageId(tag, id)?.toString() ?? [])
    if (sequences.length === 0) return []
    const rows = await this.#run(this.#sql.get([arrayLiteral(sequences), scope ?? null]))
    return rows.map((row) => toMessage(tag, row))
  }

  async list(filter: ListFilter): Promise<readonly OutboxMessage[]> {
    const tag = await this.#calls.run(() => this.#readTag(this.#database.executor))
    const after = filter.after === undefined ? null : parseMessageId(tag, filter.after)
    if (after === undefined) return []
    const statement = this.#sql[filter.status === undefined ? 'listAll' : LIST_BY_STATUS[filter.status]]
    const rows = await this.#run(statement([
      filter.lane ?? null, filter.target ?? null, filter.key ?? null, filter.scope ?? null,
      after?.toString() ?? null, filter.limit,
    ]))
    return rows.map((row) => toMessage(tag, row))
  }

  async stats(filter: StatsFilter): Promise<readonly OutboxStats[]> {
    const rows = await this.#run(this.#sql.stats([
      filter.lane ?? null, filter.target ?? null, filter.scope ?? null, this.#now(),
    ]))
    return rows.map(toStats)
  }

  async purge(request: PurgeRequest): Promise<PurgeResult> {
    const { limit, scope, dryRun } = request
    const count = async (
      remove: OutboxStatementName, look: OutboxStatementName, ageMs: number | undefined,
    ): Promise<number> => {
      if (ageMs === undefined) return 0
      const statement = this.#sql[dryRun ? look : remove]
      const [row] = await this.#runReadCommitted(statement([ageMs, limit, this.#now(), scope ?? null]))
      return Number(row?.['n'])
    }
    return {
      delivered: await count('purgeDelivered', 'countOldDelivered', request.deliveredOlderThanMs),
      deadLetters: await count('purgeDead', 'countOldDead', request.deadOlderThanMs),
      dedupeKeys: await count('purgeDedupe', 'countOldDedupe', request.dedupeOlderThanMs),
    }
  }

  async failures(id: string, scope: ScopeId | undefined): Promise<readonly FailedAttempt[]> {
    const tag = await this.#calls.run(() => this.#readTag(this.#database.executor))
    const sequence = parseMessageId(tag, id)
    if (sequence === undefined) return []
    const rows = await this.#run(this.#sql.failures([String(sequence), scope ?? null]))
    return rows.map((row) => ({
      attempt: Number(row['attempt']), failedAt: Number(row['failed_at']), consumer: String(row['consumer']),
      error: String(row['error']),
    }))
  }

  async resolveDead({ ids, action, scope, edit }: ResolveDeadRequest): Promise<readonly DeadAnswer[]> {
    const tag = await this.#calls.run(() => this.#readTag(this.#database.executor))
    const sequences = ids.map((id) => parseMessageId(tag, id)?.toString())
    const known = sequences.filter((sequence) => sequence !== undefined)
    const rows = await this.#runReadCommitted(edit === undefined
      ? this.#sql.resolveDead([arrayLiteral(known), scope ?? null, action === 'redrive', this.#now()])
      : this.#sql.redriveEdited([
        known[0] ?? null, scope ?? null, edit.payload, edit.contentType, edit.by, edit.note, this.#now(),
      ]))
    return firstNamed(sequences, rows, action === 'redrive' ? 'redriven' : 'discarded', 'not_dead')
  }

  async edits(id: string, scope: ScopeId | undefined): Promise<readonly PayloadEdit[]> {
    const tag = await this.#calls.run(() => this.#readTag(this.#database.executor))
    const sequence = parseMessageId(tag, id)
    if (sequence === undefined) return []
    const rows = await this.#run(this.#sql.edits([String(sequence), scope ?? null]))
    return rows.map((row) => ({
      editedAt: Number(row['edited_at']), by: String(row['by']), note: String(row['note']),
      contentType: String(row['content_type']), payload: toBytes(row['payload']),
    }))
  }

  async quarantine({ entries, scope }: QuarantineRequest): Promise<readonly QuarantineAnswer[]> {
    const tag = await this.#calls.run(() => this.#readTag(this.#database.executor))
    const sequences = entries.map(({ id }) => parseMessageId(tag, id)?.toString())
    const firsts = entries.flatMap((entry, place) => {
      const sequence = sequences[place]
      const isFirst = sequence !== undefined && sequences.indexOf(sequence) === place
      return isFirst ? [{ sequence, note: quarantineNote(entry) }] : []
    })
    if (firsts.length === 0) return entries.map(() => 'skipped')
    const rows = await this.#runReadCommitted(this.#sql.quarantine([
      arrayLiteral(firsts.map(({ sequence }) => sequence)), arrayLiteral(firsts.map(({ note }) => note)),
      QUARANTINE_CONSUMER, scope ?? null, this.#now(),
    ]))
    return firstNamed(sequences, rows, 'dead_lettered', 'skipped')
  }

  async setPaused({ lane, target, paused }: PauseRequest): Promise<void> {
    await this.#run(this.#sql[paused ? 'pause' : 'resume']([lane, target ?? '']))
  }

  async settings(): Promise<OutboxSettings> {
    const lanes = await this.#run(this.#sql.lanes([]))
    const paused = await this.#run(this.#sql.paused([]))
    return {
      lanes: Object.fromEntries(lanes.map((row) => [String(row['lane']), row['ordering'] as LaneOrdering])),
      paused: paused.map((row) => ({ lane: String(row['lane']), target: String(row['target']) || undefined })),
    }
  }

  async migrate(lanes: LaneOrderings = {}): Promise<void> {
    await this.#calls.run(() => migrate(this.#database, this.#options.schema, lanes))
  }

  async close(): Promise<void> {
    if (this.#calls.isClosed) return
    this.#closing.abort()
    // A pool that is ended under a call would leave it waiting, or fail it without need.
    await this.#calls.close()
    await this.#database.close()
  }

  #now(): number | null {
    return this.#options.now?.() ?? null
  }

  #run(statement: SqlStatement): Promise<readonly SqlRow[]> {
    return this.#calls.run(() => this.#database.executor.execute(statement))
  }

  /**
   * Delivered messages go in time without anybody calling purge: now and then a settle sets this off beside it. What
   * fails here is done the next time.
   */
  #removeExpired(): void {
    const { retainDeliveredMs } = this.#options
    if (retainDeliveredMs === 0 || monotonicMs() < this.#removeAt) return
    this.#removeAt = monotonicMs() + REMOVE_EVERY_MS
    const remove = async (): Promise<void> => {
      for (let round = 0; round < REMOVE_ROUNDS && !this.#calls.isClosed; round += 1) {
        const { delivered } = await this.purge({
          deliveredOlderThanMs: retainDeliveredMs, deadOlderThanMs: undefined, dedupeOlderThanMs: undefined,
          limit: REMOVE_LIMIT, scope: undefined, dryRun: false,
        })
        if (delivered < REMOVE_LIMIT) return
      }
    }
    remove().catch(() => undefined)
  }

  /** Where connections default to a stricter isolation, some functions need a transaction that says otherwise. */
  async #runReadCommitted(statement: SqlStatement): Promise<readonly SqlRow[]> {
    if (!this.#stricterByDefault) {
      try {
        return await this.#run(statement)
      } catch (error) {
        if (!isWaybillError(error) || error.details['databaseCode'] !== NEEDS_READ_COMMITTED) throw error
        this.#stricterByDefault = true
      }
    }
    return this.transaction(async (tx) => {
      await tx.execute({ text: 'set transaction isolation level read committed', params: [] })
      return tx.execute(statement)
    })
  }

  async #readTag(executor: SqlExecutor): Promise<string> {
    if (this.#tag !== undefined) return this.#tag
    const [row] = await executor.execute(this.#sql.readTag([]))
    if (row === undefined) throw new WaybillError('NOT_MIGRATED', 'the schema is empty; run `waybill migrate`')
    this.#tag = String(row['value'])
    return this.#tag
  }
}

/** Kinds, errors, delays and times; null for what is the same of all, as in most settles. */
function outcomeArrays(outcomes: readonly SettleOutcome[]): (string | null)[] {
  if (outcomes.every(({ kind }) => kind === 'ack')) return [null, null, null, null]
  return [
    arrayLiteral(outcomes.map(({ kind }) => kind)),
    arrayLiteral(outcomes.map((outcome) => ('error' in outcome ? outcome.error : null))),
    arrayLiteral(outcomes.map(delayOf)),
    arrayLiteral(outcomes.map((outcome) => ('retryAt' in outcome ? String(outcome.retryAt) : null))),
  ]
}

function delayOf(outcome: SettleOutcome): string | null {
  return 'retryInMs' in outcome && outcome.retryInMs !== undefined ? String(outcome.retryInMs) : null
}

/** An answer for each: of several that name one message, the first has done it. */
function firstNamed<Done, Not>(
  sequences: readonly (string | undefined)[], rows: readonly SqlRow[], done: Done, not: Not,
): (Done | Not)[] {
  const found = new Set(rows.map((row) => String(row['seq'])))
  return sequences.map((sequence) => (sequence !== undefined && found.delete(sequence) ? done : not))
}

function toStats(row: SqlRow): OutboxStats {
  const oldest = row['oldest_ready']
  return {
    lane: String(row['lane']),
    target: String(row['target']),
    ready: Number(row['ready']),
    scheduled: Number(row['scheduled']),
    claimed: Number(row['claimed']),
    delivered: Number(row['delivered']),
    deadLetter: Number(row['dead_letter']),
    oldestReadyAgeMs: oldest === null ? undefined : Math.max(0, Number(row['now']) - Number(oldest)),
  }
}
