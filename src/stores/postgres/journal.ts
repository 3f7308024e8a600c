/**
 * The journal on PostgreSQL 13 and later. How it stores: schema-journal.ts. How it appends in a caller's transaction:
 * journal-append.ts. What a follower remembers: journal-marks.ts.
 */
import type { Clock } from '../../core/environment.js'
import { isWaybillError, WaybillError } from '../../core/errors.js'
import type { ScopeId } from '../../core/scope.js'
import { runSteps, type SqlDatabase, type SqlExecutor, type SqlRow, type SqlStatement } from '../../core/sql.js'
import type {
  JournalCapabilities, JournalFilter, JournalPage, JournalStore, PageRead, StreamRead, StreamsRead,
} from '../../journal/contract.js'
import { badCursor, epochChanged, readCursor, writeCursor } from '../../journal/cursor.js'
import type { AppendResult, JournalEvent, NewBatch, StreamName, StreamSummary } from '../../journal/event.js'
import { parseMessageId } from '../../outbox/message-id.js'
import { prefixEnd } from '../../sql/prefix.js'
import { arrayLiteral } from './array-literal.js'
import { Calls } from './calls.js'
import { translatedDatabase, translatedExecutor } from './database.js'
import { appendSteps } from './journal-append.js'
import { afterPage, marksFromPlace, marksToPlace, START, type Marks } from './journal-marks.js'
import { toEvent, toPageState, type PageState } from './journal-rows.js'
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

interface ReadPage {
  readonly state: PageState
  readonly events: readonly JournalEvent[]
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

  async read({ scope, stream, from, to, limit }: StreamRead): Promise<readonly JournalEvent[]> {
    return this.#ask(this.#sql.read([scope, stream, from, to, limit]), (rows, tag) =>
      rows.map((row) => toEvent(tag, row)))
  }

  async readPage(request: PageRead): Promise<JournalPage> {
    return this.#calls.run(async () => {
      const { cursor, limit } = request
      const { epoch } = await this.#identify(this.#database.executor)
      const before = cursor === undefined ? START : marksFromPlace(readCursor(cursor, epoch, request))
      const { state, events } = await this.#readAfter(before, request, limit)
      // Ids that the cursor has seen given are still to be given here: the database lost what came after.
      if (cursor !== undefined && (state.epoch !== epoch || before.nextXid > state.nextXid)) {
        this.#identity = undefined
        throw epochChanged()
      }
      const { marks, hasMore } = nextMarks(before, state, events, limit)
      return { events, hasMore, cursor: writeCursor(state.epoch, request, marksToPlace(marks)) }
    })
  }

  async head(filter: JournalFilter): Promise<string> {
    return this.#calls.run(async () => {
      const { state } = await this.#readAfter(START, filter, 0)
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

  /** The connections are closed by the outbox. */
  async close(): Promise<void> {
    await this.#calls.close()
  }

  async #readAfter(before: Marks, { tag, scope }: JournalFilter, limit: number): Promise<ReadPage> {
    const { executor } = this.#database
    const { tag: idTag } = await this.#identify(executor)
    const { late } = before
    try {
      const [state, ...rows] = await executor.execute(this.#sql.page([
        tag ?? null, scope ?? null, limit, before.pos, before.snap, arrayLiteral(before.xids.map(String)),
        arrayLiteral(before.marks.map(String)), before.nextMark, late?.pos ?? null, late?.snap ?? null,
        late?.nextXid.toString() ?? null,
      ]))
      return { state: toPageState(state), events: rows.map((row) => toEvent(idTag, row)) }
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

/** What to remember after this page. Late events that fill it are gone on with before anything ahead is read. */
function nextMarks(
  before: Marks, state: PageState, events: readonly JournalEvent[], limit: number,
): { marks: Marks; hasMore: boolean } {
  const last = events.at(-1)?.position ?? 0n
  const isFull = events.length === limit
  if (isFull && last <= before.pos) {
    return { marks: { ...before, late: { snap: state.snap, nextXid: state.nextXid, pos: last } }, hasMore: true }
  }
  if (before.late !== undefined) return { marks: afterPage(before, state, before.pos), hasMore: true }
  // Of a page that is not full everything visible was looked at, also what the filter passed over.
  const end = isFull ? last : state.head
  return { marks: afterPage(before, state, end > before.pos ? end : before.pos), hasMore: isFull }
}
