/**
 * The progress of publishers on SQLite. What becomes of parts: journal/parts.ts. It shares the file and its connections
 * with the outbox.
 *
 * Whoever writes has the write lock from its first statement on, so nothing comes between what a call reads and what
 * it writes. `look` and the lists read one state of the file, without the lock.
 */
import {
  afterForget, afterGive, afterJoin, afterLeave, afterRebase, afterRedrive, afterRewind, afterTake,
} from '../../journal/parts.js'
import type {
  DeadEvent, DeadLettersRequest, GiveRequest, HeldStream, HoldsRequest, JoinRequest, PartProgress, ProgressStore,
  PublishersRequest, PublisherState, PublisherSummary, PurgeDeadEvents, RebaseRequest, ResolveDeadEvents,
  RewindRequest, SaveRequest, TakeRequest,
} from '../../journal/progress.js'
import { stateOf, type PublisherRecord } from '../../journal/publisher-record.js'
import type { DeadAnswer } from '../../outbox/contract.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import { SqliteCalls } from './calls.js'
import type { SqliteDatabase } from './database.js'
import {
  readRecord, readState, toDead, toHeld, writeDead, writeHold, writeRecord,
} from './progress-rows.js'
import { progressStatements, type ProgressStatements } from './progress-statements.js'

export class SqliteProgressStore implements ProgressStore {
  readonly #calls: SqliteCalls
  readonly #sql: ProgressStatements

  constructor(database: SqliteDatabase) {
    this.#calls = new SqliteCalls(database)
    this.#sql = progressStatements(database.tables)
  }

  async look(publisher: string): Promise<PublisherState | undefined> {
    return this.#calls.read((query, now) => readState(query, this.#sql, publisher, now))
  }

  async take(request: TakeRequest): Promise<PublisherState> {
    const { publisher } = request
    return this.#calls.write((query, now) => {
      const before = readRecord(query, this.#sql, publisher)
      const after = afterTake(before, request, now)
      writeRecord(query, this.#sql, publisher, before, after)
      return stateOf(publisher, after, now)
    })
  }

  async save({ publisher, parts }: SaveRequest): Promise<readonly boolean[]> {
    return this.#calls.write((query, now) => parts.map((part) => this.#savePart(query, publisher, part, now)))
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
    return this.#calls.read((query, now) => (
      query(this.#sql.holds, publisher, BigInt.asIntN(64, slots), limit).map((row) => toHeld(row, now))))
  }

  async list({ after, limit }: PublishersRequest): Promise<readonly PublisherSummary[]> {
    return this.#calls.read((query, now) => query(this.#sql.list, after, limit).flatMap((row) => {
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
    return this.#calls.read((query) => query(this.#sql.deadLetters, publisher, after, scope ?? null, limit).map(toDead))
  }

  async purgeDead({ publisher, olderThanMs, limit, dryRun }: PurgeDeadEvents): Promise<number> {
    const old = (sql: string) => (query: SqliteQuery, now: number): number =>
      query(sql, now - olderThanMs, publisher ?? null, limit).length
    return dryRun ? this.#calls.read(old(this.#sql.oldDead)) : this.#calls.write(old(this.#sql.purgeDead))
  }

  async resolveDead({ publisher, scope, numbers, action }: ResolveDeadEvents): Promise<readonly DeadAnswer[]> {
    return this.#calls.write((query, now) => {
      const gone: DeadEvent[] = []
      const answers = numbers.map((number): DeadAnswer => {
        const [row] = query(this.#sql.resolveDead, publisher, number, scope ?? null)
        if (row !== undefined) gone.push(toDead(row))
        return row === undefined ? 'not_dead' : action === 'redrive' ? 'redriven' : 'discarded'
      })
      if (action === 'redrive' && gone.length > 0) {
        const before = readRecord(query, this.#sql, publisher)
        const { record, holds } = afterRedrive(before, gone)
        writeRecord(query, this.#sql, publisher, before, record)
        for (const { scope: of, stream, slot, from, to } of holds) {
          query(this.#sql.redrive, publisher, of, stream, slot, from, to, now)
        }
      }
      return answers
    })
  }

  /** The file is closed by the outbox. */
  async close(): Promise<void> {
    this.#calls.close()
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
    return this.#calls.write((query, now) => {
      const before = readRecord(query, this.#sql, publisher)
      const after = change(before)
      if (after === undefined) return false
      writeRecord(query, this.#sql, publisher, before, after)
      then?.(query, now)
      return true
    })
  }
}
