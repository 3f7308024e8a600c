/**
 * The checkpoints of subscribers on SQLite. It shares the file and its connections with the outbox.
 *
 * Whoever writes has the write lock from its first statement on, so nothing comes between what a call reads and what
 * it writes. The lists read one state of the file, without the lock.
 */
import type { SqlRow } from '../../core/sql.js'
import { fromOrderedI64, MAX_ASSIGNED, orderedI64 } from '../../core/u64.js'
import { MAX_TIME } from '../../core/validate.js'
import type {
  CheckpointStore, DeadResult, DeadResultsRequest, DiscardResults, PurgeDeadResults, SaveCheckpoints,
  StoredCheckpoint, SubscribersRequest, SubscriberState, TakeSubscriber,
} from '../../feeds/checkpoints.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import { SqliteCalls } from './calls.js'
import type { SqliteDatabase } from './database.js'
import { toBytes } from './outbox-rows.js'
import type { Tables } from './tables.js'

export class SqliteCheckpointStore implements CheckpointStore {
  readonly capabilities = { durable: true, shared: true }
  readonly #calls: SqliteCalls
  readonly #sql: ReturnType<typeof statements>

  constructor(database: SqliteDatabase) {
    this.#calls = new SqliteCalls(database)
    this.#sql = statements(database.tables)
  }

  async take({ subscriber, owner, leaseMs }: TakeSubscriber): Promise<SubscriberState | undefined> {
    return this.#calls.write((query, now) => {
      const [row] = query(this.#sql.take, subscriber, owner, Math.min(now + leaseMs, MAX_TIME), now)
      return row && this.#state(query, row, now)
    })
  }

  async save({ subscriber, term, checkpoints, dead }: SaveCheckpoints): Promise<boolean> {
    return this.#calls.write((query, now) => {
      if (query(this.#sql.mine, subscriber, term).length === 0) return false
      for (const { feed, sequence, incarnation, configHash } of checkpoints) {
        query(this.#sql.move, subscriber, feed, orderedI64(sequence), incarnation, configHash, now)
      }
      for (const { feed, incarnation, sequence, data, attempts, error } of dead) {
        query(this.#sql.bury, subscriber, feed, incarnation, orderedI64(sequence), attempts, error, now, data)
      }
      return true
    })
  }

  async release({ subscriber, term }: { readonly subscriber: string; readonly term: bigint }): Promise<void> {
    await this.#calls.write((query) => query(this.#sql.release, subscriber, term))
  }

  async list({ after, limit }: SubscribersRequest): Promise<readonly SubscriberState[]> {
    return this.#calls.read((query, now) => (
      query(this.#sql.list, after, limit).map((row) => this.#state(query, row, now))))
  }

  async deadLetters({ subscriber, after, limit }: DeadResultsRequest): Promise<readonly DeadResult[]> {
    if (after > MAX_ASSIGNED) return []
    return this.#calls.read((query) => query(this.#sql.deadLetters, subscriber, after, limit).map(toDead))
  }

  async discard({ subscriber, numbers }: DiscardResults): Promise<number> {
    const stored = [...new Set(numbers)].filter((number) => number <= MAX_ASSIGNED)
    return this.#calls.write((query) => (
      stored.filter((number) => query(this.#sql.discard, subscriber, number).length > 0).length))
  }

  async purgeDead({ subscriber, olderThanMs, limit, dryRun }: PurgeDeadResults): Promise<number> {
    const old = (sql: string) => (query: SqliteQuery, now: number): number =>
      query(sql, now - olderThanMs, subscriber ?? null, limit).length
    return dryRun ? this.#calls.read(old(this.#sql.oldDead)) : this.#calls.write(old(this.#sql.purgeDead))
  }

  async forget(subscriber: string, feed?: string): Promise<boolean> {
    if (feed !== undefined) return this.#forgetFeed(subscriber, feed)
    return this.#calls.write((query) => {
      if (query(this.#sql.forget, subscriber).length === 0) return false
      query(this.#sql.forgetCheckpoints, subscriber)
      query(this.#sql.forgetDead, subscriber)
      return true
    })
  }

  async #forgetFeed(subscriber: string, feed: string): Promise<boolean> {
    return this.#calls.write((query) => {
      if (query(this.#sql.forgetFeed, subscriber, feed).length === 0) return false
      query(this.#sql.forgetFeedDead, subscriber, feed)
      query(this.#sql.free, subscriber)
      return true
    })
  }

  /** The file is closed by the outbox. */
  async close(): Promise<void> {
    this.#calls.close()
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
}

function statements(t: Tables) {
  const oldDead = `select number from ${t.feed_dead}
where died_at <= ?1 and (?2 is null or subscriber = ?2) order by died_at, number limit ?3`
  return {
    oldDead,
    purgeDead: `delete from ${t.feed_dead} where number in (${oldDead}) returning number`,
    take: `insert into ${t.feed_subscriber} (subscriber, owner, term, lease_until, is_forgotten)
values (?1, ?2, 1, ?3, 0)
on conflict (subscriber) do update set term = term + (owner is not excluded.owner), owner = excluded.owner,
  lease_until = excluded.lease_until, is_forgotten = 0
where owner is null or owner = excluded.owner or lease_until <= ?4
returning subscriber, owner, term, lease_until`,
    checkpoints: `select feed, sequence, incarnation, config_hash, saved_at from ${t.feed_checkpoint}
where subscriber = ?1 order by feed`,
    mine: `select 1 as one from ${t.feed_subscriber} where subscriber = ?1 and term = ?2`,
    move: `insert into ${t.feed_checkpoint} (subscriber, feed, sequence, incarnation, config_hash, saved_at)
values (?1, ?2, ?3, ?4, ?5, ?6)
on conflict (subscriber, feed) do update set sequence = excluded.sequence, incarnation = excluded.incarnation,
  config_hash = excluded.config_hash, saved_at = excluded.saved_at`,
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
    discard: `delete from ${t.feed_dead} where subscriber = ?1 and number = ?2 returning number`,
    forget: `update ${t.feed_subscriber} set owner = null, term = term + 1, lease_until = 0, is_forgotten = 1
where subscriber = ?1 and not is_forgotten returning subscriber`,
    forgetCheckpoints: `delete from ${t.feed_checkpoint} where subscriber = ?1`,
    forgetDead: `delete from ${t.feed_dead} where subscriber = ?1`,
    forgetFeed: `delete from ${t.feed_checkpoint} where subscriber = ?1 and feed = ?2 returning feed`,
    forgetFeedDead: `delete from ${t.feed_dead} where subscriber = ?1 and feed = ?2`,
    free: `update ${t.feed_subscriber} set owner = null, term = term + 1, lease_until = 0 where subscriber = ?1`,
  }
}

function toCheckpoint(row: SqlRow): StoredCheckpoint {
  return {
    feed: String(row['feed']), sequence: fromOrderedI64(BigInt(row['sequence'] as bigint)),
    incarnation: String(row['incarnation']), configHash: String(row['config_hash']),
    savedAt: Number(row['saved_at']),
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
