/**
 * The journal on SQLite. How it stores: schema-journal.ts. How it appends in a caller's transaction: journal-append.ts.
 * It shares the file, its connections and its transactions with the outbox.
 */
import { WaybillError } from '../../core/errors.js'
import type { ScopeId } from '../../core/scope.js'
import {
  runSteps, runStepsSync, type SqlExecutor, type SqlRow, type SqlSteps, type SyncSqlExecutor,
} from '../../core/sql.js'
import { MAX_ASSIGNED } from '../../core/u64.js'
import type {
  AgedEvents, JournalCapabilities, JournalFilter, JournalStore, PagesRead, PruneRequest, PruneResult, StorePage,
  StreamRead, StreamsRead,
} from '../../journal/contract.js'
import { badCursor, epochChanged, readCursor, writeCursor } from '../../journal/cursor.js'
import type { AppendResult, JournalEvent, NewBatch, StreamName, StreamSummary } from '../../journal/event.js'
import { parseMessageId } from '../../outbox/message-id.js'
import type { Migration } from '../../sql/migrations.js'
import type { SqliteDatabase } from './database.js'
import type { AssignedNumbers } from './outbox-insert.js'
import { mayBeExhausted, toWaybillError } from './errors.js'
import { appendStatements, appendSteps, type AppendStatements } from './journal-append.js'
import {
  getEvents, headOf, highestSequence, journalReadStatements, listStreams, readBetween, readStream,
  type JournalReadStatements,
} from './journal-read.js'
import { agedEvents, pruneEvents, pruneStatements, type PruneStatements } from './journal-prune.js'
import { stateSql, tagOf } from './migrate.js'
import { migrations } from './schema.js'

export class SqliteJournalStore implements JournalStore<SqlExecutor> {
  /** Writers come one after another, whatever opens them. */
  readonly capabilities: JournalCapabilities = { shared: true, durable: true, concurrentTransactions: false }
  readonly #database: SqliteDatabase
  readonly #append: AppendStatements
  readonly #read: JournalReadStatements
  readonly #prune: PruneStatements
  readonly #migrations: readonly Migration[]
  readonly #sequenceName: string
  readonly #numbers: AssignedNumbers = { highest: 0n }
  #tag: string | undefined
  #closed = false

  constructor(database: SqliteDatabase) {
    this.#database = database
    this.#append = appendStatements(database.tables)
    this.#read = journalReadStatements(database.tables)
    this.#prune = pruneStatements(database.tables)
    this.#migrations = migrations(database.prefix)
    this.#sequenceName = `${database.prefix}journal_event`
  }

  async append(tx: SqlExecutor, batch: NewBatch): Promise<AppendResult> {
    this.#assertOpen()
    try {
      return await runSteps(tx, this.#appendSteps(batch))
    } catch (error) {
      const translated = toWaybillError(error)
      if (mayBeExhausted(translated)) await runSteps(tx, this.#refuseExhausted())
      throw translated
    }
  }

  /** The same for a driver whose calls return at once. */
  appendSync(tx: SyncSqlExecutor, batch: NewBatch): AppendResult {
    this.#assertOpen()
    try {
      return runStepsSync(tx, this.#appendSteps(batch))
    } catch (error) {
      const translated = toWaybillError(error)
      if (mayBeExhausted(translated)) runStepsSync(tx, this.#refuseExhausted())
      throw translated
    }
  }

  async transaction<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
    this.#assertOpen()
    return this.#database.transaction(work)
  }

  async read(request: StreamRead): Promise<readonly JournalEvent[]> {
    const tag = await this.#readTag()
    return this.#database.read((query) => readStream(query, this.#read, tag, request))
  }

  async readPages(request: PagesRead): Promise<readonly StorePage[]> {
    const tag = await this.#readTag()
    const { parts, limit } = request
    const cursorAt = (position: bigint): string => writeCursor(tag, request, [String(position)])
    return this.#database.read((query) => {
      const head = headOf(query, this.#read, this.#sequenceName)
      return parts.map(({ cursor, slots }) => {
        const from = cursor === undefined ? 0n : positionOf(cursor, tag, request)
        // Given by a later state of the file than this one: what comes next would take the numbers it has passed.
        if (from > head) throw epochChanged()
        const events = from === head ? [] : readBetween(query, this.#read, tag, request, slots, from, head)
        const end = events.length === limit ? (events.at(-1)?.position ?? head) : head
        const cursorAfter = (count: number): string =>
          cursorAt(count === events.length ? end : events[count - 1]?.position ?? from)
        return { events, cursor: cursorAt(end), hasMore: end < head, hasMoved: end > from, cursorAfter }
      })
    })
  }

  async head(filter: JournalFilter): Promise<string> {
    const tag = await this.#readTag()
    const head = await this.#database.read((query) => headOf(query, this.#read, this.#sequenceName))
    return writeCursor(tag, filter, [String(head)])
  }

  async get(ids: readonly string[], scope: ScopeId | undefined): Promise<readonly JournalEvent[]> {
    const tag = await this.#readTag()
    const positions = ids.map((id) => parseMessageId(tag, id)).filter((position) => position !== undefined)
    return this.#database.read((query) => getEvents(query, this.#read, tag, positions, scope))
  }

  async streams(request: StreamsRead): Promise<readonly StreamSummary[]> {
    await this.#readTag()
    return this.#database.read((query) => listStreams(query, this.#read, request))
  }

  async highestSequence(name: StreamName): Promise<bigint> {
    await this.#readTag()
    return this.#database.read((query) => highestSequence(query, this.#read, name))
  }

  async deleteTo({ scope, stream }: StreamName, sequence: bigint): Promise<void> {
    await this.#readTag()
    await this.#database.write((query) => query(this.#read.deleteTo, scope, stream, sequence))
  }

  async removeTo({ scope, stream }: StreamName, sequence: bigint): Promise<void> {
    await this.#readTag()
    await this.#database.write((query) => {
      for (const text of [this.#read.deleteTo, this.#read.removeTags, this.#read.removeEvents]) {
        query(text, scope, stream, sequence)
      }
    })
  }

  async passed(cursor: string, filter: JournalFilter): Promise<bigint> {
    const tag = await this.#readTag()
    const position = positionOf(cursor, tag, filter)
    const head = await this.#database.read((query) => headOf(query, this.#read, this.#sequenceName))
    if (position > head) throw epochChanged()
    return position
  }

  async aged(ageMs: number): Promise<AgedEvents> {
    await this.#readTag()
    const cut = this.#database.now() - ageMs
    return this.#database.read((query) =>
      agedEvents(query, this.#prune, cut, headOf(query, this.#read, this.#sequenceName)))
  }

  async prune(request: PruneRequest): Promise<PruneResult> {
    await this.#readTag()
    return pruneEvents(this.#database, this.#prune, request)
  }

  /** The file is closed by the outbox. */
  async close(): Promise<void> {
    this.#closed = true
  }

  * #appendSteps(batch: NewBatch): SqlSteps<AppendResult> {
    // Read in the caller's transaction the first time, so that appending alone opens no connection.
    const tag = this.#tag ?? this.#checked(yield { text: stateSql(this.#database, 'journal_tag'), params: [] })
    return yield* appendSteps({
      sql: this.#append, tag, now: this.#database.now(), sequenceName: this.#sequenceName, numbers: this.#numbers,
    }, batch)
  }

  /** SQLite has no error of its own for a table that has used its last number. */
  * #refuseExhausted(): SqlSteps<void> {
    const [row] = yield { text: this.#read.head, params: [this.#sequenceName] }
    if (row?.['head'] != null && BigInt(row['head'] as bigint) >= MAX_ASSIGNED) {
      throw new WaybillError('RANGE_EXHAUSTED', 'the journal has given its last position')
    }
  }

  async #readTag(): Promise<string> {
    this.#assertOpen()
    return this.#tag ??= await this.#database.read((query) => (
      this.#checked(query(stateSql(this.#database, 'journal_tag')))))
  }

  #checked(rows: readonly SqlRow[]): string {
    return this.#tag = tagOf(this.#migrations, rows)
  }

  #assertOpen(): void {
    if (this.#closed) throw new WaybillError('CLOSED', 'the store is closed')
    this.#database.assertOpen()
  }
}

function positionOf(cursor: string, tag: string, filter: JournalFilter): bigint {
  const [position] = readCursor(cursor, tag, filter)
  if (typeof position !== 'string' || !/^\d{1,19}$/.test(position)) throw badCursor()
  return BigInt(position)
}
