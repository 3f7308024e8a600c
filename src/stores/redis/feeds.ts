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
import { mutationArguments, RedisLiveResults, RedisResultLog, toEntries } from './feed-log.js'
import { COMMIT, DELETE, OPEN, PAGE, RESET, STATE_FIELDS } from './feed-scripts.js'
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
    const head = await this.#head(feed)
    return head && toState(feed, head)
  }

  /**
   * Three commands, between which others may write, because a script copies each member twice: half of what a page
   * costs the server. What they read is what one step would have read in place of the first command:
   * - a feed that was deleted or reset since then has another incarnation at the end, for no two have the same;
   * - results that came since then are beyond the sequence that was read first, and are left out;
   * - the next one to be read may have left the ring since then: then the page does not begin with it.
   * Where one step would have read something else, one does.
   */
  async page({ feed, after, limit }: FeedPageRead): Promise<FeedPage | undefined> {
    const { state, log } = this.#keys.feed(feed)
    const from = after + 1n
    const [head, members, incarnation] = await this.#connection.commands(state, ['HMGET', state, ...STATE_FIELDS],
      ['ZRANGEBYLEX', log, `[${padded(from)}`, '+', 'LIMIT', '0', `${limit}`], ['HMGET', state, STATE_FIELDS[0]])
    if (listOf(head)[0] === null) return undefined
    const page = toPage(feed, head, members)
    const { first, sequence } = page.state
    const next = first > from ? first : from
    const isSame = listOf(incarnation).some((now) => now !== null && textOf(now) === page.state.incarnation)
    const isWhole = next > sequence || page.entries[0]?.sequence === next
    return isSame && isWhole ? page : this.#pageInOneStep(feed, from, limit)
  }

  async #pageInOneStep(feed: string, from: bigint, limit: number): Promise<FeedPage | undefined> {
    const reply = await this.#connection.run(PAGE, this.#all(feed), [padded(from), `${limit}`])
    return reply === null ? undefined : toPage(feed, ...listOf(reply))
  }

  async snapshot(feed: string, pageSize: number): Promise<FeedSnapshotRead | undefined> {
    const head = await this.#head(feed)
    if (head === undefined) return undefined
    const pages = this.live.readSnapshot(feed, pageSize)
    // A scan is nothing to the server between two calls.
    const close = async (): Promise<void> => void await pages.return(undefined)
    return { state: toState(feed, head), revision: toRevision(head), pages, close }
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

  /** What is stored beside log and rows. */
  async #head(feed: string): Promise<readonly RedisReply[] | undefined> {
    const { state } = this.#keys.feed(feed)
    const reply = listOf(await this.#connection.command(state, 'HMGET', state, ...STATE_FIELDS))
    return reply[0] === null ? undefined : reply
  }

  #all(feed: string): readonly string[] {
    const { state, log, rows } = this.#keys.feed(feed)
    return [state, log, rows]
  }
}

function toPage(feed: string, head?: RedisReply, members?: RedisReply): FeedPage {
  const state = toState(feed, head)
  const entries = toEntries(listOf(members)).filter(({ sequence }) => sequence <= state.sequence)
  return { state, entries, revision: toRevision(head) }
}

function toState(feed: string, reply: RedisReply | undefined): FeedState {
  const [incarnation, configHash, sequence, first, capacity] = listOf(reply).slice(0, REVISION_AT).map(textOf)
  return {
    feed, incarnation: incarnation ?? '', configHash: configHash ?? '', sequence: BigInt(sequence ?? 0),
    first: BigInt(first ?? 0), capacity: Number(capacity),
  }
}

function toRevision(reply: RedisReply | undefined): bigint {
  const revision = listOf(reply)[REVISION_AT]
  return revision === null ? 0n : BigInt(textOf(revision))
}

const REVISION_AT = STATE_FIELDS.indexOf('revision')
