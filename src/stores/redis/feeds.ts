/**
 * Feeds on a server of the Redis protocol. How they are stored: feed-scripts.ts, keys.ts. There is no transaction of
 * the caller's: each call takes effect by itself. A commit is one script, so nothing comes between its parts, and
 * nobody sees half of it.
 *
 * What survives a crash is what the server has written to its append-only file, which is a matter of its settings:
 * `appendonly yes`, and `appendfsync always` if not even the last second may be lost. An answer that was lost leaves
 * open whether the commit took effect: what is committed again then is there twice.
 */
import type { RedisCommands, RedisReply } from '../../core/redis-commands.js'
import type {
  FeedCapabilities, FeedCommit, FeedPage, FeedPageRead, FeedsRequest, FeedSnapshotRead, FeedStore, FeedSummary, NewFeed,
} from '../../feeds/contract.js'
import type { FeedState } from '../../feeds/result.js'
import { feedExhausted } from '../../feeds/ring.js'
import { RedisConnection } from './connection.js'
import { mutationArguments, RedisLiveResults, RedisResultLog, toEntry } from './feed-log.js'
import { COMMIT, DELETE, OPEN, PAGE, RESET } from './feed-scripts.js'
import { RedisKeys } from './keys.js'
import { RedisRegistry } from './registry.js'
import { listOf, padded, textOf } from './replies.js'

export interface RedisStoreOptions {
  /** Comes before every key. It has no braces. */
  readonly prefix: string
}

export class RedisFeedStore implements FeedStore<undefined> {
  readonly capabilities: FeedCapabilities = {
    transactions: false, concurrentTransactions: false, snapshots: 'corrected', shared: true, durable: true,
  }
  readonly log: RedisResultLog
  readonly live: RedisLiveResults
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys
  readonly #names: RedisRegistry

  constructor(commands: RedisCommands, { prefix }: RedisStoreOptions) {
    this.#connection = new RedisConnection(commands)
    this.#keys = new RedisKeys(prefix)
    this.#names = new RedisRegistry(this.#connection, this.#keys.feeds)
    this.log = new RedisResultLog(this.#connection, this.#keys)
    this.live = new RedisLiveResults(this.#connection, this.#keys)
  }

  async transaction<T>(work: (tx: undefined) => Promise<T>): Promise<T> {
    this.#connection.assertOpen()
    return work(undefined)
  }

  async open(_: undefined, { feed, incarnation, configHash, capacity }: NewFeed): Promise<FeedState> {
    await this.#names.add(feed)
    const [state, isMade] = listOf(await this.#connection.run(OPEN, this.#all(feed), [
      incarnation, configHash, `${capacity}`,
    ]))
    if (isMade === 1) await this.#names.add(feed)
    return toState(feed, state)
  }

  async commit(_: undefined, commit: FeedCommit): Promise<FeedState | undefined> {
    const { feed, configHash, capacity, results, mutations } = commit
    // Those that would leave at once are counted, and not sent.
    const kept = results.slice(Math.max(0, results.length - capacity))
    const { put, gone } = mutationArguments(mutations)
    const counts = [results.length, kept.length, put.length / 2, gone.length].map(String)
    const reply = await this.#connection.run(COMMIT, this.#all(feed), [
      configHash, `${capacity}`, ...counts, ...kept, ...put, ...gone,
    ])
    if (reply === null) return undefined
    if (!Array.isArray(reply)) throw feedExhausted(feed)
    return toState(feed, reply)
  }

  async state(feed: string): Promise<FeedState | undefined> {
    const { state } = this.#keys.feed(feed)
    const reply = listOf(await this.#connection.command(state,
      'HMGET', state, 'incarnation', 'config', 'sequence', 'first', 'capacity'))
    return reply[0] === null ? undefined : toState(feed, reply)
  }

  async page({ feed, after, limit }: FeedPageRead): Promise<FeedPage | undefined> {
    const reply = await this.#connection.run(PAGE, this.#all(feed), [padded(after + 1n), `${limit}`])
    if (reply === null) return undefined
    const [state, members] = listOf(reply)
    return { state: toState(feed, state), entries: listOf(members).map(toEntry) }
  }

  async snapshot(feed: string, pageSize: number): Promise<FeedSnapshotRead | undefined> {
    const state = await this.state(feed)
    const pages = this.live.readSnapshot(feed, pageSize)
    // A scan is nothing to the server between two calls.
    return state && { state, pages, close: async () => void await pages.return(undefined) }
  }

  async reset(_: undefined, { feed, incarnation, configHash, capacity }: NewFeed): Promise<FeedState> {
    await this.#names.add(feed)
    const state = await this.#connection.run(RESET, this.#all(feed), [incarnation, configHash, `${capacity}`])
    await this.#names.add(feed)
    return toState(feed, state)
  }

  async delete(_: undefined, feed: string): Promise<boolean> {
    const isFound = await this.#connection.run(DELETE, this.#all(feed), []) === 1
    if (isFound) await this.#names.remove(feed, async () => await this.state(feed) !== undefined)
    return isFound
  }

  async list({ after, limit }: FeedsRequest): Promise<readonly FeedSummary[]> {
    return this.#names.list(after, limit, async (feed) => {
      const [state, rows] = await Promise.all([this.state(feed), this.live.rowCount(feed)])
      return state && { ...state, rows }
    })
  }

  async close(): Promise<void> {
    this.#connection.close()
  }

  #all(feed: string): readonly string[] {
    const { state, log, rows } = this.#keys.feed(feed)
    return [state, log, rows]
  }
}

function toState(feed: string, reply: RedisReply | undefined): FeedState {
  const [incarnation, configHash, sequence, first, capacity] = listOf(reply).map(textOf)
  return {
    feed, incarnation: incarnation ?? '', configHash: configHash ?? '', sequence: BigInt(sequence ?? 0),
    first: BigInt(first ?? 0), capacity: Number(capacity),
  }
}
