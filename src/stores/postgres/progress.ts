/**
 * The progress of publishers on PostgreSQL 13 and later. How it is stored, what is locked in which order, and why no
 * two calls deadlock: schema-progress.ts. What becomes of parts: journal/parts.ts.
 *
 * Whoever changes parts runs under READ COMMITTED, whatever the connection's default: its second statement must see
 * what was committed while the first waited for the publisher.
 */
import type { Clock } from '../../core/environment.js'
import { isWaybillError } from '../../core/errors.js'
import type { SqlDatabase, SqlExecutor, SqlRow, SqlStatement } from '../../core/sql.js'
import {
  afterForget, afterGive, afterJoin, afterLeave, afterRebase, afterRedrive, afterRewind, afterTake,
} from '../../journal/parts.js'
import type {
  DeadEvent, DeadLettersRequest, GiveRequest, HeldStream, HoldsRequest, JoinRequest, PartProgress, ProgressStore,
  PublishersRequest, PublisherState, PublisherSummary, PurgeDeadEvents, RebaseRequest, ResolveDeadEvents,
  RewindRequest, SaveRequest, TakeRequest,
} from '../../journal/progress.js'
import { changesOf, NO_PUBLISHER, stateOf, type PublisherRecord } from '../../journal/publisher-record.js'
import type { DeadAnswer } from '../../outbox/contract.js'
import { arrayLiteral } from './array-literal.js'
import { DatabaseCalls } from './calls.js'
import { translatedDatabase } from './database.js'
import type { PostgresJournalOptions } from './journal.js'
import {
  memberColumns, outcomeColumns, partColumns, redriveColumns, signed, toDead, toHeld, toMembers, toPart, toState,
} from './progress-rows.js'
import { progressStatements, type ProgressStatements } from './progress-statements.js'

/** What a statement fails with at a stricter isolation when it meets another's change. */
const SERIALIZATION_FAILURE = '40001'

export class PostgresProgressStore implements ProgressStore {
  readonly #sql: ProgressStatements
  readonly #clock: Clock | undefined
  readonly #calls: DatabaseCalls

  constructor(database: SqlDatabase, { schema, now }: PostgresJournalOptions) {
    this.#calls = new DatabaseCalls(translatedDatabase(database))
    this.#sql = progressStatements(schema)
    this.#clock = now
  }

  async look(publisher: string): Promise<PublisherState | undefined> {
    return toState(publisher, await this.#calls.ask(this.#sql.look([publisher, this.#now()])))
  }

  async take(request: TakeRequest): Promise<PublisherState> {
    const { publisher } = request
    return this.#locked(publisher, 'make', async (tx, before, now) => {
      const after = afterTake(before, request, now)
      await this.#write(tx, publisher, before, after)
      return stateOf(publisher, after, now)
    })
  }

  /** One after another: each is on its own, and the rows of several would have to be locked in order. */
  async save({ publisher, parts }: SaveRequest): Promise<readonly boolean[]> {
    const saved: boolean[] = []
    for (const part of parts) saved.push((await this.#saved(this.#savePart(publisher, part))).length > 0)
    return saved
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
    return (await this.#calls.ask(this.#sql.holds([publisher, signed(slots), limit, this.#now()]))).map(toHeld)
  }

  async list({ after, limit }: PublishersRequest): Promise<readonly PublisherSummary[]> {
    const rows = await this.#calls.ask(this.#sql.list([after, limit, this.#now()]))
    const names = [...new Set(rows.map((row) => String(row['publisher'])))]
    return names.flatMap((name) => {
      const own = rows.filter((row) => row['publisher'] === name)
      const state = toState(name, own)
      return state === undefined ? []
        : [{ ...state, heldStreams: Number(own[0]?.['held']), deadLetters: Number(own[0]?.['dead']) }]
    })
  }

  async rebase(request: RebaseRequest): Promise<void> {
    const { publisher } = request
    await this.#locked(publisher, 'make', async (tx, before) => {
      await this.#write(tx, publisher, before, afterRebase(before, request))
      await tx.execute(this.#sql.freeAll([publisher]))
    })
  }

  async rewind({ publisher, scope, stream, slot, from, to }: RewindRequest): Promise<boolean> {
    return this.#change(publisher, (record) => afterRewind(record, slot), [
      from > to ? this.#sql.free([publisher, scope, stream])
        : this.#sql.hold([publisher, scope, stream, slot, this.#now(), from, to]),
    ])
  }

  async forget(publisher: string): Promise<boolean> {
    return this.#change(publisher, afterForget, [this.#sql.freeAll([publisher]), this.#sql.forgetDead([publisher])])
  }

  async deadLetters({ publisher, scope, after, limit }: DeadLettersRequest): Promise<readonly DeadEvent[]> {
    return (await this.#calls.ask(this.#sql.deadLetters([publisher, after, scope ?? null, limit]))).map(toDead)
  }

  async purgeDead({ publisher, olderThanMs, limit, dryRun }: PurgeDeadEvents): Promise<number> {
    const statement = dryRun ? this.#sql.countOldDead : this.#sql.purgeDead
    const [row] = await this.#calls.askFresh(statement([publisher ?? null, olderThanMs, limit, this.#now()]))
    return Number(row?.['count'])
  }

  /** Under the publisher's lock, so that two of them do not wait for each other's rows. */
  async resolveDead({ publisher, scope, numbers, action }: ResolveDeadEvents): Promise<readonly DeadAnswer[]> {
    if (numbers.length === 0) return []
    return this.#locked(publisher, 'find', async (tx, before) => {
      const columns = [publisher, arrayLiteral(numbers.map(String)), scope ?? null]
      const gone = (await tx.execute(this.#sql.resolveDead(columns))).map(toDead)
      if (action === 'redrive' && gone.length > 0) {
        const { record, holds } = afterRedrive(before, gone)
        await this.#write(tx, publisher, before, record)
        await tx.execute(this.#sql.redrive([publisher, ...redriveColumns(holds, this.#now())]))
      }
      const left = new Set(gone.map(({ number }) => number))
      const done = action === 'redrive' ? 'redriven' : 'discarded'
      return numbers.map((number) => (left.delete(number) ? done : 'not_dead'))
    })
  }

  /** The connections are closed by the outbox. */
  async close(): Promise<void> {
    await this.#calls.close()
  }

  #savePart(publisher: string, progress: PartProgress): SqlStatement {
    const { part, term, cursor = null, held, freed, dead } = progress
    const isPlain = held.length === 0 && freed.length === 0 && dead.length === 0
    return isPlain ? this.#sql.save([publisher, part, term, cursor])
      : this.#sql.saveAll([publisher, part, term, cursor, this.#now(), ...outcomeColumns(progress)])
  }

  /** A save that met a taker's change is told so under READ COMMITTED by finding another term. */
  async #saved(statement: SqlStatement): Promise<readonly SqlRow[]> {
    try {
      return await this.#calls.ask(statement)
    } catch (error) {
      if (!isWaybillError(error) || error.details['databaseCode'] !== SERIALIZATION_FAILURE) throw error
      return this.#calls.readCommitted((tx) => tx.execute(statement))
    }
  }

  /** `then` runs in the same transaction. False, and nothing is written, where there is no record to go on with. */
  async #change(
    publisher: string, change: (record: PublisherRecord) => PublisherRecord | undefined,
    then: readonly SqlStatement[] = [],
  ): Promise<boolean> {
    return this.#locked(publisher, 'find', async (tx, before) => {
      const after = change(before)
      if (after === undefined) return false
      await this.#write(tx, publisher, before, after)
      for (const statement of then) await tx.execute(statement)
      return true
    })
  }

  async #locked<T>(
    publisher: string, absent: 'make' | 'find',
    work: (tx: SqlExecutor, record: PublisherRecord, now: number) => Promise<T>,
  ): Promise<T> {
    return this.#calls.readCommitted(async (tx) => {
      let [row] = await tx.execute(this.#sql.lockPublisher([publisher]))
      if (row === undefined && absent === 'make') {
        // Two that make it at once: the second waits here, and finds the row of the first.
        await tx.execute(this.#sql.makePublisher([publisher]))
        row = (await tx.execute(this.#sql.lockPublisher([publisher])))[0]
      }
      if (row === undefined) return work(tx, NO_PUBLISHER, 0)
      const parts = await tx.execute(this.#sql.lockParts([publisher]))
      const members = await tx.execute(this.#sql.members([publisher, this.#now()]))
      const follow = typeof row['follow'] === 'string' ? row['follow'] : undefined
      return work(tx, {
        follow, lastTerm: BigInt(String(row['last_term'])), parts: parts.map(toPart), members: toMembers(members),
      }, Number(members[0]?.['now']))
    })
  }

  async #write(tx: SqlExecutor, publisher: string, before: PublisherRecord, after: PublisherRecord): Promise<void> {
    const { parts, endedParts, members, endedMembers, isPublisherChanged } = changesOf(before, after)
    if (isPublisherChanged) {
      await tx.execute(this.#sql.writePublisher([publisher, after.follow ?? null, after.lastTerm]))
    }
    if (endedParts.length > 0) await tx.execute(this.#sql.endParts([publisher, arrayLiteral(endedParts.map(String))]))
    if (parts.length > 0) await tx.execute(this.#sql.writeParts([publisher, ...partColumns(parts)]))
    if (endedMembers.length > 0) await tx.execute(this.#sql.endMembers([publisher, arrayLiteral(endedMembers)]))
    if (members.length > 0) await tx.execute(this.#sql.writeMembers([publisher, ...memberColumns(members)]))
  }

  #now(): number | null {
    return this.#clock?.() ?? null
  }
}
