/**
 * The journal on PostgreSQL 13 and later. How it stores: schema-journal.ts. How it appends in a caller's transaction:
 * journal-append.ts. What a follower remembers: journal-marks.ts.
 */
import type { Clock } from '../../core/environment.js'
import { isWaybillError, WaybillError } from '../../core/errors.js'
import type { ScopeId } from '../../core/scope.js'
import { runSteps, type SqlDatabase, type SqlExecutor, type SqlRow, type SqlStatement } from '../../core/sql.js'
import type {
  AgedEvents, JournalCapabilities, JournalFilter, JournalStore, PagesRead, PruneRequest, PruneResult, StorePage,
  StreamRead, StreamsRead,
} from '../../journal/contract.js'
import { badCursor, readCursor, writeCursor } from '../../journal/cursor.js'
import type { AppendResult, JournalEvent, NewBatch, StreamName, StreamSummary } from '../../journal/event.js'
import { parseMessageId } from '../../outbox/message-id.js'
import { prefixEnd } from '../../sql/prefix.js'
import { arrayLiteral } from './array-literal.js'
import { Calls } from './calls.js'
import { translatedDatabase, translatedExecutor } from './database.js'
import { appendSteps } from './journal-append.js'
import { afterPage, lowWater, marksFromPlace, marksToPlace, START } from './journal-marks.js'
import { marksOf, pageStatement, toPages, type PartMarks } from './journal-pages.js'
import { pruneLeaves } from './journal-prune.js'
import { toEvent, toPageState } from './journal-rows.js'
import { journalStatements, type JournalStatements } from './journal-statements.js'

export interface PostgresJournalOptions {
  readonly schema: string
  /** Replaces the database's clock, for tests. */
  readonly now: Clock | undefined
}

interface Identity {
  readonly tag: string
  readonly epoch: string
}

export class PostgresJournalStore implements JournalStore<SqlExecutor> {
  readonly capabilities: JournalCapabilities = { shared: true, durable: true, concurrentTransactions: true }
  readonly #database: SqlDatabase
  readonly #sql: JournalStatements
  readonly #now: Clock | undefined
  readonly #calls = new Calls()
  #identity: Identity | undefined

  constructor(database: SqlDatabase, { schema, now }: PostgresJournalOptions) {
    this.#database = translatedDatabase(database)
    this.#sql = journalStatements(schema)
    this.#now = now
  }

  async append(tx: SqlExecutor, batch: NewBatch): Promise<AppendResult> {
    return this.#calls.run(async () => {
      // Read inside the caller's transaction: a pool of one connection must not wait for itself.
      const executor = translatedExecutor(tx)
      const { tag } = await this.#identify(executor)
      return runSteps(executor, appendSteps({ sql: this.#sql, tag, now: this.#now?.() ?? null }, batch))
    })
  }

  async transaction<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
    return this.#calls.run(() => this.#database.transaction(work))
  }

  async read({ scope, stream, from, to, deleted, limit }: StreamRead): Promise<readonly JournalEvent[]> {
    return this.#ask(this.#sql.read([scope, stream, from, to, deleted, limit]), (rows, tag) =>
      rows.map((row) => toEvent(tag, row)))
  }

  async readPages(request: PagesRead): Promise<readonly StorePage[]> {
    return this.#calls.run(async () => {
      const { epoch, tag } = await this.#identify(this.#database.executor)
      const parts = marksOf(request, epoch)
      const rows = await this.#readRows(request, parts)
      try {
        return toPages(request, parts, rows, tag, epoch)
      } catch (error) {
        if (isWaybillError(error, 'EPOCH_CHANGED')) this.#identity = undefined
        throw error
      }
    })
  }

  async head(filter: JournalFilter): Promise<string> {
    return this.#calls.run(async () => {
      await this.#identify(this.#database.executor)
      const part = { before: START, isStart: true, slots: undefined }
      const [row] = await this.#readRows({ ...filter, limit: 0 }, [part])
      const state = toPageState(row)
      return writeCursor(state.epoch, filter, marksToPlace(afterPage(START, state, state.head)))
    })
  }

  async get(ids: readonly string[], scope: ScopeId | undefined): Promise<readonly JournalEvent[]> {
    return this.#calls.run(async () => {
      const { tag } = await this.#identify(this.#database.executor)
      const positions = ids.flatMap((id) => parseMessageId(tag, id)?.toString() ?? [])
      if (positions.length === 0) return []
      const rows = await this.#database.executor.execute(this.#sql.get([arrayLiteral(positions), scope ?? null]))
      return rows.map((row) => toEvent(tag, row))
    })
  }

  async streams({ scope, prefix, after, limit }: StreamsRead): Promise<readonly StreamSummary[]> {
    const statement = this.#sql[scope === undefined ? 'streamsOfAll' : 'streamsOfOne']
    const params = [scope ?? after?.scope ?? '', after?.stream ?? '', prefix, prefixEnd(prefix) ?? null, limit]
    return this.#ask(statement(params), (rows) => rows.map((row) => ({
      scope: row['scope'] as ScopeId, stream: String(row['stream']),
      highestSequence: BigInt(String(row['last'])), deletedTo: BigInt(String(row['deleted_to'])),
    })))
  }

  async highestSequence({ scope, stream }: StreamName): Promise<bigint> {
    return this.#ask(this.#sql.highest([scope, stream]), ([row]) => BigInt(String(row?.['last'] ?? 0)))
  }

  async deleteTo({ scope, stream }: StreamName, sequence: bigint): Promise<void> {
    await this.#ask(this.#sql.deleteTo([scope, stream, sequence]), () => undefined)
  }

  async removeTo({ scope, stream }: StreamName, sequence: bigint): Promise<void> {
    await this.#ask(this.#sql.removeTo([scope, stream, sequence]), () => undefined)
  }

  async passed(cursor: string, filter: JournalFilter): Promise<bigint> {
    return this.#calls.run(async () => {
      const { epoch } = await this.#identify(this.#database.executor)
      return lowWater(marksFromPlace(readCursor(cursor, epoch, filter)))
    })
  }

  async aged(ageMs: number): Promise<AgedEvents> {
    return this.#ask(this.#sql.aged([this.#now?.() ?? null, ageMs]), ([row]) => (
      { upTo: BigInt(String(row?.['up_to'])), asOf: String(row?.['as_of']) }))
  }

  async prune(request: PruneRequest): Promise<PruneResult> {
    return this.#calls.run(() => pruneLeaves(this.#database, this.#sql, request))
  }

  /** The connections are closed by the outbox. */
  async close(): Promise<void> {
    await this.#calls.close()
  }

  async #readRows(
    request: Omit<PagesRead, 'parts'>, parts: readonly PartMarks[],
  ): Promise<readonly SqlRow[]> {
    try {
      return await this.#database.executor.execute(pageStatement(this.#sql, request, parts))
    } catch (error) {
      // What looks like a snapshot and is none.
      if (isWaybillError(error) && error.details['databaseCode'] === '22P02') throw badCursor()
      throw error
    }
  }

  #ask<T>(statement: SqlStatement, answer: (rows: readonly SqlRow[], tag: string) => T): Promise<T> {
    return this.#calls.run(async () => {
      const { tag } = await this.#identify(this.#database.executor)
      return answer(await this.#database.executor.execute(statement), tag)
    })
  }

  async #identify(executor: SqlExecutor): Promise<Identity> {
    if (this.#identity !== undefined) return this.#identity
    const [row] = await executor.execute(this.#sql.readTag([]))
    if (row === undefined) throw new WaybillError('NOT_MIGRATED', 'the schema is empty; run `waybill migrate`')
    return this.#identity = { tag: String(row['value']), epoch: String(row['epoch']) }
  }
}
