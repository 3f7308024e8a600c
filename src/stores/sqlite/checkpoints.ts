/**
 * The checkpoints of subscribers on SQLite. It shares the file and its connections with the outbox.
 *
 * Whoever writes has the write lock from its first statement on, so nothing comes between what a call reads and what
 * it writes. The lists read one state of the file, without the lock.
 */
import { WaybillError } from '../../core/errors.js'
import type { SqlRow } from '../../core/sql.js'
import { fromOrderedI64, MAX_ASSIGNED, orderedI64 } from '../../core/u64.js'
import { MAX_TIME } from '../../core/validate.js'
import type {
  Checkpoint, CheckpointStore, DeadResult, DeadResultsRequest, SaveCheckpoints, SubscribersRequest, SubscriberState,
  TakeSubscriber,
} from '../../feeds/checkpoints.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import type { SqliteDatabase } from './database.js'
import { toBytes } from './outbox-rows.js'
import type { Tables } from './tables.js'

export class SqliteCheckpointStore implements CheckpointStore {
  readonly capabilities = { durable: true, shared: true }
  readonly #database: SqliteDatabase
  readonly #sql: ReturnType<typeof statements>
  #closed = false

  constructor(database: SqliteDatabase) {
    this.#database = database
    this.#sql = statements(database.tables)
  }

  async take({ subscriber, owner, leaseMs }: TakeSubscriber): Promise<SubscriberState | undefined> {
    return this.#write((query, now) => {
      const [row] = query(this.#sql.take, subscriber, owner, Math.min(now + leaseMs, MAX_TIME), now)
      return row && this.#state(query, row, now)
    })
  }

  async save({ subscriber, term, checkpoints, dead }: SaveCheckpoints): Promise<boolean> {
    return this.#write((query, now) => {
      if (query(this.#sql.mine, subscriber, term).length === 0) return false
      for (const { feed, sequence, incarnation, configHash } of checkpoints) {
        query(this.#sql.move, subscriber, feed, orderedI64(sequence), incarnation, configHash)
      }
      for (const { feed, incarnation, sequence, data, attempts, error } of dead) {
        query(this.#sql.bury, subscriber, feed, incarnation, orderedI64(sequence), attempts, error, now, data)
      }
      return true
    })
  }

  async release({ subscriber, term }: { readonly subscriber: string; readonly term: bigint }): Promise<void> {
    await this.#write((query) => query(this.#sql.release, subscriber, term))
  }

  async list({ after, limit }: SubscribersRequest): Promise<readonly SubscriberState[]> {
    return this.#read((query, now) => query(this.#sql.list, after, limit).map((row) => this.#state(query, row, now)))
  }

  async deadLetters({ subscriber, after, limit }: DeadResultsRequest): Promise<readonly DeadResult[]> {
    if (after > MAX_ASSIGNED) return []
    return this.#read((query) => query(this.#sql.deadLetters, subscriber, after, limit).map(toDead))
  }

  async forget(subscriber: string): Promise<boolean> {
    return this.#write((query) => {
      if (query(this.#sql.forget, subscriber).length === 0) return false
      query(this.#sql.forgetCheckpoints, subscriber)
      query(this.#sql.forgetDead, subscriber)
      return true
    })
  }

  /** The file is closed by the outbox. */
  async close(): Promise<void> {
    this.#closed = true
  }

  #state(query: SqliteQuery, row: SqlRow, now: number): SubscriberState {
    const { owner } = row
    const subscriber = String(row['subscriber'])
    return {
      subscriber, owner: typeof owner === 'string' ? owner : undefined, term: BigInt(row['term'] as bigint),
      leaseMs: Math.max(0, Number(row['lease_until']) - now),
      checkpoints: query(this.#sql.checkpoints, subscriber).map(toCheckpoint),
    }
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

function statements(t: Tables) {
  return {
    take: `insert into ${t.feed_subscriber} (subscriber, owner, term, lease_until, is_forgotten)
values (?1, ?2, 1, ?3, 0)
on conflict (subscriber) do update set term = term + (owner is not excluded.owner), owner = excluded.owner,
  lease_until = excluded.lease_until, is_forgotten = 0
where owner is null or owner = excluded.owner or lease_until <= ?4
returning subscriber, owner, term, lease_until`,
    checkpoints: `select feed, sequence, incarnation, config_hash from ${t.feed_checkpoint}
where subscriber = ?1 order by feed`,
    mine: `select 1 as one from ${t.feed_subscriber} where subscriber = ?1 and term = ?2`,
    move: `insert into ${t.feed_checkpoint} (subscriber, feed, sequence, incarnation, config_hash)
values (?1, ?2, ?3, ?4, ?5)
on conflict (subscriber, feed) do update set sequence = excluded.sequence, incarnation = excluded.incarnation,
  config_hash = excluded.config_hash`,
    // replace: the row goes and comes again with the next number.
    bury: `insert or replace into ${t.feed_dead}
  (subscriber, feed, incarnation, sequence, attempts, error, died_at, content)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`,
    release: `update ${t.feed_subscriber} set owner = null, term = term + 1, lease_until = 0
where subscriber = ?1 and term = ?2 and owner is not null`,
    list: `select subscriber, owner, term, lease_until from ${t.feed_subscriber}
where subscriber > ?1 and not is_forgotten order by subscriber limit ?2`,
    deadLetters: `select number, subscriber, feed, incarnation, sequence, attempts, error, died_at, content
from ${t.feed_dead} where subscriber = ?1 and number > ?2 order by number limit ?3`,
    forget: `update ${t.feed_subscriber} set owner = null, term = term + 1, lease_until = 0, is_forgotten = 1
where subscriber = ?1 and not is_forgotten returning subscriber`,
    forgetCheckpoints: `delete from ${t.feed_checkpoint} where subscriber = ?1`,
    forgetDead: `delete from ${t.feed_dead} where subscriber = ?1`,
  }
}

function toCheckpoint(row: SqlRow): Checkpoint {
  return {
    feed: String(row['feed']), sequence: fromOrderedI64(BigInt(row['sequence'] as bigint)),
    incarnation: String(row['incarnation']), configHash: String(row['config_hash']),
  }
}

function toDead(row: SqlRow): DeadResult {
  return {
    number: BigInt(row['number'] as bigint), subscriber: String(row['subscriber']), feed: String(row['feed']),
    incarnation: String(row['incarnation']), sequence: fromOrderedI64(BigInt(row['sequence'] as bigint)),
    data: toBytes(row['content']), attempts: Number(row['attempts']), error: String(row['error']),
    diedAt: Number(row['died_at']),
  }
}
