/**
 * The progress of publishers on SQLite. What becomes of parts: journal/parts.ts. It shares the file and its connections
 * with the outbox.
 *
 * Whoever writes has the write lock from its first statement on, so nothing comes between what a call reads and what
 * it writes. `look` and the lists read one state of the file, without the lock.
 */
import { WaybillError } from '../../core/errors.js'
import {
  afterForget, afterGive, afterJoin, afterLeave, afterRebase, afterRewind, afterTake,
} from '../../journal/parts.js'
import type {
  DeadEvent, DeadLettersRequest, GiveRequest, HeldStream, HoldsRequest, JoinRequest, PartProgress, ProgressStore,
  PublishersRequest, PublisherState, PublisherSummary, RebaseRequest, RewindRequest, SaveRequest, TakeRequest,
} from '../../journal/progress.js'
import { stateOf, type PublisherRecord } from '../../journal/publisher-record.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import type { SqliteDatabase } from './database.js'
import {
  readRecord, readState, toDead, toHeld, writeDead, writeHold, writeRecord,
} from './progress-rows.js'
import { progressStatements, type ProgressStatements } from './progress-statements.js'

export class SqliteProgressStore implements ProgressStore {
  readonly #database: SqliteDatabase
  readonly #sql: ProgressStatements
  #closed = false

  constructor(database: SqliteDatabase) {
    this.#database = database
    this.#sql = progressStatements(database.tables)
  }

  async look(publisher: string): Promise<PublisherState | undefined> {
    return this.#read((query, now) => readState(query, this.#sql, publisher, now))
  }

  async take(request: TakeRequest): Promise<PublisherState> {
    const { publisher } = request
    return this.#write((query, now) => {
      const before = readRecord(query, this.#sql, publisher)
      const after = afterTake(before, request, now)
      writeRecord(query, this.#sql, publisher, before, after)
      return stateOf(publisher, after, now)
    })
  }

  async save({ publisher, parts }: SaveRequest): Promise<readonly boolean[]> {
    return this.#write((query, now) => parts.map((part) => this.#savePart(query, publisher, part, now)))
  }

  async give(request: GiveRequest): Promise<boolean> {
    return this.#change(request.publisher, (record) => afterGive(record, request))
  }

  async join(request: JoinRequest): Promise<boolean> {
    return this.#change(request.publisher, (record) => afterJoin(record, request))
  }

  async leave({ publisher, owner }: { readonly publisher: string; readonly owner: string }): Promise<void> {
    await this.#change(publisher, (record) => afterLeave(record, owner))
  }

  async holds({ publisher, slots, limit }: HoldsRequest): Promise<readonly HeldStream[]> {
    return this.#read((query, now) => (
      query(this.#sql.holds, publisher, BigInt.asIntN(64, slots), limit).map((row) => toHeld(row, now))))
  }

  async list({ after, limit }: PublishersRequest): Promise<readonly PublisherSummary[]> {
    return this.#read((query, now) => query(this.#sql.list, after, limit).flatMap((row) => {
      const state = readState(query, this.#sql, String(row['publisher']), now)
      return state === undefined ? []
        : [{ ...state, heldStreams: Number(row['held']), deadLetters: Number(row['dead']) }]
    }))
  }

  async rebase(request: RebaseRequest): Promise<void> {
    const { publisher } = request
    await this.#change(publisher, (record) => afterRebase(record, request), (query) => {
      query(this.#sql.freeAll, publisher)
    })
  }

  async rewind(request: RewindRequest): Promise<boolean> {
    const { publisher, scope, stream, slot, from, to } = request
    const hold = { scope, stream, slot, from, to, attempts: 0, retryInMs: 0, error: '' }
    return this.#change(publisher, (record) => afterRewind(record, slot), (query, now) => {
      if (from > to) query(this.#sql.free, publisher, scope, stream)
      else writeHold(query, this.#sql, publisher, hold, now)
    })
  }

  async forget(publisher: string): Promise<boolean> {
    return this.#change(publisher, afterForget, (query) => {
      query(this.#sql.freeAll, publisher)
      query(this.#sql.forgetDead, publisher)
    })
  }

  async deadLetters({ publisher, scope, after, limit }: DeadLettersRequest): Promise<readonly DeadEvent[]> {
    return this.#read((query) => query(this.#sql.deadLetters, publisher, after, scope ?? null, limit).map(toDead))
  }

  /** The file is closed by the outbox. */
  async close(): Promise<void> {
    this.#closed = true
  }

  #savePart(query: SqliteQuery, publisher: string, progress: PartProgress, now: number): boolean {
    const { part, term, cursor = null, held, freed, dead } = progress
    if (query(this.#sql.save, publisher, part, term, cursor).length === 0) return false
    for (const { scope, stream } of freed) query(this.#sql.free, publisher, scope, stream)
    for (const hold of held) writeHold(query, this.#sql, publisher, hold, now)
    for (const letter of dead) writeDead(query, this.#sql, publisher, letter, now)
    return true
  }

  /** `then` runs in the same transaction. False, and nothing is written, where there is no record to go on with. */
  #change(
    publisher: string, change: (record: PublisherRecord) => PublisherRecord | undefined,
    then?: (query: SqliteQuery, now: number) => void,
  ): Promise<boolean> {
    return this.#write((query, now) => {
      const before = readRecord(query, this.#sql, publisher)
      const after = change(before)
      if (after === undefined) return false
      writeRecord(query, this.#sql, publisher, before, after)
      then?.(query, now)
      return true
    })
  }

  async #read<T>(work: (query: SqliteQuery, now: number) => T): Promise<T> {
    this.#assertOpen()
    return this.#database.read((query) => work(query, this.#database.now()))
  }

  async #write<T>(work: (query: SqliteQuery, now: number) => T): Promise<T> {
    this.#assertOpen()
    return this.#database.write((query) => work(query, this.#database.now()))
  }

  #assertOpen(): void {
    if (this.#closed) throw new WaybillError('CLOSED', 'the store is closed')
    this.#database.assertOpen()
  }
}
